"""Tell the crosses that people draw into an image to measure something: + and x.

A cross is a connected thin shape, as high as it is wide, of two bars that meet in its middle.
"""

import numpy as np
from numpy.typing import NDArray

LEAST_CROSS, MOST_CROSS = 7, 31
"""Pixels of a cross; smaller ones cannot be told from specks."""
_BAR, _REST = 0.85, 0.12
"""Least share of a bar that is bright, and most bright share of what lies between the bars."""


def is_cross(mask: NDArray[np.bool_]) -> bool:
    """Whether a shape is a cross.

    Args:
        mask: [H, W], the shape in its bounding box.
    """
    height, width = mask.shape
    if min(height, width) < LEAST_CROSS or not mask[height // 2, width // 2]:
        return False
    return _is_plus(mask) or _is_times(mask)


def _is_plus(mask: NDArray[np.bool_]) -> bool:
    rows, columns = mask.mean(1) >= _BAR, mask.mean(0) >= _BAR
    centred = _in_the_middle(rows) and _in_the_middle(columns)
    return centred and _is_empty(mask[~rows][:, ~columns])


def _in_the_middle(bar: NDArray[np.bool_]) -> bool:
    """Whether a bar is at most a quarter of the side, and centred to within a tenth or a pixel."""
    at = np.flatnonzero(bar)
    if not at.size or at.size > max(1, len(bar) // 4):
        return False
    return bool(abs(at.mean() - (len(bar) - 1) / 2) <= max(1.0, 0.1 * len(bar)))


def _is_times(mask: NDArray[np.bool_]) -> bool:
    height, width = mask.shape
    rows, columns = np.mgrid[:height, :width]
    down = rows / (height - 1) - columns / (width - 1)
    up = rows / (height - 1) + columns / (width - 1) - 1
    near = 1.2 / (min(height, width) - 1)
    bars = (abs(down) <= near, abs(up) <= near)
    rest = mask[(abs(down) > 2.5 * near) & (abs(up) > 2.5 * near)]
    thin = [np.array([(mask & bar)[row].any() for row in range(height)]) for bar in bars]
    return all(one.mean() >= _BAR for one in thin) and _is_empty(rest)


def _is_empty(rest: NDArray[np.bool_]) -> bool:
    return not rest.size or float(rest.mean()) <= _REST
