"""The settings of this family."""

from pydantic import Field

from ..fusing_recipe import FusingRecipe


class Recipe(FusingRecipe):
    """Adds the critics and the weights of the content terms."""

    adversarial: float = Field(default=0.01, ge=0, description="weight of both critics' terms")
    coarse: float = Field(
        default=1.0, ge=0, description="weight of the second image's greys, 4 x 4 px averaged"
    )
    edges: float = Field(default=1.2, ge=0, description="weight of the first image's Laplacian")
    critic_width: int = Field(default=16, ge=4, description="channels of a critic's first stage")
