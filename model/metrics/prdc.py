"""Separate metrics of fidelity and diversity: precision, recall, density and coverage."""

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from .nearest import nearest_rows, squared_distances

_ROUNDING = 1e-12  # of the largest squared norm: rounding error of a squared distance


class PRDC(NamedTuple):
    """Each from 0 to 1, higher is better; only density may exceed 1.

    Attributes:
        precision: share of fakes inside the ball of at least one real image.
        recall: share of real images inside the ball of at least one fake. One outlying fake has
            a large ball, so recall flatters a generator of outliers; coverage does not.
        density: mean number of real balls around a fake, divided by k.
        coverage: share of real balls with at least one fake inside.
    """

    precision: float
    recall: float
    density: float
    coverage: float


def precision_recall_density_coverage(real: ArrayLike, fake: ArrayLike, k: int = 5) -> PRDC:
    """Kynkaanniemi et al. 2019 (arXiv 1904.06991); Naeem et al. 2020 (arXiv 2002.09797).

    With B(x) the ball around x:

    precision = share of fakes y with some real x: y in B(x)
    recall    = share of real x with some fake y: x in B(y)
    density   = sum over pairs of [y in B(x)] / (k M)
    coverage  = share of real x with some fake y: y in B(x)

    The radius of an image's ball is the distance to its k-th nearest neighbour in its own set,
    without itself. The ball is open: a point exactly on the sphere is outside, as in the authors'
    `prdc`. Distances that are equal up to rounding count as equal, so ties do not depend on the
    order of the rows.

    A perfect generator has density 1 and, at N = M, coverage about 1 - 2^-k; precision and recall
    depend on the sizes and the distribution. Compare all four with those of real images at the same
    sizes.

    With N = M = 10,000 and d = 1,280 the peak memory is 0.5 GiB in addition to the features in
    float64 (measured), because not all distances are held at once.

    Args:
        real: [N, d], N > k.
        fake: [M, d], M > k.
        k: the neighbour that sets a ball's radius.

    Raises:
        ValueError: a side has k rows or fewer.
    """
    x, y = np.asarray(real, dtype=np.float64), np.asarray(fake, dtype=np.float64)
    if min(len(x), len(y)) <= k:
        raise ValueError(
            f"k = {k} needs more than {k} rows on each side, got {len(x)} and {len(y)}"
        )
    centre = x.mean(0)
    x, y = x - centre, y - centre
    real_balls, fake_balls = (nearest_rows(v, v, k + 1).distance[:, k] ** 2 for v in (x, y))
    largest = max(np.einsum("ij,ij->i", v, v).max() for v in (x, y))
    slack = _ROUNDING * largest
    precise = np.zeros(len(y), dtype=bool)
    recalled, covered, inside = 0, 0, 0
    for rows, squares in squared_distances(x, y):
        within = squares < real_balls[rows, None] - slack
        precise |= within.any(0)
        inside += int(within.sum())
        covered += int(within.any(1).sum())
        recalled += int((squares < fake_balls - slack).any(1).sum())
    density = inside / (k * len(y))
    return PRDC(float(precise.mean()), recalled / len(x), density, covered / len(x))
