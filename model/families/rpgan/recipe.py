"""The settings of this family."""

from typing import Literal

from pydantic import Field

from ..adversarial_recipe import AdversarialRecipe


class Recipe(AdversarialRecipe):
    """Chosen by the ablation in docs/lab-notes.md."""

    head: Literal["smooth", "shuffle"] = Field(
        default="smooth",
        description="G's last step: enlarged smoothly, then detailed; or a sub-pixel convolution",
    )
