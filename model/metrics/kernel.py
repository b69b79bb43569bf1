"""Kernel distance: the unbiased squared maximum mean discrepancy of two feature sets.

Binkowski et al., "Demystifying MMD GANs", ICLR 2018 (arXiv 1801.01401), with their kernel
k(x, y) = (x.y / d + 1)^3. It is unbiased at any sample size, so it may be negative, and it is
suitable for small sets. All sums run over the full sample, in float64; nothing is subsampled. With
N = 10,000 and d = 1,280 the peak memory is under 1 GiB.
"""

from typing import NamedTuple

import numpy as np
import scipy
from numpy.typing import ArrayLike, NDArray

Features = NDArray[np.float64]

_ROWS = 1024  # rows of a Gram matrix held at once


class Interval(NamedTuple):
    """A two-sided interval around an estimate."""

    low: float
    high: float


def polynomial_kernel(x: Features, y: Features) -> Features:
    """k(x, y) = (x.y / d + 1)^3 of every pair: float64 [N, d], [M, d] -> [N, M]."""
    gram: Features = x @ y.T
    gram /= x.shape[1]
    gram += 1.0
    return gram * gram * gram


def kernel_distance(real: ArrayLike, fake: ArrayLike) -> float:
    """Unbiased MMD^2 between two feature sets (the U-statistic, eq. 3 of Gretton et al. 2012).

    Args:
        real: [N, d], N >= 2.
        fake: [M, d], M >= 2.

    Returns:
        0 in expectation when both come from one distribution; may be negative.
    """
    x, y = _pair(real, fake)
    return float(_self_rows(x).mean() + _self_rows(y).mean() - 2 * _mean_rows(x, y).mean())


def kernel_distance_by_group(
    real: ArrayLike, groups: ArrayLike, fake: ArrayLike
) -> dict[str, float]:
    """The part of the kernel distance that depends on the fakes, for each real group.

    score_g = mean k(fake, fake') - 2 mean over x in g of k(x, fake)

    The real-real term is left out: it is the same for two models on the same images, so the
    difference of two models' scores is the difference of their kernel distances to that group, and
    is linear in the real images. Lower is better; a score alone has no meaning.

    Args:
        real: [N, d].
        groups: [N], the group of each real image.
        fake: [M, d], M >= 2.

    Returns:
        One score per group, by sorted name.
    """
    x, y = _pair(real, fake)
    names, member = np.unique(np.asarray(groups).astype(str), return_inverse=True)
    cross = np.bincount(member, _mean_rows(x, y)) / np.bincount(member)
    within = float(_self_rows(y).mean())
    return {str(name): within - 2 * float(value) for name, value in zip(names, cross, strict=True)}


def fake_term_variance(
    real: ArrayLike, groups: ArrayLike, fake: ArrayLike, strata: ArrayLike
) -> float:
    """Variance of the mean of the groups' scores due to the finite number of fakes.

    To first order, each fake changes the mean score by 2 (mean k(fake, other fakes) - mean over
    groups of k(fake, real)) / M (Hajek projection). A fixed number of fakes is drawn per class, so
    the variance is taken within each class.

    Args:
        real: [N, d].
        groups: [N], the group of each real image; groups count equally.
        fake: [M, d].
        strata: [M], the class of each fake.
    """
    x, y = _pair(real, fake)
    influence = 2 * (_self_rows(y) - _mean_rows(y, x, _group_weights(groups)))
    return stratified_variance(influence, strata)


