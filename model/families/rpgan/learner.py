"""The training step of `adversarial`, with this family's generator."""

from ...network import NetworkConfig
from ..adversarial import AdversarialLearner
from ..recipe import Recipe as CommonRecipe
from .networks import Generator
from .recipe import Recipe


class Learner(AdversarialLearner):
    """Generator, discriminator, average, one optimiser per network, and random state."""

    def __init__(self, network: NetworkConfig, recipe: CommonRecipe, seed: int) -> None:
        """Start from weights drawn from torch's global random state."""
        own = Recipe.model_validate(recipe)
        network = network.model_copy(update={"head": own.head, "noise": own.noise})
        super().__init__(Generator, network, own, seed)
