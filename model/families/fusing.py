"""What the families of fusers share: a choice by pixel, a training step, derivatives."""

from abc import abstractmethod

import torch
import torch.nn.functional as F
from torch import Tensor

from ..parallel import Draws, Shard
from ..runtime import Runtime
from .base import Batch, Generator, Report, Step, cosine, descend
from .fusing_recipe import FusingRecipe
from .given import GivenGenerator, PatchLearner, patches


class Fuser(GivenGenerator):
    """A network that says how much of each image is taken: for each pixel, or for a whole pair.

    F = s A + (1 - s) B with s from 0 to 1, so no pixel is brighter or darker than both sources.
    Untrained, it is the average. s = (1 + x / (1 + |x|)) / 2 and not a sigmoid, which is saturated
    within a hundred steps and then learns no more: the result was a copy of one source. With one s
    for a pair, a grey of the result means the same everywhere in it.
    """

    @abstractmethod
    def choice(self, given: Tensor) -> Tensor:
        """float [N, 2, H, W] -> float [N, 1, H, W], x above."""

    def made_of(self, given: Tensor) -> Tensor:
        """Registered pairs, float [N, 2, H, W], -1 black to 1 white -> float32 [N, 1, H, W]."""
        choice = self.choice(given).float()
        if self.config.uniform:
            choice = choice.mean((2, 3), keepdim=True)
        share = 0.5 + 0.5 * F.softsign(choice)
        a, b = given[:, :1].float(), given[:, 1:].float()
        return b + share * (a - b)


class FusingLearner(PatchLearner):
    """Fuser, its average and an optimiser; a family may add critics."""

    named = "fuser"
    recipe: FusingRecipe

    @abstractmethod
    def loss(self, made: Tensor, given: Tensor) -> tuple[Tensor, Report]:
        """The fuser's loss, and its parts to plot.

        Args:
            made: float32 [N, 1, H, W].
            given: what it was made of, float32 [N, 2, H, W].
        """

    def teach(
        self, made: Tensor, given: Tensor, rate: float, runtime: Runtime, shard: Shard
    ) -> Report:
        """A step of whoever judges what was made; nobody does, unless a family says so."""
        del made, given, rate, runtime, shard
        return {}

    def trial(self, images: Tensor, labels: Tensor) -> Tensor:
        """The mean absolute difference of upper left patches and their first source."""
        given = patches(images, torch.zeros(len(images), 2), self._side(images))
        return (self.tried(given, labels) - given[:, :1]).abs().mean()

    def familiarity(self, images: Tensor, labels: Tensor) -> Tensor:
        """The negative difference of whole fused images and their sources."""
        return -(_fused(self.average, images, labels) - images).abs().mean((1, 2, 3))

    def step(self, batch: Batch, progress: Step, runtime: Runtime, shard: Shard) -> Report:
        """Fuse patches and descend the family's loss; then teach its critics."""
        recipe, images = self.recipe, batch.images
        places = Draws(self.rng, shard, torch.device("cpu")).uniform(len(images), 2)
        given = patches(images, places, self._side(images))
        rate = cosine(recipe.learning_rate, recipe.learning_rate_end, progress.done)
        with runtime.autocast():
            made = _fused(self.generator, given, batch.labels)
        # Variances of bright and black patches are differences of nearly equal numbers, of which
        # bfloat16 leaves nothing.
        loss, report = self.loss(made, given)
        descend(loss, self.optimizer, rate, shard)
        report |= {"loss": loss.detach()}
        report |= self.teach(made.detach(), given, rate, runtime, shard)
        self.follow(len(given), progress, shard)
        return report

    def _side(self, images: Tensor) -> int:
        return min(self.recipe.patch, images.shape[-1])


def sobel(images: Tensor) -> Tensor:
    """Derivatives along rows and columns, in greys a pixel: float [N, C, H, W] -> [N, C, 2, H, W].

    Edges are repeated, so that a border is no edge.
    """
    across = images.new_tensor([[-1, 0, 1], [-2, 0, 2], [-1, 0, 1]]) / 8
    return _filtered(images, torch.stack([across, across.T]))


def laplacian(images: Tensor) -> Tensor:
    """The sum of the four neighbours, less four times the pixel: [N, C, H, W] -> the same."""
    kernel = images.new_tensor([[0, 1, 0], [1, -4, 1], [0, 1, 0]])
    return _filtered(images, kernel[None])[:, :, 0]


def _filtered(images: Tensor, kernels: Tensor) -> Tensor:
    """Each channel by each kernel, float [K, 3, 3]: [N, C, H, W] -> [N, C, K, H, W]."""
    count, channels, height, width = images.shape
    padded = F.pad(images.reshape(-1, 1, height, width), (1, 1, 1, 1), mode="replicate")
    found = F.conv2d(padded, kernels[:, None])
    return found.view(count, channels, len(kernels), height, width)


def _fused(network: Generator, given: Tensor, labels: Tensor) -> Tensor:
    made: Tensor = network(given.new_zeros(len(given), 1), labels, given)
    return made
