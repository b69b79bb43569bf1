"""The settings of this family."""

from pydantic import Field

from ..enlarging_recipe import EnlargingRecipe


class Recipe(EnlargingRecipe):
    """Adds the low-level features' weight."""

    features: float = Field(
        default=0.05, ge=0, description="weight of the critic's first stage's differences"
    )
