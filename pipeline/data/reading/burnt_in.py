"""Find text and marks burnt into the pixels by their strokes: text may identify the patient.

Letters are thin bright strokes on a darker background, of one height, side by side. The marks of a
scale are small, in a line, beside the anatomy. The crosses of a measurement stand alone. Anatomy
has thin bright strokes too (ribs, the table, vessels), but not five of one height in a row. Shorter
rows are places where text may be; `text_reader` reads there.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from math import ceil
from typing import Any

import numpy as np
from numpy.lib.stride_tricks import as_strided
from numpy.typing import NDArray

from pipeline.data.formats import Pixels
from pipeline.data.reading.marks import LEAST_CROSS, MOST_CROSS, is_cross

_INK = 0.5  # of the brightest pixel
_RISE = 0.35  # above its surroundings, likewise
_STROKE = 5  # pixels; a stroke is thinner
_HEIGHTS = (5, 40)  # pixels of a letter
_MARK, _MARKS, _LONG = 8, 8, 0.4  # of a scale: largest mark, fewest marks, least share of a side
_LEAST_MARK = 4  # pixels in all
_EXTREMES = (np.minimum, np.maximum)
_MARGIN, _DARK = 4, 0.15  # pixels around a mark that are darker than this share of the brightest
# Shares of the brightest: most behind letters, and least difference to it; of two and of more.
_PAPER, _CONTRAST = 0.35, 0.45
_PAPER_OF_MORE, _CONTRAST_OF_MORE = 0.5, 0.35
_SMALL = 300  # pixels of the short side


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

    @property
    def top(self) -> float:
        """Row of its upper edge."""
        return self.row - self.height / 2

    @property
    def bottom(self) -> float:
        """Row of its lower edge."""
        return self.row + self.height / 2


@dataclass(frozen=True)
class Place:
    """A row of letter-like shapes: its bounding box, and the height of a letter, in pixels."""

    left: int
    top: int
    right: int
    bottom: int
    letter: float


@dataclass(frozen=True)
class Strokes:
    """What strokes look like.

    Attributes:
        glyphs: number of letter-like shapes in the longest row, or of marks on a scale.
        crosses: number of drawn crosses.
        places: rows of two and more shapes that may be text.
    """

    glyphs: int
    crosses: int
    places: tuple[Place, ...]


def glyphs_in_a_row(pixels: Pixels) -> int:
    """Number of letter-like shapes in the longest row of them, or of marks on a scale.

    Args:
        pixels: uint8 or uint16 [H, W], 0 black.
    """
    return find_strokes(pixels).glyphs


def find_strokes(pixels: Pixels) -> Strokes:
    """Letters, marks of a scale and crosses, bright on something darker.

    Args:
        pixels: uint8 or uint16 [H, W], 0 black.
    """
    strokes = _strokes(pixels)
    shapes = list(_shapes(strokes))
    rows = list(_rows([box for box in shapes if _is_letter(box)]))
    return Strokes(
        max([_marks_of_a_scale(shapes, pixels), *map(len, rows)]),
        sum(
            is_cross(_cut(strokes, box))
            for box in shapes
            if box.height >= LEAST_CROSS and _may_be_cross(box)
        ),
        tuple(_place(row) for row in rows if len(row) > 1 and _may_be_text(row, pixels, strokes)),
    )


def _may_be_cross(box: Box) -> bool:
    """By size, as most shapes are none and cutting them out takes longer."""
    height, width = box.height, box.width
    square = LEAST_CROSS <= width <= 1.2 * height <= 1.44 * width
    return square and height <= MOST_CROSS and box.area <= 0.5 * height * width


def _marks_of_a_scale(shapes: Sequence[Box], pixels: Pixels) -> int:
    small = [
        box
        for box in shapes
        if box.height <= _MARK and box.width <= _MARK and box.height * box.width >= _LEAST_MARK
    ]
    if len(small) < _MARKS or not _longest_line(small, pixels.shape):
        return 0
    dark = ceil(_DARK * int(pixels.max()))
    return _longest_line([box for box in small if _in_the_dark(box, pixels, dark)], pixels.shape)


def _longest_line(marks: Sequence[Box], shape: tuple[int, ...]) -> int:
    height, width = shape
    return max(
        # Marks are perpendicular to their scale; remains of a curved line are parallel to it.
        _longest_scale([(m.column, m.row) for m in marks if m.height <= m.width + 1], height),
        _longest_scale([(m.row, m.column) for m in marks if m.width <= m.height + 1], width),
    )


def _may_be_text(row: Sequence[Box], pixels: Pixels, strokes: NDArray[np.bool_]) -> bool:
    """Whether a row of shapes is worth reading: letters on an even ground that is darker.

    A fifth of all CT slices has two edges of bones side by side, and reading takes longer than all
    the rest. So pairs have to look more like letters, and more so in small images, where bones are
    as large as letters.
    """
    pair, small = len(row) == 2, min(pixels.shape) < _SMALL
    if not (pair or small):
        return True
    if pair and not _are_a_pair(row[0], row[1], strict=small):
        return False
    paper, contrast = (_PAPER, _CONTRAST) if pair else (_PAPER_OF_MORE, _CONTRAST_OF_MORE)
    return all(_is_inked(box, pixels, strokes, paper, contrast, even=pair and small) for box in row)


def _are_a_pair(one: Box, other: Box, *, strict: bool) -> bool:
    """Whether two shapes stand on one line; if strict, also have the height and fill of letters."""
    if abs(one.bottom - other.bottom) > 1:
        return False
    return not strict or (
        abs(one.top - other.top) <= 1
        and all(
            box.area <= 0.65 * box.height * box.width and 0.35 <= box.width / box.height <= 1.25
            for box in (one, other)
        )
    )


def _is_inked(
    box: Box,
    pixels: Pixels,
    strokes: NDArray[np.bool_],
    paper: float,
    contrast: float,
    *,
    even: bool,
) -> bool:
    """Whether the ground around a shape is at most `paper`, and its ink `contrast` above that."""
    brightest = max(int(pixels.max()), 1)
    around = _cut(pixels, box, 2)[~_cut(strokes, box, 2)] / brightest
    ink = float(np.median(_cut(pixels, box)[_cut(strokes, box)])) / brightest
    ground = float(np.median(around))
    if even and np.count_nonzero(around > _INK) > 0.1 * around.size:
        return False
    return ground <= paper and ink - ground >= contrast


def _cut(image: NDArray[Any], box: Box, margin: int = 0) -> NDArray[Any]:
    """What an image holds in a box and its margin."""
    top, left = round(box.top), round(box.left)
    return image[
        max(top - margin, 0) : top + box.height + margin,
        max(left - margin, 0) : left + box.width + margin,
    ]


def _place(row: Sequence[Box]) -> Place:
    return Place(
        round(min(box.left for box in row)),
        round(min(box.top for box in row)),
        round(max(box.right for box in row)),
        round(max(box.bottom for box in row)),
        sum(box.height for box in row) / len(row),
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
