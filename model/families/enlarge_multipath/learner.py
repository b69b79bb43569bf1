"""The loss of this family."""

import torch.nn.functional as F
from torch import Tensor

from ..base import Report
from ..enlarging import EnlargingLearner
from .networks import Generator
from .recipe import Recipe


class Learner(EnlargingLearner):
    """Absolute error, and a term for large errors."""

    network_kind, recipe_kind = Generator, Recipe
    recipe: Recipe

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
