"""Generators with a space W of styles between z and the image, to truncate and to edit in."""

from abc import abstractmethod

import torch
from torch import Tensor

from .base import Generator


class StyledGenerator(Generator):
    """A network from z and a class to a style w, and from w to an image; see `Generator`.

    Attributes:
        means: float32 [classes, W], the mean of w by class, a buffer that the training keeps.
    """

    means: Tensor

    @abstractmethod
    def mapping(self, z: Tensor, classes: Tensor) -> Tensor:
        """The styles of latents and classes, as `forward` takes them -> float32 [N, W]."""

    @abstractmethod
    def synthesis(
        self, w: Tensor, given: Tensor | None = None, noise: Tensor | None = None
    ) -> Tensor:
        """Images of styles, float [N, W] -> float [N, 1, H, W]; the rest as in `forward`."""

    @abstractmethod
    def modulation(self) -> Tensor:
        """The weights by which w scales channels, of every convolution: float32 [channels, W]."""

    def forward(
        self,
        z: Tensor,
        classes: Tensor,
        given: Tensor | None = None,
        noise: Tensor | None = None,
    ) -> Tensor:
        """As `Generator.forward`: the class acts through w alone."""
        return self.synthesis(self.mapping(z, classes), given, noise)

    def render(
        self,
        z: Tensor,
        classes: Tensor,
        given: Tensor | None = None,
        noise: Tensor | None = None,
        *,
        truncation: float = 1.0,
        shift: Tensor | None = None,
    ) -> Tensor:
        """As `Generator.render`, in W: w' = mean + truncation (w - mean) + shift.

        The mean is the class's own, as for conditional networks; with that of all classes, little
        truncation would leave little of a class (StyleGAN, Karras et al. 2019, arXiv 1812.04948,
        section 3.2 and appendix B).
        """
        w = self.mapping(z, classes)
        if truncation != 1.0:
            w = torch.lerp(self.mean_of(classes), w, truncation)
        return self.synthesis(w if shift is None else w + shift, given, noise)

    def mean_of(self, classes: Tensor) -> Tensor:
        """The mean of w, float32 [N, W], of classes or of mixtures as `ClassEmbedding` takes."""
        return classes @ self.means if classes.is_floating_point() else self.means[classes]
