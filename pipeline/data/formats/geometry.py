"""From which side an image looks at the body, and turning it the way radiologists hang it.

Axes are the patient's, as DICOM counts them (PS3.3 C.7.6.2.1.1): +x to the left, +y to the back,
+z to the head. An image is hung with the patient's right, or on sagittal views the front, at its
left edge, and the front, or the head, on top. A scan of a patient who lay prone or feet first is
turned like any other: a mirrored kidney is a different anatomy.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

_VIEWS = ("sagittal", "coronal", "axial")  # by the axis that looks out of the image
_HUNG = {  # view: (axis and sign along a row, axis and sign down a column)
    "axial": ((0, 1), (1, 1)),
    "coronal": ((0, 1), (2, -1)),
    "sagittal": ((1, 1), (2, -1)),
}
_STRAIGHT = 0.9  # cosine; a gantry is tilted by 25 degrees at most


def view_of(along_row: Sequence[float], down_column: Sequence[float]) -> str:
    """axial, coronal, sagittal, oblique, or unknown for what are no directions.

    Args:
        along_row, down_column: direction cosines x, y, z of growing column and row numbers.
    """
    normal = np.abs(np.cross(along_row, down_column))
    if not np.isfinite(normal).all() or normal.max() < 0.5:
        return "unknown"
    return _VIEWS[int(normal.argmax())] if normal.max() >= _STRAIGHT else "oblique"


def hang(
    pixels: NDArray[Any], along_row: Sequence[float], down_column: Sequence[float]
) -> tuple[NDArray[Any], bool]:
    """The image turned as it is hung, and whether rows and columns changed places.

    An oblique image, or one of unknown directions, stays as it is.
    """
    view = view_of(along_row, down_column)
    if view not in _HUNG:
        return pixels, False
    (row_axis, row_sign), (column_axis, column_sign) = _HUNG[view]
    swapped = abs(along_row[row_axis]) < abs(down_column[row_axis])
    if swapped:
        pixels, along_row, down_column = pixels.T, down_column, along_row
    if along_row[row_axis] * row_sign < 0:
        pixels = pixels[:, ::-1]
    if down_column[column_axis] * column_sign < 0:
        pixels = pixels[::-1]
    return np.ascontiguousarray(pixels), swapped
