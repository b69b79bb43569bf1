"""The settings of this family."""

from pydantic import Field

from ..fusing_recipe import FusingRecipe


class Recipe(FusingRecipe):
    """Adds the weights of the losses."""

    intensity: float = Field(default=0.1, ge=0, description="weight of the intensities' loss")
    uniform: bool = Field(
        default=True,
        description="one share of the first image for a whole pair, in place of one a pixel",
    )
    gradient: float = Field(default=0.6, ge=0, description="weight of the stronger gradient's loss")
    information: float = Field(
        default=0.0, ge=0, description="weight of the information shared with both; 0: none"
    )
    structure: float = Field(default=1.0, ge=0, description="weight of 1 - SSIM to both")
