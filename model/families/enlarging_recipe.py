"""The settings that the families of enlargers share. Does not import torch."""

from typing import Any, ClassVar, Literal

from pydantic import Field

from ..network import Widths
from .recipe import Recipe, one_width


class EnlargingRecipe(Recipe):
    """Patches of large images are made small, and the network learns to give them back."""

    task: ClassVar[str] = "enlarge"
    takes_layouts: ClassVar[bool] = False

    factor: Literal[2, 4] = Field(default=4, description="how many times larger images become")
    batch: int = Field(default=16, ge=2, multiple_of=2, description="real images a step")
    latent: int = Field(default=1, ge=1, description="not used: nothing is drawn by chance")
    widths: Widths = Field(default=(32,), description="channels of the trunk, a single number")
    blocks: int = Field(default=8, ge=1, description="residual blocks of the trunk")
    patch: int = Field(
        default=24,
        ge=8,
        description="side of a patch before it is enlarged, in pixels; at most the image's",
    )
    learning_rate: float = Field(default=2e-3, gt=0, description="Adam's, at the start")
    learning_rate_end: float = Field(default=2e-5, gt=0, description="Adam's, at the end (cosine)")
    beta1: float = Field(default=0.9, ge=0, lt=1, description="Adam's first-moment decay")
    most_noise: float = Field(
        default=8.0,
        ge=0,
        description="largest deviation of noise in small images, which the network is told, in "
        "grey levels; 0: no noise",
    )
    clean: float = Field(default=0.5, ge=0, le=1, description="share of patches without noise")
    adversarial: float = Field(default=0.001, ge=0, description="weight of the critic; 0: none")
    critic_width: int = Field(default=16, ge=4, description="channels of the critic's first stage")

    def shape(self, image_size: int) -> dict[str, Any]:
        """The fields of `NetworkConfig` that a recipe decides.

        Raises:
            ValueError: `widths` has several numbers.
        """
        del image_size  # any, by convolutions alone
        return {
            "latent": self.latent,
            "widths": one_width(self.widths),
            "factor": self.factor,
            "blocks": self.blocks,
        }
