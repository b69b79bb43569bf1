"""The settings of the families that are trained by `adversarial`. Does not import torch."""

from typing import Literal

from pydantic import Field

from .recipe import Recipe as CommonRecipe


class AdversarialRecipe(CommonRecipe):
    """Chosen for `rpgan` by the ablation in docs/lab-notes.md."""

    warm_up_kimg: float = Field(
        default=4.0, ge=0, description="thousands of images over which the rate rises from 0"
    )
    most_update: float = Field(
        default=1.0,
        ge=0,
        description="root mean square of Adam's update of a tensor, rate apart; 0: no limit",
    )
    gamma: float = Field(default=0.5, ge=0, description="weight of R1 + R2, at the start")
    gamma_end: float = Field(default=0.25, ge=0, description="weight of R1 + R2, at the end")
    penalty_every: int = Field(default=4, ge=1, description="steps from one R1 + R2 to the next")
    penalty: Literal["gradient", "difference"] = Field(
        default="gradient", description="R1 + R2 by D's exact gradient, or by a small step of noise"
    )
    penalty_step: float = Field(
        default=0.05, gt=0, description="deviation of that noise, images in [-1, 1]"
    )
    mode_seeking: float = Field(
        default=0.1, ge=0, description="weight of the term that keeps a class's images apart"
    )
    layout: float = Field(
        default=0.3, ge=0, description="weight of showing findings where the layout has them"
    )
    new_layouts: float = Field(
        default=0.5,
        ge=0,
        le=1,
        description="share of G's images that are made by new layouts instead of the data's own",
    )
    noise: bool = Field(default=True, description="give G noise, for the grain of its images")
    class_scale: float = Field(
        default=0.25, gt=0, description="size of a class's vector beside z, at the start"
    )
    adapt_to: float = Field(
        default=0.0,
        ge=0,
        lt=1,
        description="overfitting r_v that steers the augmentation's strength; 0: full strength",
    )
    flip: float = Field(
        default=0.0,
        ge=0,
        le=1,
        description="chance that D sees left and right exchanged; 0: laterality is anatomy",
    )
    translate: float = Field(
        default=0.1, ge=0, le=0.5, description="largest shift D sees, as a share of the side"
    )
    scale: float = Field(
        default=0.15, ge=0, lt=1, description="largest enlargement or reduction D sees, log2"
    )
    on_grid: float = Field(
        default=0.5,
        ge=0,
        le=1,
        description="share of images that D sees on their own pixels: whole shifts, no scaling",
    )
    brightness: float = Field(
        default=0.2, ge=0, le=1, description="largest shift of grey D sees, images in [-1, 1]"
    )
    contrast: float = Field(
        default=0.2, ge=0, lt=1, description="largest relative change of contrast D sees"
    )
    cutout: float = Field(
        default=0.0, ge=0, lt=1, description="side of the square hidden from D, share of the side"
    )
