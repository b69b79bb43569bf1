"""How close each image comes to its nearest neighbour in another set, by SSIM."""

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray
from skimage.metrics import structural_similarity

_ROWS = 512


class Nearest(NamedTuple):
    """Best score of each query (float64 [Q]) and the gallery image that gave it (int64 [Q])."""

    score: NDArray[np.float64]
    which: NDArray[np.int64]


def nearest_ssim(
    queries: NDArray[np.uint8],
    gallery: NDArray[np.uint8],
    query_features: ArrayLike,
    gallery_features: ArrayLike,
    neighbours: int = 10,
) -> Nearest:
    """SSIM of each query to the most similar of its nearest gallery images by feature.

    SSIM as in Wang et al. 2004: Gaussian window, sigma 1.5. Comparing every pair would take half
    an hour on two cores, so only the `neighbours` nearest by feature are compared, exactly.

    Args:
        queries, gallery: uint8 [Q, H, W] and [K, H, W].
        query_features, gallery_features: [Q, d] and [K, d], for the choice of neighbours.
        neighbours: compared per query.
    """
    candidates = _nearest(np.asarray(query_features), np.asarray(gallery_features), neighbours)
    score = np.empty(len(queries))
    which = np.empty(len(queries), dtype=np.int64)
    for row, near in enumerate(candidates):
        scores = [_ssim(queries[row], gallery[column]) for column in near]
        best = int(np.argmax(scores))
        score[row], which[row] = scores[best], near[best]
    return Nearest(score, which)


def _ssim(a: NDArray[np.uint8], b: NDArray[np.uint8]) -> float:
    settings = {"gaussian_weights": True, "sigma": 1.5, "use_sample_covariance": False}
    return float(structural_similarity(a, b, data_range=255, **settings))


def _nearest(x: NDArray[np.float64], y: NDArray[np.float64], count: int) -> NDArray[np.int64]:
    """Indices of the `count` rows of y nearest to each row of x, nearest first; [Q, count]."""
    x, y = x.astype(np.float64), y.astype(np.float64)
    square = np.einsum("ij,ij->i", y, y)
    chunks = [x[start : start + _ROWS] for start in range(0, len(x), _ROWS)]
    order = [np.argsort(square - 2 * part @ y.T, axis=1, kind="stable") for part in chunks]
    return np.concatenate(order)[:, :count]
