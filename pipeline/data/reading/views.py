"""Guess the view of a CT slice of the trunk by its outline, when nothing else gives it.

In an axial slice the body lies across the image with air above it; in a coronal slice it reaches
from the upper edge to the lower and is nearly its own mirror image. Anything else stays unknown: no
sagittal slices were available when this was written.
"""

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from pipeline.data.formats import Pixels

_SIDE = 64
_LIT = 0.12  # of the brightest
_EDGE = 2  # rows or columns that count as an edge
_TOUCH = 0.08  # share of an edge that is lit: the body continues beyond it
_ACROSS = 0.15  # share of the left and right edge: a body along the whole width
_LEAST = 6  # lit pixels of a row or column of the body
_NARROW, _WIDE = 0.85, 0.4  # of the width: upright below, across above
_MIRROR = 0.3  # correlation with its own mirror image


def guess_view(pixels: Pixels) -> str:
    """`axial`, `coronal` or `unknown`.

    Args:
        pixels: [H, W], 0 black, a slice of CT of the trunk; the result is undefined for others.
    """
    values = Image.fromarray(pixels.astype(np.float32)).resize((_SIDE, _SIDE), Image.Resampling.BOX)
    small = np.asarray(values) / max(float(np.asarray(values).max()), 1e-6)
    lit = small > _LIT
    rows, columns = (np.flatnonzero(lit.sum(axis) > _LEAST) for axis in (1, 0))
    if not rows.size or not columns.size:
        return "unknown"
    width = float(np.median([_extent(lit[row]) for row in rows])) / _SIDE
    above, below = (_touches(lit, edge) > _TOUCH for edge in (slice(_EDGE), slice(-_EDGE, None)))
    across = all(_touches(lit.T, edge) > _ACROSS for edge in (slice(_EDGE), slice(-_EDGE, None)))
    if above and below and width < _NARROW:
        body = small[:, columns[0] : columns[-1] + 1]
        mirror = np.corrcoef(body.ravel(), body[:, ::-1].ravel())[0, 1]
        return "coronal" if mirror > _MIRROR else "unknown"
    return "axial" if not above and not across and width > _WIDE else "unknown"


def _extent(line: NDArray[np.bool_]) -> int:
    """Pixels from the first lit one to the last."""
    (lit,) = np.nonzero(line)
    return int(lit[-1] - lit[0]) + 1 if lit.size else 0


def _touches(lit: NDArray[np.bool_], edge: slice) -> float:
    """Share of an edge, here rows, that is lit."""
    return float(lit[edge].any(axis=0).mean())
