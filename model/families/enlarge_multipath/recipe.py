"""The settings of this family."""

from pydantic import Field

from ..enlarging_recipe import EnlargingRecipe


class Recipe(EnlargingRecipe):
    """Adds the term for large errors."""

    large_errors: float = Field(default=1.0, ge=0, description="weight of the large errors' term")
    large_from: float = Field(
        default=0.1, ge=0, lt=2, description="error that counts as large, images in [-1, 1]"
    )
