"""The settings that all families share. Does not import torch."""

from typing import Any, ClassVar

from pydantic import Field

from ..network import Widths, stages
from ..section import Section


class Recipe(Section):
    """The settings that all families share; a family sets its own defaults and adds keys.

    Attributes:
        takes_layouts: whether the family's generator is given where findings are.
        makes_findings: whether it makes maps of where findings are, beside the image.
        styled: whether it has a space of styles, in which images are edited.
        task: what the family's generator does, a folder of model/tasks.
    """

    task: ClassVar[str] = "draw"
    takes_layouts: ClassVar[bool] = True
    makes_findings: ClassVar[bool] = False
    styled: ClassVar[bool] = False

    batch: int = Field(default=8, ge=2, multiple_of=2, description="real images a step")
    latent: int = Field(default=64, ge=1, description="length of the latent vector z")
    widths: Widths = Field(
        default=(128, 96, 64, 32),
        description="channels from 4 px upward; a finer stage not listed takes half the one below",
    )
    learning_rate: float = Field(default=8e-4, gt=0, description="Adam's, at the start")
    learning_rate_end: float = Field(
        default=3.2e-4, gt=0, description="Adam's, at the end (cosine)"
    )
    beta1: float = Field(default=0.0, ge=0, lt=1, description="Adam's first-moment decay")
    beta2: float = Field(default=0.99, ge=0, lt=1, description="Adam's second-moment decay")
    ema_fraction: float = Field(
        default=0.05, gt=0, le=1, description="EMA half-life as a share of the images seen so far"
    )

    def shape(self, image_size: int) -> dict[str, Any]:
        """The fields of `NetworkConfig` that a recipe decides: `widths` fill the image's stages."""
        widths = list(self.widths)
        while len(widths) < stages(image_size):
            widths.append(max(widths[-1] // 2, 4))
        return {"latent": self.latent, "widths": tuple(widths[: stages(image_size)])}


def one_width(widths: Widths) -> Widths:
    """The widths of a network whose trunk has one number of channels.

    A recipe with more is read, since earlier versions accepted and ignored them, but no network is
    made of it.

    Raises:
        ValueError: there are several.
    """
    if len(widths) > 1:
        raise ValueError(
            f"train.recipe.widths is {list(widths)}, but this family's trunk has one width: set it "
            f"to [{widths[0]}]"
        )
    return widths
