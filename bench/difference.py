"""The difference of two kernel distances: the same drawn images, changed in two ways."""

import math

import numpy as np
import scipy
from numpy.typing import NDArray

from model.metrics import stratified_variance
from model.metrics.kernel import polynomial_kernel
from model.section import Stored

Features = NDArray[np.float64]


class Difference(Stored):
    """One kernel distance less another, with its 95 % interval."""

    value: float
    low: float
    high: float


def distance_difference(
    real: Features,
    groups: NDArray[np.str_],
    before: Features,
    after: Features,
    strata: NDArray[np.int64],
    confidence: float = 0.95,
) -> Difference:
    """Kernel distance of `after` to real images less that of `before`.

    With a_ij = k(after_i, after_j) - k(before_i, before_j), and b_ri = k(r, after_i) -
    k(r, before_i) of a real image r, it is the mean of a (i != j) less twice that of b. The real
    images' own k cancels, and so does most of the chance that both ways have in common: the
    difference is known far better than either distance.

    The interval is that of `model.metrics.kernel_distance_interval`, of differences: a jackknife
    over the real images' groups, and the variance within strata of each pair's first-order
    influence.

    Args:
        real: [N, d].
        groups: [N], the group of each real image; of a single one there is no interval (nan).
        before, after: [M, d], row by row the same image; M >= 2.
        strata: [M], the class of each image, at least two of each.
        confidence: of the two-sided interval.
    """
    within = polynomial_kernel(after, after) - polynomial_kernel(before, before)
    np.fill_diagonal(within, 0)
    own = within.sum(1) / (len(after) - 1)
    cross = polynomial_kernel(real, after) - polynomial_kernel(real, before)
    value = float(own.mean() - 2 * cross.mean())
    by_image, names = cross.mean(1), np.unique(groups)
    if len(names) < 2:
        return Difference(value=value, low=math.nan, high=math.nan)
    left_out = -2 * np.array([by_image[groups != name].mean() for name in names])
    count = len(names)
    jackknife = (count - 1) / count * np.square(left_out - left_out.mean()).sum()
    drawn = stratified_variance(2 * (own - cross.mean(0)), strata)
    half = float(scipy.stats.t.ppf((1 + confidence) / 2, count - 1) * np.sqrt(jackknife + drawn))
    return Difference(value=value, low=value - half, high=value + half)
