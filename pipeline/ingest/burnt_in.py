"""Text burnt into the pixels, found by its strokes: it may say who the patient is.

Letters are thin bright strokes on something darker, of one height, side by side; the marks of a
scale are small, in a line, beside the anatomy. Anatomy has thin bright strokes too (ribs, the
table, vessels), but not five of a height in a row. What the text says is not read: a person looks
at what is quarantined, and decides.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from pipeline.ingest.formats import Pixels

_INK = 0.5  # of the brightest pixel
_RISE = 0.35  # above its surroundings, likewise
_STROKE = 5  # pixels; a stroke is thinner
_HEIGHTS = (5, 40)  # pixels of a letter
_MARK, _MARKS, _LONG = 8, 8, 0.4  # of a scale: largest mark, least number, least share of a side
_LEAST_MARK = 4  # pixels in all
_MARGIN, _DARK = 4, 0.15  # pixels around a mark that are darker than this share of the brightest


@dataclass(frozen=True)
class Box:
    """A connected shape: its centre and its size, in pixels."""

    row: float
    column: float
    height: int
    width: int

    @property
    def left(self) -> float:
        """Where it begins."""
        return self.column - self.width / 2

    @property
    def right(self) -> float:
        """Where it ends."""
        return self.column + self.width / 2


def glyphs_in_a_row(pixels: Pixels) -> int:
    """How many letter-like shapes stand in the longest row of them, or marks on a scale.

    Args:
        pixels: uint8 or uint16 [H, W], 0 black.
    """
    shapes = list(_shapes(_strokes(pixels)))
    letters = [box for box, filled in shapes if _is_letter(box, filled)]
    small = [
        box
        for box, _ in shapes
        if max(box.height, box.width) <= _MARK and box.height * box.width >= _LEAST_MARK
    ]
    dark = pixels < _DARK * float(pixels.max())
    marks = [box for box in small if _in_the_dark(box, dark)]
    height, width = pixels.shape
    return max(
        max((len(chain) for chain in _rows(letters)), default=0),
        # Marks lie across their scale; what is left of a curved line lies along it.
        _longest_scale([(m.column, m.row) for m in marks if m.height <= m.width + 1], height),
        _longest_scale([(m.row, m.column) for m in marks if m.width <= m.height + 1], width),
    )


def _strokes(pixels: Pixels) -> NDArray[np.bool_]:
    """Thin and bright: above half of the brightest, and gone when opened by a small square."""
    values = pixels.astype(np.float32) / max(float(pixels.max()), 1.0)
    opened = ndimage.grey_opening(values, size=(_STROKE, _STROKE))
    mask: NDArray[np.bool_] = (values >= _INK) & (values - opened >= _RISE)
    return mask


def _shapes(strokes: NDArray[np.bool_]) -> Iterator[tuple[Box, float]]:
    """Connected shapes no larger than a letter, and the share of its box that each fills."""
    labels, _ = ndimage.label(strokes, structure=np.ones((3, 3)))
    for number, (rows, columns) in enumerate(ndimage.find_objects(labels), 1):
        height, width = rows.stop - rows.start, columns.stop - columns.start
        if max(height, width / 2) <= _HEIGHTS[1]:
            filled = (labels[rows, columns] == number).sum() / (height * width)
            row, column = (rows.start + rows.stop) / 2, (columns.start + columns.stop) / 2
            yield Box(row, column, height, width), float(filled)


def _is_letter(box: Box, filled: float) -> bool:
    """As high, as narrow and as full as letters are; an I is one stroke."""
    low, high = _HEIGHTS
    fits = low <= box.height <= high and box.width <= 1.6 * box.height
    return fits and (box.width <= 3 or 0.15 <= filled <= 0.85)


def _rows(letters: list[Box]) -> Iterator[list[Box]]:
    """Letters of one height on one line, each close to the next."""
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


def _in_the_dark(box: Box, dark: NDArray[np.bool_]) -> bool:
    """Whether nearly all around a mark is black: a scale stands beside the anatomy."""
    top, left = max(0, int(box.row - box.height / 2) - _MARGIN), max(0, int(box.left) - _MARGIN)
    bottom, right = int(box.row + box.height / 2) + _MARGIN, int(box.right) + _MARGIN
    around = dark[top:bottom, left:right]
    lit = around.size - int(around.sum())
    return bool(lit <= 1.5 * box.height * box.width + 0.1 * around.size)


def _longest_scale(marks: Sequence[tuple[float, float]], side: int) -> int:
    """Marks, each (across, along) a scale, of the longest line of them; 0 where none is long."""
    longest, line = 0, list[float]()
    ordered = sorted(marks)
    for number, (across, along) in enumerate(ordered):
        if number and across - ordered[number - 1][0] > _MARGIN:
            line = []
        line.append(along)
        if max(line) - min(line) >= _LONG * side:
            longest = max(longest, len(line))
    return longest if longest >= _MARKS else 0
