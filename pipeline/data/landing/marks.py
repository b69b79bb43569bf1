"""What a list says of the findings of one image, before the image's size is known."""

from dataclasses import dataclass
from typing import Literal

Wrong = Literal["outside", "empty", "other-size", "unknown-kind", "unreadable"]
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
