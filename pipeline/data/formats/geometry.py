"""Find the view of an image, and orient it as radiologists view it.

Axes are the patient's, as in DICOM (PS3.3 C.7.6.2.1.1): +x to the left, +y to the back, +z to the
head. An oriented image has the patient's right (the front on sagittal views) at its left edge and
the head (the front on axial views) on top. A scan of a patient who lay prone or feet first is
oriented like any other: a mirrored kidney is a different anatomy.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

_VIEWS = ("sagittal", "coronal", "axial")  # by the axis normal to the image
_ORIENTED = {  # view: (axis and sign along a row, axis and sign down a column)
    "axial": ((0, 1), (1, 1)),
    "coronal": ((0, 1), (2, -1)),
    "sagittal": ((1, 1), (2, -1)),
}
_STRAIGHT = 0.9  # cosine; a gantry is tilted by 25 degrees at most


def view_of(along_row: Sequence[float], down_column: Sequence[float]) -> str:
    """axial, coronal, sagittal, oblique, or unknown when the vectors are not directions.

    Args:
        along_row, down_column: direction cosines x, y, z of growing column and row numbers.
    """
    normal = np.abs(np.cross(along_row, down_column))
    if not np.isfinite(normal).all() or normal.max() < 0.5:
        return "unknown"
    return _VIEWS[int(normal.argmax())] if normal.max() >= _STRAIGHT else "oblique"


def orient(
    pixels: NDArray[Any], along_row: Sequence[float], down_column: Sequence[float]
) -> tuple[NDArray[Any], bool]:
    """Orient an image; also returns whether rows and columns were swapped.

    An oblique image, or one of unknown view, stays as it is.
    """
    view = view_of(along_row, down_column)
    if view not in _ORIENTED:
        return pixels, False
    (row_axis, row_sign), (column_axis, column_sign) = _ORIENTED[view]
    swapped = abs(along_row[row_axis]) < abs(down_column[row_axis])
    if swapped:
        pixels, along_row, down_column = pixels.T, down_column, along_row
    if along_row[row_axis] * row_sign < 0:
        pixels = pixels[:, ::-1]
    if down_column[column_axis] * column_sign < 0:
        pixels = pixels[::-1]
    return np.ascontiguousarray(pixels), swapped
