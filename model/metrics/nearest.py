"""Nearest neighbours in another set: by features, and by SSIM among these."""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .ssim import ssim

Features = NDArray[np.float64]

_ROWS = 512


class Nearest(NamedTuple):
    """Best score of each query (float64 [Q]) and the gallery image that gave it (int64 [Q])."""

    score: NDArray[np.float64]
    which: NDArray[np.int64]


class Neighbours(NamedTuple):
    """Euclidean distances (float64 [N, count], ascending) and the neighbours' rows (int64)."""

    distance: Features
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
        neighbours: number compared per query; all K if there are fewer.
    """
    x, y = np.asarray(query_features, np.float64), np.asarray(gallery_features, np.float64)
    candidates = nearest_rows(x, y, min(neighbours, len(y))).which
    score = np.empty(len(queries))
    which = np.empty(len(queries), dtype=np.int64)
    for row, near in enumerate(candidates):
        scores = [ssim(queries[row], gallery[column]) for column in near]
        best = int(np.argmax(scores))
        score[row], which[row] = scores[best], near[best]
    return Nearest(score, which)


def nearest_rows(x: Features, y: Features, count: int) -> Neighbours:
    """The `count` rows of y nearest to each row of x; ties are in row order.

    Neighbours are chosen by |x|^2 + |y|^2 - 2 x.y, and their distances are then computed from the
    differences, because the expansion's rounding would miss the distance 0 of a copy. Memory: one
    more copy of each set, and 512 rows of distances.

    Args:
        x, y: [N, d] and [M, d]. When y is x, the first neighbour of a row is itself, or its copy.
        count: 1 to M.

    Raises:
        ValueError: y has fewer than `count` rows.
    """
    if len(y) < count:
        raise ValueError(f"{count} neighbours requested, but there are {len(y)} rows")
    centre = y.mean(0)  # smaller numbers reduce the expansion's rounding error
    found = []
    for rows, squares in squared_distances(x - centre, y - centre):
        near = np.sort(np.argpartition(squares, count - 1, axis=1)[:, :count], axis=1)
        distance = np.linalg.norm(x[rows, None] - y[near], axis=2)
        order = np.argsort(distance, axis=1, kind="stable")
        found.append([np.take_along_axis(table, order, axis=1) for table in (distance, near)])
    distances, indices = zip(*found, strict=True)
    return Neighbours(np.concatenate(distances), np.concatenate(indices))


def squared_distances(x: Features, y: Features) -> Iterator[tuple[slice, Features]]:
    """|x_i - y_j|^2 of every pair, 512 rows of x at a time, each block with its slice of rows.

    The rounding error is about 1e-13 of the squared norms; a distance of zero may be negative.
    """
    square = np.einsum("ij,ij->i", y, y)
    for start in range(0, len(x), _ROWS):
        part = x[start : start + _ROWS]
        block = part @ y.T
        block *= -2
        block += square
        block += np.einsum("ij,ij->i", part, part)[:, None]
        yield slice(start, start + _ROWS), block
