"""The settings of this family."""

from typing import ClassVar

from pydantic import Field

from ...network import Widths
from ..recipe import Recipe as CommonRecipe


class Recipe(CommonRecipe):
    """The paper's settings (section A.1), with narrower networks and smaller batches for a CPU."""

    takes_layouts: ClassVar[bool] = False
    makes_findings: ClassVar[bool] = True

    widths: Widths = Field(
        default=(96, 64, 48, 24),
        description="channels from 8 px upward; a finer stage not listed takes half the one below",
    )
    learning_rate: float = Field(default=1e-3, gt=0, description="Adam's, at the start")
    learning_rate_end: float = Field(default=1e-3, gt=0, description="Adam's, at the end (cosine)")
    findings: bool = Field(
        default=True, description="make maps of findings beside images, where images are annotated"
    )
    grown_at: float = Field(
        default=0.5,
        gt=0,
        le=1,
        description="share of the run after which images are made at full size; they begin at 8 px",
    )
    penalty: float = Field(default=10.0, ge=0, description="weight of the gradient penalty")
    penalty_every: int = Field(
        default=1, ge=1, description="steps from one gradient penalty to the next"
    )
    drift: float = Field(
        default=1e-3, ge=0, description="weight of the square of D's logits of real images"
    )
