"""What a list says of the findings of one image, before the image's size is known."""

from dataclasses import dataclass
from typing import Literal

from pipeline.data.layout import CLASS_NAME

Wrong = Literal["outside", "empty", "other-size", "unknown-kind", "unreadable", "synthetic"]
"""Why what lies beside an image is not used."""


@dataclass(frozen=True)
class Mark:
    """One finding as a list gives it.

    Attributes:
        kind: what it is; "" where the list does not say: then the image's class.
        box: x0, y0, x1, y1, or None.
        polygons: outlines, each x, y, x, y, …
        counts: COCO's run-length code, compressed as text or as numbers; None without one.
        share: whether coordinates are shares of the image's width and height, and not pixels.
    """

    kind: str = ""
    box: tuple[float, float, float, float] | None = None
    polygons: tuple[tuple[float, ...], ...] = ()
    counts: str | tuple[int, ...] | None = None
    share: bool = False


@dataclass(frozen=True)
class Marks:
    """All that a list says of one image.

    Attributes:
        marks: the findings; none: somebody looked and found nothing.
        size: width and height of the image, where the list gives them.
        wrong: why the list's words about the image cannot be used; "" if they can.
    """

    marks: tuple[Mark, ...] = ()
    size: tuple[int, int] | None = None
    wrong: Wrong | Literal[""] = ""


NONE = "none"
_EDGES = 4


def parse_cell(text: str) -> Marks | None:
    """What the column `findings` of a medloom.csv says of an image; None for an empty cell.

    Args:
        text: `none`, or `kind:x0,y0,x1,y1` for each box, with ; between them. Numbers are shares of
            the image's width and height, or pixels with `px` after the last.

    Raises:
        ValueError: it is of another form; the message says which.
    """
    if not text.strip():
        return None
    if text.strip().lower() == NONE:
        return Marks()
    return Marks(tuple(_mark_of(part) for part in text.split(";") if part.strip()))


def _mark_of(part: str) -> Mark:
    kind, _, numbers = (piece.strip().lower() for piece in part.partition(":"))
    pixels = numbers.endswith("px")
    try:
        edges = tuple(float(number) for number in numbers.removesuffix("px").split(","))
    except ValueError:
        edges = ()
    if not CLASS_NAME.fullmatch(kind) or len(edges) != _EDGES:
        raise ValueError(
            f"findings {part.strip()[:60]!r}: allowed are none, and boxes such as "
            "stone:0.41,0.52,0.44,0.55 or stone:210,266,225,281px, with ; between them"
        )
    if not pixels and max(edges) > 1:
        raise ValueError(
            f"findings {part.strip()[:60]!r}: shares of the side are at most 1; write px after "
            "pixels"
        )
    x0, y0, x1, y1 = edges
    return Mark(kind, box=(x0, y0, x1, y1), share=not pixels)
