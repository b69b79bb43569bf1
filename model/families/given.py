"""What families share that make images of given ones: a network, its training on patches."""

from abc import abstractmethod
from itertools import pairwise
from typing import ClassVar

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.func import functional_call
from torch.nn.utils.parametrizations import spectral_norm

from ..network import NetworkConfig
from ..parallel import Shard
from .base import Generator, Learner, Step, adam
from .ema import ema_decay, update_ema
from .recipe import Recipe


class GivenGenerator(Generator):
    """A network that draws nothing: its images are made of given ones alone.

    Attributes:
        last: its last layer (`last_layer`), which starts at zero.
    """

    last: nn.Conv2d

    def __init__(self, config: NetworkConfig) -> None:
        super().__init__()
        self.config, self.bank = config, None

    @abstractmethod
    def made_of(self, given: Tensor) -> Tensor:
        """The images that the network makes, float32 [N, 1, H, W], of what its family is given."""

    def forward(
        self,
        z: Tensor,
        classes: Tensor,
        given: Tensor | None = None,
        noise: Tensor | None = None,
    ) -> Tensor:
        """As `made_of`; nothing but `given` is used.

        Raises:
            ValueError: nothing is given.
        """
        del z, classes, noise
        if given is None:
            raise ValueError(
                "this network makes images of given ones and draws none: give it images"
            )
        return self.made_of(given)


class PatchLearner(Learner):
    """A network, its average and its optimiser; the families add losses and critics.

    Attributes:
        network_kind, recipe_kind: classes of the family.
        named: what the network is called among `networks`, as it is saved.
    """

    network_kind: ClassVar[type[GivenGenerator]]
    recipe_kind: ClassVar[type[Recipe]]
    named: ClassVar[str]
    generator: GivenGenerator
    average: GivenGenerator

    def __init__(self, network: NetworkConfig, recipe: Recipe, seed: int) -> None:
        """Start from weights drawn from torch's global random state."""
        self.recipe = self.recipe_kind.model_validate(recipe)
        self.generator = self.network_kind(network)
        self.average = self.network_kind(network)
        self.average.load_state_dict(self.generator.state_dict())
        self.average.requires_grad_(requires_grad=False)
        self.optimizer = adam(self.generator, self.recipe)
        self.rng = torch.Generator().manual_seed(seed)
        self.numbers = {}

    def networks(self) -> dict[str, nn.Module]:
        """The network and its average."""
        return {self.named: self.generator, "average": self.average}

    def optimizers(self) -> dict[str, torch.optim.Optimizer]:
        """Of the network."""
        return {"optimizer": self.optimizer}

    def tried(self, given: Tensor, labels: Tensor) -> Tensor:
        """What the network makes, for `trial`: its last layer moved away from zero, by fixed draws.

        Through a layer of zeros no gradient passes, so a trial at the start of a training would
        time and compare the last layer's gradient alone.
        """
        last = self.generator.last.weight
        drawn = torch.randn(last.shape, generator=torch.Generator().manual_seed(0))
        moved = {"last.weight": last + drawn.to(last) / last[0].numel() ** 0.5}
        nothing = given.new_zeros(len(given), 1)
        made: Tensor = functional_call(self.generator, moved, (nothing, labels, given))
        return made

    def follow(self, count: int, progress: Step, shard: Shard) -> None:
        """Move the average after a step of `count` images of this process."""
        seen = count * shard.world
        decay = ema_decay(seen, progress.images_seen + seen, self.recipe.ema_fraction)
        update_ema(self.average, self.generator, decay)


def patches(images: Tensor, places: Tensor, side: int) -> Tensor:
    """One square of each image.

    Args:
        images: float [N, C, H, H].
        places: of its upper left corner, in [0, 1) of what is possible: float [N, 2], on the CPU,
            since reading them from a GPU would wait for it.
        side: of the square, in pixels.
    """
    corners = (places * (images.shape[-1] - side + 1)).long().tolist()
    pairs = zip(images, corners, strict=True)
    cut = [image[:, y : y + side, x : x + side] for image, (y, x) in pairs]
    return torch.stack(cut)


class Critic(nn.Module):
    """Tells real patches from made ones, place by place; spectrally normalised.

    Miyato et al. 2018, arXiv 1802.05957. With them it needs no penalty on its gradient.
    """

    def __init__(self, width: int, stages: int = 4) -> None:
        super().__init__()
        widths = [1, width, 2 * width, 4 * width, 4 * width][: stages + 1]
        self.stages = nn.ModuleList(
            spectral_norm(nn.Conv2d(before, after, 4, stride=2, padding=1))
            for before, after in pairwise(widths)
        )
        self.last = spectral_norm(nn.Conv2d(widths[-1], 1, 1))

    def low_level(self, images: Tensor) -> Tensor:
        """float [N, 1, H, W] -> the first stage's maps, float [N, C, H/2, W/2]."""
        return F.leaky_relu(self.stages[0](images), 0.2)

    def forward(self, images: Tensor) -> Tensor:
        """float [N, 1, H, W] -> logits, float32 [N, 1, H / 2^stages, W / 2^stages]."""
        x = images
        for stage in self.stages:
            x = F.leaky_relu(stage(x), 0.2)
        logits: Tensor = self.last(x).float()
        return logits


CRITIC_RATE = 0.25
"""Of a critic, in the learning rate of the network that it judges: it learns too quickly."""


def last_layer(channels: int) -> nn.Conv2d:
    """To one channel, from zero: a training starts from what is made without it."""
    layer = nn.Conv2d(channels, 1, 3, padding=1)
    nn.init.zeros_(layer.weight)
    if layer.bias is not None:
        nn.init.zeros_(layer.bias)
    return layer
