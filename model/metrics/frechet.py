"""Frechet distance of two feature sets, each taken as a Gaussian."""

import numpy as np
from numpy.typing import ArrayLike, NDArray


def frechet_distance(real: ArrayLike, fake: ArrayLike) -> float:
    """|mu_1 - mu_2|^2 + tr(S_1) + tr(S_2) - 2 tr((S_1 S_2)^(1/2)).

    Dowson and Landau 1982; Heusel et al. 2017 (arXiv 1706.08500), eq. 6. With centred features
    A_i / sqrt(N_i - 1) as factors of S_i, the last trace is the sum of the singular values of
    A_1 A_2^T: no matrix square root, no complex rounding, and no trouble when N < d.

    Biased upwards at finite N, by an amount that depends on the model (arXiv 1911.07023): compare
    only at equal N, and never without the floor beside it.

    Args:
        real: [N, d], N >= 2.
        fake: [M, d], M >= 2.
    """
    x, y = np.asarray(real, dtype=np.float64), np.asarray(fake, dtype=np.float64)
    if min(len(x), len(y)) < 2:
        raise ValueError(f"at least two rows a side are needed, got {len(x)} and {len(y)}")
    shift = x.mean(0) - y.mean(0)
    a, b = _factor(x), _factor(y)
    overlap = np.linalg.svd(a @ b.T, compute_uv=False).sum()
    distance = shift @ shift + np.sum(a * a) + np.sum(b * b) - 2 * overlap
    return float(max(distance, 0.0))


def _factor(features: NDArray[np.float64]) -> NDArray[np.float64]:
    """A [min(N, d), d] with A^T A the sample covariance."""
    centred: NDArray[np.float64] = (features - features.mean(0)) / np.sqrt(len(features) - 1)
    if len(centred) <= centred.shape[1]:
        return centred
    return np.linalg.qr(centred)[1]
