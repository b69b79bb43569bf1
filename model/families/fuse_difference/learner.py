"""The loss of this family."""

from torch import Tensor

from ..base import Report
from ..fusing import FusingLearner
from . import losses
from .networks import Generator
from .recipe import Recipe


class Learner(FusingLearner):
    """Intensities, the stronger gradient, structure and shared information."""

    network_kind, recipe_kind = Generator, Recipe
    recipe: Recipe

    def loss(self, made: Tensor, given: Tensor) -> tuple[Tensor, Report]:
        """intensity + gradient + structure + information, weighted by the recipe."""
        recipe = self.recipe
        parts = {
            "intensity": losses.intensity(made, given),
            "gradient": losses.stronger_gradient(made, given),
            "structure": losses.structure(made, given),
        }
        weights = [recipe.intensity, recipe.gradient, recipe.structure]
        if recipe.information:  # its histograms take half of a step's time
            parts["information"] = losses.information(made, given)
            weights.append(recipe.information)
        loss = sum(
            (weight * part for weight, part in zip(weights, parts.values(), strict=True)),
            made.new_zeros(()),
        )
        return loss, {name: part.detach() for name, part in parts.items()}
