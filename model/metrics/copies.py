"""Find copies of training images, up to a shift of two pixels and a change of brightness."""

import numpy as np
from numpy.typing import NDArray

from .nearest import Nearest

_ROWS = 256


def best_correlation(
    queries: NDArray[np.uint8], gallery: NDArray[np.uint8], shift: int = 2, cell: int = 1
) -> Nearest:
    """Highest correlation of each query with any gallery image, over small shifts.

    Correlation of mean-removed pixels ignores brightness and contrast. Shifting the query by up to
    `shift` pixels both ways, over the overlapping part, undoes a small translation. It is a
    tolerant version of ingest's rule for near-duplicates. Every pair is compared, so none is missed
    by a choice of neighbours.

    Means of `cell` x `cell` pixels are compared, taken after the shift: after averaging, a shift
    of half a cell could not be undone, and would lower a copy's correlation from 1.00 to 0.94.

    Args:
        queries, gallery: uint8 [Q, H, W] and [K, H, W] of one size.
        shift: in pixels; (2 shift + 1)^2 shifts are tried.
        cell: side of the box means, in pixels.

    Returns:
        Best correlation (float64 [Q], -1 to 1) and the gallery index (int64 [Q]).
    """
    if queries.shape[1:] != gallery.shape[1:]:
        raise ValueError(f"image sizes differ: {queries.shape[1:]} and {gallery.shape[1:]}")
    high, wide = ((side - 2 * shift) // cell * cell for side in gallery.shape[1:])
    reference = _standardised(gallery[:, shift : shift + high, shift : shift + wide], cell)
    best = np.full(len(queries), -np.inf)
    index = np.zeros(len(queries), dtype=np.int64)
    steps = range(2 * shift + 1)
    for top, left in ((top, left) for top in steps for left in steps):
        window = queries[:, top : top + high, left : left + wide]
        for start in range(0, len(queries), _ROWS):
            rows = slice(start, start + _ROWS)
            correlation = _standardised(window[rows], cell) @ reference.T
            nearest = correlation.argmax(1)
            value = correlation[np.arange(len(nearest)), nearest]
            better = value > best[rows]
            best[rows] = np.where(better, value, best[rows])
            index[rows] = np.where(better, nearest, index[rows])
    return Nearest(best, index)


def _standardised(images: NDArray[np.uint8], cell: int) -> NDArray[np.float32]:
    """Box means, flat, mean removed, of unit length; a constant image is zeros. [N, cells]."""
    number, high, wide = images.shape
    boxes = images.reshape(number, high // cell, cell, wide // cell, cell)
    flat: NDArray[np.float32] = boxes.mean((2, 4), dtype=np.float32).reshape(number, -1)
    flat -= flat.mean(1, keepdims=True)
    length = np.linalg.norm(flat, axis=1, keepdims=True)
    flat /= np.maximum(length, 1e-6)
    return flat
