"""Frechet distance of two feature sets, modelled as Gaussians, and its limit for many fakes."""

from typing import NamedTuple

import numpy as np
import scipy
from numpy.typing import ArrayLike, NDArray

Features = NDArray[np.float64]

_POINTS = 12
LEAST_FAKES = 5 * _POINTS
"""With fewer, the smallest size to extrapolate from would be too small."""


class FrechetInfinity(NamedTuple):
    """The Frechet distance extrapolated to infinitely many fakes.

    Attributes:
        value: the intercept; not clipped, so it may be below zero.
        standard_error: of the intercept, by least squares.
        sizes: int64 [P], fakes behind each point, ascending.
        distances: float64 [P], the Frechet distance at each size.
    """

    value: float
    standard_error: float
    sizes: NDArray[np.int64]
    distances: Features


def frechet_distance(real: ArrayLike, fake: ArrayLike) -> float:
    """|mu_1 - mu_2|^2 + tr(S_1) + tr(S_2) - 2 tr((S_1 S_2)^(1/2)).

    Dowson and Landau 1982; Heusel et al. 2017 (arXiv 1706.08500), eq. 6. With centred features
    A_i / sqrt(N_i - 1) as factors of S_i, the last trace is the sum of the singular values of
    A_1 A_2^T: no matrix square root, no complex rounding, and no trouble when N < d.

    Biased upwards at finite N, by an amount that depends on the model (arXiv 1911.07023): compare
    only at equal N, and together with the floor.

    Args:
        real: [N, d], N >= 2.
        fake: [M, d], M >= 2.
    """
    x, y = _pair(real, fake)
    return _distance(x.mean(0), _factor(x), y)


def frechet_distance_infinity(real: ArrayLike, fake: ArrayLike, seed: int) -> FrechetInfinity:
    """The intercept of the Frechet distance regressed on 1/N, N the number of fakes.

    Chong and Forsyth 2020 (arXiv 1911.07023): to first order the distance of N fakes is
    FD_inf + c / N, with c depending on the model. There are twelve sizes, evenly from M/4 to M;
    each takes the first fakes of a new permutation, and the last takes all.

    The real side stays finite, and its bias remains in the intercept, so compare only with the same
    real images, and together with the floor. With far fewer fakes than directions that the features
    fill, the curve bends and the intercept is too low (by a sixth at 150 fakes in 32 even
    dimensions, by a fiftieth at 600). The points share fakes, so the standard error measures how
    straight the line is, and is about half the spread over new fakes.

    Args:
        real: [N, d], N >= 2; factorised once.
        fake: [M, d], M >= 60, so that the smallest size has 15.
        seed: of the permutations.

    Raises:
        ValueError: too few rows to regress on.
    """
    x, y = _pair(real, fake)
    if len(y) < LEAST_FAKES:
        raise ValueError(f"extrapolation needs at least {LEAST_FAKES} fakes, got {len(y)}")
    rng = np.random.default_rng(seed)
    mean, factor = x.mean(0), _factor(x)
    sizes = np.linspace(len(y) / 4, len(y), _POINTS).round().astype(np.int64)
    distances = np.array([_distance(mean, factor, y[rng.permutation(len(y))[:n]]) for n in sizes])
    line = scipy.stats.linregress(1 / sizes, distances)
    return FrechetInfinity(float(line.intercept), float(line.intercept_stderr), sizes, distances)


def _distance(mean: Features, factor: Features, fake: Features) -> float:
    """From the mean [d] and `_factor` [r, d] of one side to the rows [M, d] of the other."""
    shift, other = mean - fake.mean(0), _factor(fake)
    overlap = np.linalg.svd(factor @ other.T, compute_uv=False).sum()
    distance = shift @ shift + np.sum(factor * factor) + np.sum(other * other) - 2 * overlap
    return float(max(distance, 0.0))


def _factor(features: Features) -> Features:
    """A [min(N, d), d] with A^T A the sample covariance."""
    centred: Features = (features - features.mean(0)) / np.sqrt(len(features) - 1)
    if len(centred) <= centred.shape[1]:
        return centred
    return np.linalg.qr(centred)[1]


def _pair(real: ArrayLike, fake: ArrayLike) -> tuple[Features, Features]:
    x, y = np.asarray(real, dtype=np.float64), np.asarray(fake, dtype=np.float64)
    if min(len(x), len(y)) < 2:
        raise ValueError(f"needs at least two rows on each side, got {len(x)} and {len(y)}")
    return x, y
