"""The loss of this family."""

from torch import Tensor

from ..base import Report
from ..enlarging import EnlargingLearner
from .networks import Generator
from .recipe import Recipe


class Learner(EnlargingLearner):
    """The fusion loss: pixels and low-level features; the critic's term is added to both."""

    network_kind, recipe_kind = Generator, Recipe
    recipe: Recipe

    def loss(self, made: Tensor, real: Tensor) -> tuple[Tensor, Report]:
        """|made - real| + features * |f(made) - f(real)|, f the critic's first stage.

        The paper's low-level features are of a network that is trained elsewhere; there is none for
        CT that could be shipped.
        """
        error = (made - real).abs().mean()
        if not self.recipe.features:
            return error, {"error": error.detach()}
        maps_made, maps_real = (self.critic.low_level(images) for images in (made, real))
        features = (maps_made - maps_real).abs().mean().float()
        return error + self.recipe.features * features, {
            "error": error.detach(),
            "features": features.detach(),
        }