def kernel_distance_interval(
    real: ArrayLike,
    groups: ArrayLike,
    fake: ArrayLike,
    strata: ArrayLike,
    confidence: float = 0.95,
) -> Interval:
    """Interval of the kernel distance over new groups of patients and new fakes.

    The reals' part is a delete-one-group jackknife with t on G - 1 degrees: images of one group
    are not independent, and a bootstrap that repeats an image would add its k(x, x) to the sum.
    The fakes' part is the variance of their first-order projection within each class.

    Args:
        real, groups, fake, strata: as for `fake_term_variance`; at least two groups.
        confidence: of the two-sided interval.
    """
    x, y = _pair(real, fake)
    _, member = np.unique(np.asarray(groups).astype(str), return_inverse=True)
    counts = np.bincount(member).astype(np.float64)
    number = len(counts)
    if number < 2:
        raise ValueError("an interval over groups needs at least two groups")
    one_hot = np.eye(number)[member]
    between = one_hot.T @ _kernel_times(x, one_hot)
    between[np.diag_indices(number)] -= np.bincount(member, _diagonal(x))
    cross = one_hot.T @ _mean_rows(x, y)
    deleted = _deleted(between, cross, counts) + _self_rows(y).mean()
    jackknife = (number - 1) / number * np.sum((deleted - deleted.mean()) ** 2)
    influence = 2 * (_self_rows(y) - _mean_rows(y, x))
    spread = np.sqrt(jackknife + stratified_variance(influence, strata))
    half = float(scipy.stats.t.ppf((1 + confidence) / 2, number - 1) * spread)
    estimate = kernel_distance(x, y)
    return Interval(estimate - half, estimate + half)


def _deleted(between: Features, cross: Features, counts: Features) -> Features:
    """Real-real minus twice real-fake, with each group left out in turn; [G]."""
    left = counts.sum() - counts
    pairs = between.sum() - 2 * between.sum(1) + between.diagonal()
    deleted: Features = pairs / (left * (left - 1)) - 2 * (cross.sum() - cross) / left
    return deleted


def stratified_variance(influence: Features, strata: ArrayLike) -> float:
    """Variance of the mean of independent terms, of which each stratum has a fixed number.

    Args:
        influence: [M], the terms.
        strata: [M], the stratum of each, such as the class of a fake.

    Raises:
        ValueError: a stratum has only one.
    """
    _, member = np.unique(np.asarray(strata), return_inverse=True)
    parts = [influence[member == stratum] for stratum in range(member.max() + 1)]
    if any(len(part) < 2 for part in parts):
        raise ValueError("the fakes' variance needs at least two fakes of each class")
    return float(sum(len(part) * part.var(ddof=1) for part in parts) / len(influence) ** 2)


def _group_weights(groups: ArrayLike) -> Features:
    """Image weights that give every group equal weight; they sum to 1."""
    _, member = np.unique(np.asarray(groups).astype(str), return_inverse=True)
    counts = np.bincount(member)
    weights: Features = 1.0 / (len(counts) * counts[member])
    return weights


def _mean_rows(x: Features, y: Features, weights: Features | None = None) -> Features:
    """Mean over y of k(x_i, y), plain or weighted; [N]."""
    weights = np.full(len(y), 1 / len(y)) if weights is None else weights
    return _kernel_times(x, weights, y)


def _self_rows(x: Features) -> Features:
    """Mean over j != i of k(x_i, x_j); [N]."""
    return (_kernel_times(x, np.ones(len(x))) - _diagonal(x)) / (len(x) - 1)


def _kernel_times(x: Features, right: Features, y: Features | None = None) -> Features:
    """k(x, y) @ right without holding the Gram matrix; y defaults to x."""
    y = x if y is None else y
    chunks = range(0, len(x), _ROWS)
    return np.concatenate([polynomial_kernel(x[i : i + _ROWS], y) @ right for i in chunks])


def _diagonal(x: Features) -> Features:
    diagonal: Features = (np.einsum("ij,ij->i", x, x) / x.shape[1] + 1.0) ** 3
    return diagonal


def _pair(real: ArrayLike, fake: ArrayLike) -> tuple[Features, Features]:
    x, y = np.asarray(real, dtype=np.float64), np.asarray(fake, dtype=np.float64)
    if x.ndim != 2 or y.ndim != 2 or x.shape[1] != y.shape[1]:
        raise ValueError(f"features must be [N, d] and [M, d], got {x.shape} and {y.shape}")
    if min(len(x), len(y)) < 2:
        raise ValueError(f"needs at least two rows on each side, got {len(x)} and {len(y)}")
    return x, y
