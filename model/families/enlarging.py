"""What the families of enlargers share: residual over bicubic, noise, a training step."""

from abc import abstractmethod

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ..bicubic import corrected, resized
from ..network import NetworkConfig
from ..parallel import Draws, Shard
from ..runtime import Runtime
from .base import Batch, Generator, Report, Step, adam, cosine, descend
from .enlarging_recipe import EnlargingRecipe
from .given import CRITIC_RATE, Critic, GivenGenerator, PatchLearner, patches
from .recipe import Recipe

GREY_LEVEL = 1 / 127.5
"""One grey level of an image from -1 to 1."""
TRUSTED = 2 * GREY_LEVEL
"""Deviation of noise in a small image at which it is half trusted."""


class Enlarger(GivenGenerator):
    """A network that adds detail to a bicubic enlargement.

    What it returns is consistent: made small again, it is the small image it was given, as far as
    that is without noise.
    """

    @abstractmethod
    def detail(self, given: Tensor) -> Tensor:
        """float [N, 2, h, w] -> float [N, 1, factor h, factor w], to be added to the bicubic."""

    def made_of(self, given: Tensor) -> Tensor:
        """From `told`, float [N, 2, h, w], h = w -> float32 [N, 1, factor h, factor w]."""
        detail = self.detail(given)
        with torch.autocast(given.device.type, enabled=False):
            small, level = given[:, :1].float(), given[:, 1:, :1, :1].float()
            large = resized(small, detail.shape[-1]) + detail.float()
            trust = 1 / (1 + (level / TRUSTED).square())
            return large + trust * (corrected(large, small) - large)


def told(small: Tensor, level: Tensor) -> Tensor:
    """What an enlarger is given: small images, and a map of the deviation of their noise.

    Args:
        small: float [N, 1, h, w], -1 black to 1 white.
        level: float [N], in the same units.

    Returns:
        float [N, 2, h, w].
    """
    return torch.cat([small, level.view(-1, 1, 1, 1).expand_as(small)], 1)


def small_of(large: Tensor, factor: int) -> Tensor:
    """Bicubic reductions, rounded to whole grey levels as those of 8-bit images are.

    float [N, 1, H, H], -1 to 1 -> float [N, 1, H / factor, H / factor].
    """
    small = resized(large, large.shape[-1] // factor)
    return ((small.clamp(-1, 1) + 1) / GREY_LEVEL).round() * GREY_LEVEL - 1


def relativistic(better: Tensor, worse: Tensor) -> Tensor:
    """softplus(worse - better), mean: relativistic pairing (Jolicoeur-Martineau 2018).

    arXiv 1807.00734; the two are of one patch, so that each is compared with its own truth.
    """
    return F.softplus(worse - better).mean()


class EnlargingLearner(PatchLearner):
    """Enlarger, its average, critic, and an optimiser each."""

    named = "enlarger"
    recipe: EnlargingRecipe

    def __init__(self, network: NetworkConfig, recipe: Recipe, seed: int) -> None:
        """Start from weights drawn from torch's global random state."""
        super().__init__(network, recipe, seed)
        self.critic = Critic(self.recipe.critic_width)
        self.critic_optimizer = adam(self.critic, self.recipe)

    @abstractmethod
    def loss(self, made: Tensor, real: Tensor) -> tuple[Tensor, Report]:
        """The enlarger's loss without its adversarial term, and its parts to plot."""

    def networks(self) -> dict[str, nn.Module]:
        """Enlarger, average and critic."""
        return super().networks() | {"critic": self.critic}

    def optimizers(self) -> dict[str, torch.optim.Optimizer]:
        """Of enlarger and critic."""
        return super().optimizers() | {"critic_optimizer": self.critic_optimizer}

    def trial(self, images: Tensor, labels: Tensor) -> Tensor:
        """The mean absolute error of the upper left patches."""
        real = patches(images, torch.zeros(len(images), 2), self._side(images))
        small = small_of(real, self.recipe.factor)
        made = self.tried(told(small, small.new_zeros(len(small))), labels)
        return (made - real).abs().mean()

    def familiarity(self, images: Tensor, labels: Tensor) -> Tensor:
        """The negative error of whole images that were made small and large again."""
        small = small_of(images, self.recipe.factor)
        made = self._enlarge(self.average, small, small.new_zeros(len(small)), labels)
        return -(made - images).abs().mean((1, 2, 3))

    def step(self, batch: Batch, progress: Step, runtime: Runtime, shard: Shard) -> Report:
        """Make patches small, noise half of them, give them back; then teach the critic."""
        recipe, images = self.recipe, batch.images
        draws = Draws(self.rng, shard, images.device)
        places = Draws(self.rng, shard, torch.device("cpu")).uniform(len(images), 2)
        real = patches(images, places, self._side(images))
        small, level = self._noised(small_of(real, recipe.factor), draws)
        rate = cosine(recipe.learning_rate, recipe.learning_rate_end, progress.done)
        with runtime.autocast():
            made = self._enlarge(self.generator, small, level, batch.labels)
            self.critic.requires_grad_(requires_grad=False)
            loss, report = self.loss(made, real)
            if recipe.adversarial:
                pleased = relativistic(self.critic(made), self.critic(real))
                loss = loss + recipe.adversarial * pleased
            self.critic.requires_grad_(requires_grad=True)
        descend(loss, self.optimizer, rate, shard)
        report["loss"] = loss.detach()
        if recipe.adversarial:
            report["loss_critic"] = self._teach(made.detach(), real, rate, runtime, shard)
        self.follow(len(real), progress, shard)
        return report

    def _teach(
        self, made: Tensor, real: Tensor, rate: float, runtime: Runtime, shard: Shard
    ) -> Tensor:
        """One step of the critic; returns its loss."""
        with runtime.autocast():
            loss: Tensor = relativistic(self.critic(real), self.critic(made))
        descend(loss, self.critic_optimizer, rate * CRITIC_RATE, shard)
        return loss.detach()

    def _noised(self, small: Tensor, draws: Draws) -> tuple[Tensor, Tensor]:
        """Small patches with noise of random deviation, and that deviation; some have none.

        Ho et al. 2021, arXiv 2106.15282: an enlarger that learned to be told of noise takes the
        flaws of generated images for noise, and does not sharpen them.
        """
        count = len(small)
        level = draws.uniform(count) * self.recipe.most_noise * GREY_LEVEL
        level = level * (draws.uniform(count) >= self.recipe.clean)
        noise = draws.normal(count, 1, *small.shape[2:])
        return small + level.view(-1, 1, 1, 1) * noise, level

    def _enlarge(self, network: Generator, small: Tensor, level: Tensor, labels: Tensor) -> Tensor:
        made: Tensor = network(small.new_zeros(len(small), 1), labels, told(small, level))
        return made

    def _side(self, images: Tensor) -> int:
        factor = self.recipe.factor
        return factor * min(self.recipe.patch, images.shape[-1] // factor)


def doubled(channels: int, made: int) -> nn.Sequential:
    """Twice the height and width by a sub-pixel convolution (Shi et al. 2016, arXiv 1609.05158)."""
    return nn.Sequential(nn.Conv2d(channels, 4 * made, 3, padding=1), nn.PixelShuffle(2))
