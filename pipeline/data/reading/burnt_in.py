"""Find text burnt into the pixels by its strokes: it may identify the patient.

Letters are thin bright strokes on a darker background, of one height, side by side. The marks of a
scale are small, in a line, beside the anatomy. Anatomy has thin bright strokes too (ribs, the
table, vessels), but not five of one height in a row. The text is not read: a person reviews the
quarantined image and decides.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from math import ceil

import numpy as np
from numpy.lib.stride_tricks import as_strided
from numpy.typing import NDArray

from pipeline.data.formats import Pixels

_INK = 0.5  # of the brightest pixel
_RISE = 0.35  # above its surroundings, likewise
_STROKE = 5  # pixels; a stroke is thinner
_HEIGHTS = (5, 40)  # pixels of a letter
_MARK, _MARKS, _LONG = 8, 8, 0.4  # of a scale: largest mark, fewest marks, least share of a side
_LEAST_MARK = 4  # pixels in all
_EXTREMES = (np.minimum, np.maximum)
_MARGIN, _DARK = 4, 0.15  # pixels around a mark that are darker than this share of the brightest


@dataclass(frozen=True)
class Box:
    """A connected shape: centre and size of its bounding box, and its area, in pixels."""

    row: float
    column: float
    height: int
    width: int
    area: int

    @property
    def left(self) -> float:
        """Column of its left edge."""
        return self.column - self.width / 2

    @property
    def right(self) -> float:
        """Column of its right edge."""
        return self.column + self.width / 2


def glyphs_in_a_row(pixels: Pixels) -> int:
    """Number of letter-like shapes in the longest row of them, or of marks on a scale.

    Args:
        pixels: uint8 or uint16 [H, W], 0 black.
    """
    shapes = list(_shapes(_strokes(pixels)))
    letters = [box for box in shapes if _is_letter(box)]
    small = [
        box
        for box in shapes
        if max(box.height, box.width) <= _MARK and box.height * box.width >= _LEAST_MARK
    ]
    dark = ceil(_DARK * int(pixels.max()))
    marks = [box for box in small if len(small) >= _MARKS and _in_the_dark(box, pixels, dark)]
    height, width = pixels.shape
    return max(
        max((len(chain) for chain in _rows(letters)), default=0),
        # Marks are perpendicular to their scale; remains of a curved line are parallel to it.
        _longest_scale([(m.column, m.row) for m in marks if m.height <= m.width + 1], height),
        _longest_scale([(m.row, m.column) for m in marks if m.width <= m.height + 1], width),
    )


def _strokes(pixels: Pixels) -> NDArray[np.bool_]:
    """Thin bright pixels: above half of the maximum, and removed by opening with a small square."""
    brightest = max(int(pixels.max()), 1)
    mask: NDArray[np.bool_] = pixels >= ceil(_INK * brightest)
    mask &= pixels - _opened(pixels) >= ceil(_RISE * brightest)
    return mask


def _opened(pixels: Pixels) -> Pixels:
    """Morphological opening: the minimum over a square, then the maximum of those minima.

    Borders are mirrored. The image is filtered as one line of pixels, on which numpy is four times
    as fast as row by row: what crosses from one row into the next stays within the margin, which
    is cut off.
    """
    margin = 2 * (_STROKE // 2)  # each of the two filters reaches half a square
    padded = np.pad(pixels, margin, "symmetric")
    width = padded.shape[1]
    line = padded.ravel()
    for extreme in _EXTREMES:
        for step in (1, width):
            two = extreme(line[:-step], line[step:])
            four = extreme(two[: -2 * step], two[2 * step :])
            line = extreme(four[:-step], line[4 * step :])
    # The line runs from the image's first pixel to its last, with margin between the rows.
    row, one = width * line.itemsize, line.itemsize
    return as_strided(line, pixels.shape, (row, one), writeable=False)


def _shapes(strokes: NDArray[np.bool_]) -> Iterator[Box]:
    """Connected shapes no larger than a letter.

    Few pixels are strokes: connecting only those as a graph takes a third of the time of labelling
    every pixel.
    """
    if np.count_nonzero(strokes) < _HEIGHTS[0]:
        return  # not even one letter
    # The import takes half a second, which commands that read no image should not pay.
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    height, width = strokes.shape
    width += 1  # an empty column separates the end of a row from the start of the next
    lit = np.flatnonzero(np.pad(strokes, ((0, 0), (0, 1))))
    at = np.full((height + 1) * width + 1, -1, dtype=np.int32)
    at[lit] = np.arange(len(lit))
    below = [at[lit + step] for step in (1, width - 1, width, width + 1)]
    first = np.concatenate([np.flatnonzero(one >= 0) for one in below])
    second = np.concatenate([one[one >= 0] for one in below])
    pairs = coo_array((np.ones(len(first), np.bool_), (first, second)), shape=(len(lit),) * 2)
    _, shape_of = connected_components(pairs, directed=False)
    order = np.argsort(shape_of, kind="stable")
    starts = np.flatnonzero(np.diff(shape_of[order], prepend=-1))
    rows, columns = np.divmod(lit[order], width)
    edges = [extreme.reduceat(of, starts) for of in (rows, columns) for extreme in _EXTREMES]
    areas = np.diff(starts, append=len(lit))
    for top, bottom, left, right, area in zip(
        *(one.tolist() for one in (*edges, areas)), strict=True
    ):
        tall, wide = bottom - top + 1, right - left + 1
        if max(tall, wide / 2) <= _HEIGHTS[1]:
            yield Box((top + bottom + 1) / 2, (left + right + 1) / 2, tall, wide, area)


def _is_letter(box: Box) -> bool:
    """Whether height, width and fill are those of a letter; an I is one stroke."""
    low, high = _HEIGHTS
    fits = low <= box.height <= high and box.width <= 1.6 * box.height
    filled = box.area / (box.height * box.width)
    return fits and (box.width <= 3 or 0.15 <= filled <= 0.85)


def _rows(letters: list[Box]) -> Iterator[list[Box]]:
    """Rows of letters: of one height, on one line, each close to the next."""
    left = sorted(letters, key=lambda box: box.left)
    while left:
        chain = [left.pop(0)]
        for box in list(left):
            last = chain[-1]
            close = -0.3 * last.height <= box.left - last.right <= 1.2 * last.height
            level = abs(box.row - last.row) <= 0.25 * last.height
            if close and level and 0.7 <= box.height / last.height <= 1.4:
                chain.append(box)
                left.remove(box)
        yield chain


def _in_the_dark(box: Box, pixels: Pixels, dark: int) -> bool:
    """Whether nearly all pixels around a mark are below `dark`: a scale is beside the anatomy."""
    top, left = max(0, int(box.row - box.height / 2) - _MARGIN), max(0, int(box.left) - _MARGIN)
    bottom, right = int(box.row + box.height / 2) + _MARGIN, int(box.right) + _MARGIN
    around = pixels[top:bottom, left:right]
    lit = np.count_nonzero(around >= dark)
    return bool(lit <= 1.5 * box.height * box.width + 0.1 * around.size)


def _longest_scale(marks: Sequence[tuple[float, float]], side: int) -> int:
    """Number of marks, each (across, along) a scale, in the longest line; 0 without a long one."""
    longest, line = 0, list[float]()
    ordered = sorted(marks)
    for number, (across, along) in enumerate(ordered):
        if number and across - ordered[number - 1][0] > _MARGIN:
            line = []
        line.append(along)
        if max(line) - min(line) >= _LONG * side:
            longest = max(longest, len(line))
    return longest if longest >= _MARKS else 0
