"""How much is measured on a GPU, and on a CPU; and images to measure with."""

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from model.config import TrainConfig
from model.layouts import Layouts, ellipse
from pipeline.data.processed import SPLITS, Processed, SplitArrays

CLASSES, KINDS = ("normal", "stone"), ("stone",)
IMAGES = 64
"""Made images; speed and checks do not depend on what is learned."""


@dataclass(frozen=True)
class Plan:
    """How much is measured.

    Attributes:
        sides, batches, precisions: of the table of speeds; every combination.
        warm_up, windows, steps: untimed steps, timed windows, and steps of each.
        check_side, train_side: of made images, pixels, in the checks and in the training.
        resume_kimg: thousands of images of each training that checks a resumption.
        share: of all time, after which no further speed is measured.
        recipe: keys of `train.recipe` that differ from the defaults.
    """

    sides: tuple[int, ...] = (64, 128, 256)
    batches: tuple[int, ...] = (8, 16, 32, 64)
    precisions: tuple[str, ...] = ("bfloat16", "float32")
    warm_up: int = 8
    windows: int = 5
    steps: int = 16
    check_side: int = 64
    train_side: int = 128
    resume_kimg: float = 0.4
    share: float = 0.35
    recipe: Mapping[str, object] = field(default_factory=dict)

    def config(self, **changes: object) -> TrainConfig:
        """The default training with this plan's recipe."""
        recipe = dict(self.recipe)
        if "batch" in changes:
            recipe["batch"] = changes.pop("batch")
        return TrainConfig.model_validate({"recipe": recipe, **changes})


PLANS = {
    "cuda": Plan(),
    "cpu": Plan(
        sides=(64,), batches=(8,), warm_up=1, windows=3, steps=4, train_side=64, resume_kimg=0.064
    ),
}
"""By device: the whole measurement, and a small one that shows that it works."""


def made_data(side: int) -> Processed:
    """Grey noise with a bright spot in every second image, and its layout; every split the same."""
    rng = np.random.default_rng(0)
    images = rng.normal(90, 20, (IMAGES, side, side)).clip(0, 255).astype(np.uint8)
    labels = (np.arange(IMAGES) % len(CLASSES)).astype(np.int64)
    maps = np.zeros((IMAGES, len(KINDS), side, side), np.uint8)
    for row in np.flatnonzero(labels):
        x, y = rng.uniform(0.2, 0.8, 2)
        maps[row, 0] = ellipse(side, x, y, 0.08, 0.08)
        images[row][maps[row, 0] > 0] = 230
    names = np.array([f"{row:02d}" for row in range(IMAGES)])
    split = SplitArrays(
        images, labels, names, names, Layouts(maps, np.ones(IMAGES, np.bool_)), None
    )
    return Processed(CLASSES, dict.fromkeys(SPLITS, split), KINDS)
