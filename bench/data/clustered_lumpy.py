"""Clustered lumpy background: clusters of oriented blobs, the texture of mammograms.

Bochud, Abbey and Eckstein, Optics Express 4 (1999), 33: a Poisson number K of clusters at random
places, in each a Poisson number N of blobs around its centre, displaced by a normal distribution
of deviation sigma, and a blob is

    b(r) = exp(-alpha |r|^beta / L(r))

where L(r) is the radius, in the direction of r, of an ellipse with half axes L_x and L_y. Here the
blobs of a cluster share one orientation, which makes strands.

The mean of the field is K N times the integral of b, and its power spectrum, since points of a
Poisson process are independent and N has E[N (N - 1)] = N^2,

    S(f) = K E_theta |B_theta(f)|^2 (N + N^2 exp(-4 pi^2 sigma^2 |f|^2))

The three classes differ in K alone and are brought to the same mean and variance by those.
"""

from functools import cache
from math import pi, sqrt

import numpy as np
import scipy
from numpy.typing import NDArray
from pydantic import Field

from bench.data.fields import (
    Array,
    FieldConfig,
    cut,
    patient_rng,
    points_per_view,
    poisson_points,
    to_grey,
)
from pipeline.phantoms.files import Slice

# Mean number of clusters in an image, by class; the paper's mammograms have 150.
DENSITIES = {"clusters-015": 15.0, "clusters-050": 50.0, "clusters-150": 150.0}
CLASSES = tuple(DENSITIES)

_PAPER_SIDE = 128  # pixels of the image that the lengths below belong to
# Blobs of one orientation are one convolution, so the orientations are few.
_TURNS = 12
_ALPHA, _BETA, _LONG, _SHORT = 2.1, 0.5, 5.0, 2.0


class ClusteredLumpyConfig(FieldConfig):
    """How clustered lumpy backgrounds are drawn."""

    blobs: float = Field(default=20.0, gt=0, le=200, description="mean number in a cluster")
    spread: float = Field(
        default=0.094, gt=0, le=0.25, description="sigma of a cluster, as a share of the side"
    )
    mean: float = Field(default=96.0, gt=0, lt=255, description="mean grey level")
    deviation: float = Field(
        default=30.0, gt=0, lt=128, description="standard deviation of the grey level"
    )


DEFAULT = ClusteredLumpyConfig()


def make_patient(
    label: str, number: int, seed: int, config: ClusteredLumpyConfig = DEFAULT
) -> list[Slice]:
    """The overlapping views of one clustered lumpy field.

    Args:
        label: one of CLASSES.
        number: the patient, 0 or more.
        seed: of the whole data set, 0 or more.
        config: how it is drawn.

    Returns:
        Per view the image, uint8 [size, size], and its truth: `counts` of the clusters and of the
        blobs whose centre it holds, and the mean number of clusters.

    Raises:
        BadInputError: on an unknown class or a negative number or seed.
    """
    rng = patient_rng(CLASSES, label, number, seed)
    density = DENSITIES[label]
    # The field is drawn on a torus one side longer and higher than the strip: without edges.
    clusters = poisson_points(rng, density, config.length, 0.5)
    owners = np.repeat(np.arange(len(clusters)), rng.poisson(config.blobs, len(clusters)))
    blobs = clusters[owners] + rng.normal(0, config.spread, (len(owners), 2))
    turns = rng.integers(_TURNS, size=len(clusters))[owners]
    mean, deviation = moments(density, config)
    field = (blob_field(blobs, turns, config) - mean) / deviation
    strip = to_grey(field, config.mean, config.deviation)
    about = {"phantom": True, "class": label, "patient": number, "mean_clusters": density}
    slices: list[Slice] = []
    views = zip(
        cut(strip, config),
        points_per_view(clusters, config),
        points_per_view(_wrapped(blobs, config), config),
        strict=True,
    )
    for k, (image, in_clusters, in_blobs) in enumerate(views):
        counts = {"clusters": in_clusters, "blobs": in_blobs}
        slices.append((image.astype(np.uint8), about | {"view": k, "counts": counts}))
    return slices


def blob_field(blobs: Array, turns: NDArray[np.int64], config: ClusteredLumpyConfig) -> Array:
    """The sum of blobs, each laid on its nearest pixel.

    Args:
        blobs: centres [N, (x, y)] in sides.
        turns: [N] the orientation of each, an index of 0 to 11 in steps of 15 degrees.
        config: size and views.

    Returns:
        [size, columns].
    """
    spectra, shape = _spectra(config.size, config.columns)
    margin = config.size // 2
    columns, rows = (np.floor(blobs * config.size).astype(np.int64) + margin).T
    places = np.ravel_multi_index((turns, rows % shape[0], columns % shape[1]), (_TURNS, *shape))
    counts = np.bincount(places, minlength=_TURNS * shape[0] * shape[1])
    seen = scipy.fft.rfft2(counts.reshape(_TURNS, *shape).astype(float))
    torus: Array = scipy.fft.irfft2((seen * spectra).sum(axis=0), s=shape)
    return torus[margin : margin + config.size, margin : margin + config.columns]


def moments(density: float, config: ClusteredLumpyConfig) -> tuple[float, float]:
    """Mean and standard deviation of the field with `density` clusters an image, in closed form."""
    spectra, (rows, columns) = _spectra(config.size, config.columns)
    per_pixel, blobs = density / config.size**2, config.blobs
    mean = per_pixel * blobs * float(spectra[:, 0, 0].real.mean())
    f2 = scipy.fft.fftfreq(rows)[:, None] ** 2 + scipy.fft.rfftfreq(columns) ** 2
    together = np.exp(-4 * pi**2 * (config.spread * config.size) ** 2 * f2)
    power = per_pixel * (np.abs(spectra) ** 2).mean(axis=0) * (blobs + blobs**2 * together)
    # A real field's spectrum is stored by half: every column but the first and last counts twice.
    twice = np.full(power.shape[1], 2.0)
    twice[[0, -1]] = 1.0
    return mean, sqrt(float((power * twice).sum()) / (rows * columns))


def _wrapped(points: Array, config: ClusteredLumpyConfig) -> Array:
    """Points [N, (x, y)] brought back into the torus."""
    wrapped: Array = (points + 0.5) % (config.length + 1, 2.0) - 0.5
    return wrapped


@cache
def _spectra(size: int, columns: int) -> tuple[NDArray[np.complex128], tuple[int, int]]:
    """A blob of each orientation, transformed on the torus, and the torus's rows and columns."""
    shape = (2 * size, columns + size)
    pixel = _PAPER_SIDE / size
    y, x = (scipy.fft.fftfreq(n, 1 / n) * pixel for n in shape)
    angles = (np.arange(_TURNS) * pi / _TURNS)[:, None, None]
    r, theta = np.hypot(y[:, None], x), np.arctan2(y[:, None], x) - angles
    radius = 1 / np.hypot(np.cos(theta) / _LONG, np.sin(theta) / _SHORT)
    blobs = np.exp(-_ALPHA * r**_BETA / radius)
    return scipy.fft.rfft2(blobs), shape
