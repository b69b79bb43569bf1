"""The settings of this family."""

from typing import ClassVar

from ..adversarial_recipe import AdversarialRecipe


class Recipe(AdversarialRecipe):
    """As `rpgan`'s: the families differ by their generators alone."""

    styled: ClassVar[bool] = True
