"""Detect copying in features: are fakes nearer to the training images than held-out real ones?

Every figure comes with the same figure of held-out real images, because alone it means little:
slices of one patient are near each other too. These diagnostics miss a copy with different
features (some near-duplicates, arXiv 2510.01793), and a few copies among many fakes, which do not
change a median. `best_correlation` compares pixels, pair by pair.
"""

from typing import NamedTuple

import numpy as np
import scipy
from numpy.typing import ArrayLike

from .nearest import Features, Neighbours, nearest_rows

_LEAST_IN_CELL = 20  # fakes, and held-out images, for which U is near normal


class Beside(NamedTuple):
    """A figure of the fakes and the same figure of the held-out real images."""

    fake: float
    holdout: float


class CopyingReport(NamedTuple):
    """How near fakes are to the training images; copying puts every figure below its holdout.

    Attributes:
        distance: median Euclidean distance to the nearest training image.
        nndr: median ratio of that distance to the one to the second nearest, 0 to 1: near 0 a
            single training image is copied. Duplicate training images hide this: both are equally
            near, so the ratio is 1 (0/0 counts as 1).
        authentic: share (0 to 1) that is farther from its nearest training image than that
            image is from the nearest other one.
        c_t: z score of the fakes' distances against those of held-out images, which it includes as
            the control (0). Below about -2: copying; above 2: farther than real images.
        n_fake, n_train, n_holdout: rows of each.
    """

    distance: Beside
    nndr: Beside
    authentic: Beside
    c_t: float
    n_fake: int
    n_train: int
    n_holdout: int


def copying_report(
    fake: ArrayLike, train: ArrayLike, holdout: ArrayLike, *, cells: int = 1, seed: int = 0
) -> CopyingReport:
    """Nearest-neighbour diagnostics of copying, with held-out real images as control.

    Authentic: Alaa et al. 2022 (arXiv 2102.08921); times 100 it is AuthPct. C_T:
    Meehan et al. 2020 (arXiv 2004.05675), the normalised Mann-Whitney U of the
    distances to the training set. A generator may copy in one place and stray in another; with
    `cells` above 1 the space is cut by k-means on the training images, U is taken inside each
    cell against its own training images, and averaged by the cells' shares of the holdout. Cells
    with fewer than 20 fakes or held-out images are left out, as is an empty one (k-means warns).

    The z score assumes independent images; slices of one patient are not, so it is too extreme.
    With one cell, nothing is random and the order of rows does not matter; k-means depends on seed
    and order.

    With 10,000 rows per side and d = 1,280, the peak memory is 0.3 GiB in addition to the features
    in float64 (measured).

    Args:
        fake, train, holdout: features, [M, d], [N, d] with N >= 2, [H, d]; holdout and train
            without a common patient.
        cells: of k-means for C_T; 1: none.
        seed: of k-means.

    Raises:
        ValueError: a side is empty, train has one row, or no cell has enough rows.
    """
    made, learned, held = (np.asarray(rows, np.float64) for rows in (fake, train, holdout))
    if min(len(made), len(held)) < 1 or len(learned) < 2:
        raise ValueError(
            "figures of copying need fakes, held-out images and two training images, got "
            f"{len(made)}, {len(held)} and {len(learned)}"
        )
    near, control = (nearest_rows(rows, learned, 2) for rows in (made, held))
    apart = nearest_rows(learned, learned, 2).distance[:, 1]
    if cells > 1:
        c_t = _c_t_in_cells(made, learned, held, cells, seed)
    else:
        c_t = _mann_whitney_z(near.distance[:, 0], control.distance[:, 0])
    return CopyingReport(
        distance=Beside(*(float(np.median(side.distance[:, 0])) for side in (near, control))),
        nndr=Beside(*(_median_ratio(side) for side in (near, control))),
        authentic=Beside(*(_authentic(side, apart) for side in (near, control))),
        c_t=c_t,
        n_fake=len(made),
        n_train=len(learned),
        n_holdout=len(held),
    )


def _median_ratio(near: Neighbours) -> float:
    first, second = near.distance.T
    return float(np.median(np.divide(first, second, out=np.ones_like(first), where=second > 0)))


def _authentic(near: Neighbours, apart: Features) -> float:
    return float((near.distance[:, 0] > apart[near.which[:, 0]]).mean())


def _mann_whitney_z(fake: Features, holdout: Features) -> float:
    """(U - mn/2) / sqrt(mn (m + n + 1) / 12), U the pairs whose fake is farther, ties as half."""
    m, n = len(fake), len(holdout)
    u = scipy.stats.mannwhitneyu(fake, holdout, method="asymptotic").statistic
    return float((u - m * n / 2) / np.sqrt(m * n * (m + n + 1) / 12))


def _c_t_in_cells(
    fake: Features, train: Features, holdout: Features, cells: int, seed: int
) -> float:
    """Mean of Z over the cells with enough rows, weighted by their shares of the holdout."""
    rng = np.random.default_rng(seed)
    centres, _ = scipy.cluster.vq.kmeans2(train, cells, minit="++", rng=rng)
    of_fake, of_train, of_holdout = (
        scipy.cluster.vq.vq(rows, centres)[0] for rows in (fake, train, holdout)
    )
    scores, weights = [], []
    for cell in range(cells):
        made, learned, held = fake[of_fake == cell], train[of_train == cell], of_holdout == cell
        if min(len(made), held.sum()) >= _LEAST_IN_CELL and len(learned):
            sides = (nearest_rows(rows, learned, 1) for rows in (made, holdout[held]))
            scores.append(_mann_whitney_z(*(side.distance[:, 0] for side in sides)))
            weights.append(held.sum())
    if not scores:
        raise ValueError(
            f"none of {cells} cells has {_LEAST_IN_CELL} fakes and held-out images; use fewer cells"
        )
    return float(np.average(scores, weights=weights))
