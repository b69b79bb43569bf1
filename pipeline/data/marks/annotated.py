"""Findings of one image, from marks as lists and files beside it give them."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import isfinite

import numpy as np
from numpy.typing import NDArray

from pipeline.base.errors import BadInputError
from pipeline.data.findings import (
    KIND,
    LONGEST_TEXT,
    Box,
    Finding,
    Mask,
    decode_mask,
    finding_of_mask,
    findings_text,
)
from pipeline.data.landing.marks import Mark, Marks, Wrong

MOST_BODIES = 200
"""Connected parts that a mask may have."""
_BEYOND = 0.5
"""Pixels by which a box may leave the image, as numbers in text are rounded; it is cut."""
_FEWEST = 6  # numbers of an outline: three points


@dataclass(frozen=True)
class Annotated:
    """What lies beside an image says of it.

    Attributes:
        findings: None where nobody looked, or where what was said is wrong.
        wrong: why it is not used; "" if it is, or if there is nothing.
        others: whether further files say something too, which is not used.
        spacing: of the pixels, mm by row and column, as in the manifest; "" where it is not said.
    """

    findings: tuple[Finding, ...] | None = None
    wrong: Wrong | str = ""
    others: bool = False
    spacing: str = ""


NOTHING_BESIDE = Annotated()


class WrongMarkError(Exception):
    """What lies beside an image cannot be used; `wrong` says why."""

    def __init__(self, wrong: Wrong) -> None:
        super().__init__(wrong)
        self.wrong: Wrong = wrong


def kind_of(name: str) -> str:
    """A name from a list as a kind: lower case, with - for all but letters, digits and _.

    Raises:
        WrongMarkError: nothing is left of it.
    """
    kind = "".join(char if char.isascii() and (char.isalnum() or char == "_") else "-"
                   for char in name.strip().lower()).strip("-_")  # fmt: skip
    if not KIND.fullmatch(kind):
        raise WrongMarkError("unknown-kind")
    return kind


def findings_of(marks: Marks, label: str, height: int, width: int) -> tuple[Finding, ...]:
    """The findings of an image of a class and a size.

    Raises:
        WrongMarkError: any of them is wrong. An image with half of its findings would say that
            the rest is not there.
    """
    if marks.wrong:
        raise WrongMarkError(marks.wrong)
    if marks.size and marks.size != (width, height):
        raise WrongMarkError("other-size")
    return checked(tuple(_finding(mark, label, height, width) for mark in marks.marks))


def checked(found: tuple[Finding, ...]) -> tuple[Finding, ...]:
    """Findings, each once and sorted, if they fit the manifest.

    Raises:
        WrongMarkError: they are longer than a field of the manifest may be.
    """
    found = tuple(sorted(set(found)))
    if len(findings_text(found)) > LONGEST_TEXT:
        raise WrongMarkError("unreadable")
    return found


def bodies(kind: str, mask: Mask) -> list[Finding]:
    """One finding for each connected part of a mask, bool [height, width]; corners connect.

    Raises:
        WrongMarkError: there are more than MOST_BODIES, as in noise.
    """
    from scipy.ndimage import find_objects, label

    parts: NDArray[np.int32]
    parts, count = label(mask, structure=np.ones((3, 3), np.int32))
    if count > MOST_BODIES:
        raise WrongMarkError("unreadable")
    found = []
    for number, place in enumerate(find_objects(parts), 1):
        own = np.zeros(mask.shape, np.bool_)
        own[place] = parts[place] == number
        found.append(finding_of_mask(kind, own))
    return found


def _finding(mark: Mark, label: str, height: int, width: int) -> Finding:
    kind = mark.kind or kind_of(label)
    across, along = (width, height) if mark.share else (1, 1)
    if mark.counts is not None:
        return _of_counts(kind, mark.counts, height, width)
    if mark.polygons:
        outlines = [_scaled(outline, across, along) for outline in mark.polygons]
        return _of_outlines(kind, outlines, height, width)
    if mark.box is None:
        raise WrongMarkError("empty")
    x0, y0, x1, y1 = _scaled(mark.box, across, along)
    return Finding(kind, _inside((x0, y0, x1, y1), height, width))


def _inside(box: Box, height: int, width: int) -> Box:
    if not all(isfinite(edge) for edge in box):
        raise WrongMarkError("unreadable")
    x0, y0, x1, y1 = box
    if x1 <= x0 or y1 <= y0:
        raise WrongMarkError("empty")
    if min(x0, y0) < -_BEYOND or x1 > width + _BEYOND or y1 > height + _BEYOND:
        raise WrongMarkError("outside")
    x0, y0, x1, y1 = (round(edge, 2) for edge in (x0, y0, x1, y1))
    cut = (max(x0, 0.0), max(y0, 0.0), min(x1, float(width)), min(y1, float(height)))
    if cut[2] <= cut[0] or cut[3] <= cut[1]:
        raise WrongMarkError("empty")
    return cut


def _scaled(numbers: Sequence[float], across: float, along: float) -> tuple[float, ...]:
    return tuple(number * (along if place % 2 else across) for place, number in enumerate(numbers))


def _of_outlines(
    kind: str, outlines: Sequence[tuple[float, ...]], height: int, width: int
) -> Finding:
    """The finding that outlines hold, by COCO's own painting."""
    from pycocotools.mask import frPyObjects, merge

    for outline in outlines:
        if len(outline) < _FEWEST or len(outline) % 2:
            raise WrongMarkError("unreadable")
        xs, ys = outline[::2], outline[1::2]
        _inside((min(xs), min(ys), max(xs), max(ys)), height, width)
    code = merge(frPyObjects([list(outline) for outline in outlines], height, width))
    return _of_pixels(kind, decode_mask(code["counts"].decode("ascii"), height, width))


def _of_counts(kind: str, counts: str | tuple[int, ...], height: int, width: int) -> Finding:
    try:
        if isinstance(counts, str):
            return _of_pixels(kind, decode_mask(counts, height, width))
        if any(run < 0 for run in counts) or sum(counts) != height * width:
            raise WrongMarkError("other-size")
    except (BadInputError, UnicodeError):
        raise WrongMarkError("other-size") from None
    runs = np.repeat(np.arange(len(counts)) % 2 == 1, counts)
    return _of_pixels(kind, runs.reshape(height, width, order="F"))


def _of_pixels(kind: str, mask: Mask) -> Finding:
    if not mask.any():
        raise WrongMarkError("empty")
    return finding_of_mask(kind, mask)
