"""What the stochastic image models share: patients as strips of one random field.

A patient is one random field, longer than an image, and its images are views of the field that
overlap by half. So every image alone has exactly the statistics of its model, while images of one
patient share half of what they show: a split by image would leak, a split by patient does not.

Lengths are in sides of an image, so that a patient is the same field at any size in pixels.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from model.section import Section
from pipeline.base.errors import BadInputError

Array = NDArray[np.float64]

STEP = 0.5  # from one view to the next, sides


class FieldConfig(Section):
    """What every stochastic image model is asked for."""

    size: int = Field(
        default=128, ge=32, le=512, multiple_of=2, description="height and width, pixels"
    )
    views: int = Field(default=5, ge=1, le=16, description="images a patient")

    @property
    def length(self) -> float:
        """Length of the strip that holds all views of a patient, sides."""
        return 1 + (self.views - 1) * STEP

    @property
    def columns(self) -> int:
        """Length of the strip in pixels; its height is `size`."""
        return round(self.length * self.size)


def patient_rng(classes: Sequence[str], label: str, number: int, seed: int) -> np.random.Generator:
    """The generator of patient (seed, label, number), whatever else is drawn.

    Raises:
        BadInputError: on an unknown class or a negative number or seed.
    """
    if label not in classes:
        raise BadInputError(f"no class {label!r}: choose one of {', '.join(classes)}")
    if number < 0 or seed < 0:
        raise BadInputError(f"patient {number} of seed {seed}: both must be 0 or more")
    return np.random.default_rng([seed, list(classes).index(label), number])


def pixel_centres(pixels: int, size: int) -> Array:
    """Where pixels 0, 1, … lie along an axis: [pixels], in sides."""
    centres: Array = (np.arange(pixels) + 0.5) / size
    return centres


def poisson_points(
    rng: np.random.Generator, per_image: float, length: float, margin: float
) -> Array:
    """Points of a Poisson process over a strip and `margin` sides around it: [points, (x, y)].

    `per_image` is the mean number in an image, so the strip itself is [0, length] x [0, 1].
    """
    low, high = np.array([-margin, -margin]), np.array([length + margin, 1 + margin])
    count = rng.poisson(per_image * float(np.prod(high - low)))
    return rng.uniform(low, high, (count, 2))


def cut(strip: NDArray[np.generic], config: FieldConfig) -> list[NDArray[np.generic]]:
    """A strip [size, columns] as its views, each [size, size]."""
    step = round(STEP * config.size)
    return [strip[:, k * step : k * step + config.size] for k in range(config.views)]


def points_per_view(points: Array, config: FieldConfig) -> list[int]:
    """How many of points [N, (x, y)] each view holds."""
    x, y = points.T
    inside = (y >= 0) & (y < 1)
    starts = np.arange(config.views) * STEP
    return [int((inside & (x >= start) & (x < start + 1)).sum()) for start in starts]


def to_grey(field: Array, mean: float, deviation: float) -> NDArray[np.uint8]:
    """A field of mean 0 and variance 1 as grey levels, rounded and kept within 0..255."""
    grey: NDArray[np.uint8] = np.rint(np.clip(mean + deviation * field, 0, 255)).astype(np.uint8)
    return grey
