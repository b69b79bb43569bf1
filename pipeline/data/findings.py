"""Findings of an image: where it shows what, as boxes and masks; the manifest's column `findings`.

Coordinates are pixels of the stored image: x to the right, y downwards, 0 at the left or upper
edge of the first pixel. A mask is COCO's compressed run-length code (`counts`) of the whole stored
image: column by column, background first.
"""

import json
from collections.abc import Iterable
from dataclasses import dataclass
from math import isfinite, pi, sqrt

import numpy as np
from numpy.typing import NDArray

from pipeline.base.errors import BadInputError
from pipeline.data.layout import CLASS_NAME

Box = tuple[float, float, float, float]
Mask = NDArray[np.bool_]
KIND = CLASS_NAME
"""What a kind may be called."""
LONGEST_TEXT = 100_000
"""Characters of an image's findings at most: readers of CSV stop at 131,072 a field."""
_SIDES = 4


@dataclass(frozen=True, order=True)
class Finding:
    """One finding of an image.

    Attributes:
        kind: what it is, such as stone: a-z, 0-9, - and _.
        box: x0, y0, x1, y1 in pixels of the stored image; x1 and y1 are edges, not pixels, so that
            the width is x1 - x0.
        mask: COCO's compressed run-length code of the whole stored image; "" where only the box is
            known.
    """

    kind: str
    box: Box
    mask: str = ""

    @property
    def size(self) -> tuple[float, float]:
        """Width and height of the box, pixels."""
        x0, y0, x1, y1 = self.box
        return x1 - x0, y1 - y0

    @property
    def diameter(self) -> float:
        """Of a disc with the mask's area, or of one with that of the ellipse in the box; pixels."""
        width, height = self.size
        if not self.mask:
            return sqrt(width * height)
        return 2 * sqrt(sum(_runs(self.mask)[1::2]) / pi)

    def pixels(self, height: int, width: int) -> Mask | None:
        """The mask, bool [height, width]; None where only the box is known.

        Raises:
            BadInputError: the code is not one of an image of that size.
        """
        return decode_mask(self.mask, height, width) if self.mask else None


def parse_findings(text: str) -> tuple[Finding, ...] | None:
    """Parse the manifest's column `findings`.

    Args:
        text: "": nobody looked for findings; "[]": somebody looked, and there is none; else a JSON
            list. Keys that a later version added are passed over.

    Returns:
        The findings, sorted; None for "".

    Raises:
        BadInputError: it is not such a list.
    """
    if not text:
        return None
    try:
        listed = json.loads(text)
        return tuple(sorted(_finding(**_known(one)) for one in listed))
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
        raise BadInputError(
            f"the manifest's findings {text[:80]!r} cannot be read ({error}): allowed is a list of "
            '{"kind": …, "box": [x0, y0, x1, y1], "mask": …}'
        ) from None


def kinds_in(texts: Iterable[str]) -> tuple[str, ...]:
    """The kinds of the findings of all images, sorted, from their texts in the manifest."""
    return tuple(sorted({one.kind for text in texts for one in parse_findings(text) or ()}))


def findings_text(found: Iterable[Finding] | None) -> str:
    """The text of the column `findings`, sorted, as `parse_findings` reads it."""
    if found is None:
        return ""
    facts = [
        {"kind": one.kind, "box": [_number(edge) for edge in one.box]}
        | ({"mask": one.mask} if one.mask else {})
        for one in sorted(found)
    ]
    return json.dumps(facts, separators=(",", ":"))


def finding_of_mask(kind: str, mask: Mask) -> Finding:
    """The finding of a mask, bool [height, width], with the box around it.

    Raises:
        BadInputError: the mask is empty.
    """
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    if not rows.size:
        raise BadInputError(f"the mask of a finding of kind {kind} is empty")
    box = (float(columns[0]), float(rows[0]), float(columns[-1] + 1), float(rows[-1] + 1))
    return Finding(kind, box, encode_mask(mask))


def encode_mask(mask: Mask) -> str:
    """COCO's compressed run-length code of a mask, bool [height, width]."""
    from pycocotools.mask import encode

    return str(encode(np.asfortranarray(mask, dtype=np.uint8))["counts"].decode("ascii"))


def decode_mask(counts: str, height: int, width: int) -> Mask:
    """The mask, bool [height, width], of COCO's compressed run-length code.

    Raises:
        BadInputError: the code is not one of an image of that size.
    """
    runs = _runs(counts)
    if sum(runs) != height * width:
        raise BadInputError(
            f"the mask {counts[:40]!r} is not of an image of {width}x{height} pixels"
        )
    pixels = np.repeat(np.arange(len(runs)) % 2 == 1, runs)
    return np.ascontiguousarray(pixels.reshape(height, width, order="F"))


def _runs(counts: str) -> list[int]:
    """Lengths of the runs of a code, background first; none where it is damaged.

    Five bits a character, least first; the sixth says that more follow. From the third run on,
    numbers are differences from the run before the last. The library's own reader trusts the code.
    """
    runs: list[int] = []
    value = shift = 0
    for char in counts:
        code = ord(char) - 48
        if not 0 <= code < 64 or shift > 30:
            return []
        value |= (code & 31) << shift
        shift += 5
        if code & 32:
            continue
        value -= (1 << shift) if code & 16 else 0
        runs.append(value + (runs[-2] if len(runs) > 2 else 0))
        value = shift = 0
    return [] if shift or min(runs, default=0) < 0 else runs


def _known(one: dict[str, object]) -> dict[str, object]:
    return {name: one[name] for name in ("kind", "box", "mask") if name in one}


def _finding(kind: object, box: object, mask: object = "") -> Finding:
    if not isinstance(kind, str) or not KIND.fullmatch(kind):
        raise ValueError(f"the kind {kind!r}")
    if not isinstance(mask, str):
        raise TypeError(f"the mask {mask!r}")
    if not isinstance(box, list) or len(box) != _SIDES:
        raise ValueError(f"the box {box!r}")
    x0, y0, x1, y1 = (float(edge) for edge in box)
    if not all(isfinite(edge) for edge in (x0, y0, x1, y1)) or x1 <= x0 or y1 <= y0:
        raise ValueError(f"the box {box!r}")
    return Finding(kind, (x0, y0, x1, y1), mask)


def _number(edge: float) -> float | int:
    """An edge to a hundredth of a pixel, without .0."""
    rounded = round(edge, 2)
    return int(rounded) if rounded == int(rounded) else rounded
