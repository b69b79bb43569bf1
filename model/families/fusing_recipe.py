"""The settings that the families of fusers share. Does not import torch."""

from typing import Any, ClassVar

from pydantic import Field

from ..network import Widths
from .recipe import Recipe, one_width


class FusingRecipe(Recipe):
    """Patches of two registered images are made one."""

    task: ClassVar[str] = "fuse"
    takes_layouts: ClassVar[bool] = False

    batch: int = Field(default=8, ge=2, multiple_of=2, description="pairs of real images a step")
    latent: int = Field(default=1, ge=1, description="not used: nothing is drawn by chance")
    widths: Widths = Field(default=(16,), description="channels of the trunk, a single number")
    blocks: int = Field(default=3, ge=1, description="convolutions of the trunk")
    uniform: bool = Field(
        default=False,
        description="one share of the first image for a whole pair, in place of one a pixel",
    )
    patch: int = Field(
        default=32, ge=16, multiple_of=16, description="side of a patch, in pixels, at most"
    )
    learning_rate: float = Field(default=1e-3, gt=0, description="Adam's, at the start")
    learning_rate_end: float = Field(default=2e-5, gt=0, description="Adam's, at the end (cosine)")
    beta1: float = Field(default=0.9, ge=0, lt=1, description="Adam's first-moment decay")

    def shape(self, image_size: int) -> dict[str, Any]:
        """The fields of `NetworkConfig` that a recipe decides.

        Raises:
            ValueError: `widths` has several numbers.
        """
        del image_size
        return {
            "latent": self.latent,
            "widths": one_width(self.widths),
            "blocks": self.blocks,
            "sources": 2,
            "uniform": self.uniform,
        }
