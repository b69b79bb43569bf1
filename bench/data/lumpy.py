"""Lumpy background: a Poisson number of Gaussian lumps at random places.

Rolland and Barrett, J. Opt. Soc. Am. A 9 (1992), 649: with lumps l(r) = a exp(-|r|^2 / 2 w^2) at
points r_n of a Poisson process of K a unit area, b(r) = sum_n l(r - r_n) has

    mean            K a 2 pi w^2
    autocovariance  K a^2 pi w^2 exp(-|d|^2 / 4 w^2)

The four classes differ in K alone. Each is brought to the same mean and variance by those closed
forms, and w is the same, so the classes agree in every statistic of first and second order: what
tells them apart is how many lumps there are, which is what a generator has to learn.
"""

from math import exp, pi, sqrt

import numpy as np
from pydantic import Field

from bench.data.fields import (
    Array,
    FieldConfig,
    cut,
    patient_rng,
    pixel_centres,
    points_per_view,
    poisson_points,
    to_grey,
)
from pipeline.phantoms.files import Slice

# Mean number of lumps in an image, by class.
DENSITIES = {"lumps-010": 10.0, "lumps-030": 30.0, "lumps-090": 90.0, "lumps-270": 270.0}
CLASSES = tuple(DENSITIES)

_REACH = 5.0  # a lump is left out this many w away, where it is 4e-6 of its height


class LumpyConfig(FieldConfig):
    """How lumpy backgrounds are drawn."""

    width: float = Field(
        default=0.05, gt=0, le=0.25, description="w of a lump, as a share of the side"
    )
    mean: float = Field(default=96.0, gt=0, lt=255, description="mean grey level")
    deviation: float = Field(
        default=26.0, gt=0, lt=128, description="standard deviation of the grey level"
    )


DEFAULT = LumpyConfig()


def make_patient(label: str, number: int, seed: int, config: LumpyConfig = DEFAULT) -> list[Slice]:
    """The overlapping views of one lumpy field.

    Args:
        label: one of CLASSES.
        number: the patient, 0 or more.
        seed: of the whole data set, 0 or more.
        config: how it is drawn.

    Returns:
        Per view the image, uint8 [size, size], and its truth: `counts` of the lumps whose centre
        it holds, their mean number, width (pixels) and height (grey levels).

    Raises:
        BadInputError: on an unknown class or a negative number or seed.
    """
    rng = patient_rng(CLASSES, label, number, seed)
    density, w = DENSITIES[label], config.width
    centres = poisson_points(rng, density, config.length, _REACH * w)
    field = lumps(centres, config)
    strip = to_grey((field - mean(density, w)) / sqrt(variance(density, w)), *_greys(config))
    about = {
        "phantom": True,
        "class": label,
        "patient": number,
        "mean_lumps": density,
        "width": round(w * config.size, 3),
        "height": round(config.deviation / sqrt(variance(density, w)), 3),
    }
    counts = points_per_view(centres, config)
    return [
        (image.astype(np.uint8), about | {"view": k, "counts": {"lumps": counts[k]}})
        for k, image in enumerate(cut(strip, config))
    ]


def lumps(centres: Array, config: LumpyConfig) -> Array:
    """The sum of lumps of height 1 at centres [N, (x, y)] in sides: [size, columns]."""
    # exp(-(x^2 + y^2)) is a product, so the sum over lumps is one product of two matrices.
    x, y = (
        np.exp(-0.5 * ((pixel_centres(pixels, config.size)[:, None] - at) / config.width) ** 2)
        for pixels, at in ((config.columns, centres[:, 0]), (config.size, centres[:, 1]))
    )
    field: Array = y @ x.T
    return field


def mean(density: float, width: float) -> float:
    """Mean of the field with `density` lumps of height 1 a unit area."""
    return density * 2 * pi * width**2


def variance(density: float, width: float) -> float:
    """Variance of that field."""
    return autocovariance(0.0, density, width)


def autocovariance(distance: float, density: float, width: float) -> float:
    """Covariance of that field at two points `distance` apart, in sides."""
    return density * pi * width**2 * exp(-(distance**2) / (4 * width**2))


def _greys(config: LumpyConfig) -> tuple[float, float]:
    return config.mean, config.deviation
