"""The settings of this family."""

from typing import Literal

from pydantic import Field

from ..recipe import Recipe as CommonRecipe


class Recipe(CommonRecipe):
    """Reconstruction is per pixel and by structure; the KL term is warmed up."""

    batch: int = Field(default=32, ge=2, multiple_of=2, description="real images a step")
    learning_rate: float = Field(default=1e-3, gt=0, description="Adam's, at the start")
    learning_rate_end: float = Field(default=1e-4, gt=0, description="Adam's, at the end (cosine)")
    beta1: float = Field(default=0.9, ge=0, lt=1, description="Adam's first-moment decay")
    beta2: float = Field(default=0.999, ge=0, lt=1, description="Adam's second-moment decay")
    beta: float = Field(default=0.5, ge=0, description="weight of the KL term, once warm")
    warm_up: float = Field(
        default=0.2, ge=0, le=1, description="share of the run over which beta rises from 0"
    )
    head: Literal["smooth", "shuffle"] = Field(
        default="shuffle",
        description="the decoder's last step; the smooth one's tanh dies in the first large steps",
    )
    structure: float = Field(default=0.2, ge=0, description="weight of 1 - MS-SSIM")
