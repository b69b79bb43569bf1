"""The training step of `adversarial`, and the mean of W that truncation goes towards."""

import torch

from ...network import NetworkConfig
from ...parallel import Shard
from ...runtime import Runtime
from ..adversarial import AdversarialLearner
from ..base import Batch, Report, Step
from ..recipe import Recipe as CommonRecipe
from ..styled import StyledGenerator
from .networks import Generator
from .recipe import Recipe

FOLLOWED = 32
"""Latents a class and step by which the mean of W is followed."""
KEPT = 0.99
"""Decay of the mean of W, per step: it is over the last 3200 latents or so."""


class Learner(AdversarialLearner):
    """Generator, discriminator, average, one optimiser per network, and random state."""

    generator: StyledGenerator
    average: StyledGenerator

    def __init__(self, network: NetworkConfig, recipe: CommonRecipe, seed: int) -> None:
        """Start from weights drawn from torch's global random state."""
        own = Recipe.model_validate(recipe)
        super().__init__(Generator, network.model_copy(update={"noise": own.noise}), own, seed)

    def step(self, batch: Batch, progress: Step, runtime: Runtime, shard: Shard) -> Report:
        """As `AdversarialLearner.step`; the average's mean of W is followed beside."""
        report = super().step(batch, progress, runtime, shard)
        self._follow_means(progress.index)
        return report

    @torch.no_grad()
    def _follow_means(self, index: int) -> None:
        """means <- KEPT means + (1 - KEPT) mean of w, of the average's mapping network.

        Every process draws the same latents. Both generators have the same means, because the
        average takes over the other one's buffers at each step.
        """
        means = self.average.means
        z = torch.randn(FOLLOWED, self.recipe.latent, generator=self.rng).to(means.device)
        classes = torch.arange(len(means), device=means.device)
        w = self.average.mapping(z.repeat(len(means), 1), classes.repeat_interleave(FOLLOWED))
        now = w.view(len(means), FOLLOWED, -1).mean(1)
        means.lerp_(now, max(1 - KEPT, 1 / (index + 1)))
        self.generator.means.copy_(means)
