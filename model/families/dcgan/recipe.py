"""The paper's settings, section 4: batch 128, Adam at 0.0002 with 0.5."""

from typing import ClassVar

from pydantic import Field

from ...network import Widths
from ..recipe import Recipe as CommonRecipe


class Recipe(CommonRecipe):
    """The paper's settings without tuning; there is no moving average, and no layout is taken."""

    takes_layouts: ClassVar[bool] = False

    batch: int = Field(default=128, ge=2, multiple_of=2, description="real images a step")
    latent: int = Field(default=100, ge=1, description="length of the latent vector z")
    widths: Widths = Field(
        default=(512, 256, 128, 64),
        description="channels from 4 px upward; a finer stage not listed takes half the one below",
    )
    learning_rate: float = Field(default=2e-4, gt=0, description="Adam's, at the start")
    learning_rate_end: float = Field(default=2e-4, gt=0, description="Adam's, at the end (cosine)")
    beta1: float = Field(default=0.5, ge=0, lt=1, description="Adam's first-moment decay")
    beta2: float = Field(default=0.999, ge=0, lt=1, description="Adam's second-moment decay")
