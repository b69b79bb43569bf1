"""The loss of this family."""

import torch.nn.functional as F
from torch import Tensor

from ...network import NetworkConfig
from ..base import Report
from ..enlarging import EnlargingLearner
from ..recipe import Recipe as CommonRecipe
from .networks import Generator
from .recipe import Recipe


class Learner(EnlargingLearner):
    """Absolute error, and a term for large errors."""

    recipe: Recipe

    def __init__(self, network: NetworkConfig, recipe: CommonRecipe, seed: int) -> None:
        """Start from weights drawn from torch's global random state."""
        super().__init__(network, Recipe.model_validate(recipe), seed)

    def make(self, network: NetworkConfig) -> Generator:
        """A network of this family."""
        return Generator(network)

    def loss(self, made: Tensor, real: Tensor) -> tuple[Tensor, Report]:
        """|made - real| + large_errors * large."""
        error = (made - real).abs().mean()
        large = large_errors(made, real, self.recipe.large_from)
        loss = error + self.recipe.large_errors * large
        return loss, {"error": error.detach(), "large_errors": large.detach()}


def large_errors(made: Tensor, real: Tensor, start: float) -> Tensor:
    """mean of max(|made - real| - start, 0)^2: nothing for small errors, quadratic for large ones.

    The paper adds a term that "helps in overcoming large errors"; this form of it is ours.
    """
    return F.relu((made - real).abs() - start).square().mean()
