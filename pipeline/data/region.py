"""Which part of an image networks see: the whole of it, or a square found by a frame.

A square in units of a frame shows the same anatomy in every image, whatever the person's size and
place, in the image's own pixels. It is not turned, so left, right and gravity stay as they are.
"""

import re
from typing import Literal, Self

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from model.section import Section
from pipeline.base.errors import BadInputError
from pipeline.data.frame import Frame, find_trunk

Box = tuple[float, float, float, float]
"""x0, y0, x1, y1 in pixels; 0 is the left or upper edge of the first pixel."""

_FLATNESS = (0.4, 1.0)  # half height over half width of a trunk seen along the body
_TILT = 0.5  # most tilt of a trunk, radians


class RegionConfig(Section):
    """The `preprocess.region` section of params.yaml."""

    frame: Literal["none", "trunk"] = Field(
        default="none",
        description="none: the whole image; trunk: a square by the trunk of an axial slice",
    )
    centre: tuple[float, float] = Field(
        default=(0.0, 0.0),
        description="of the square, right and down from the trunk's, in its half widths",
    )
    half_side: float = Field(
        default=1.0, gt=0.0, le=4.0, description="of the square, in the trunk's half widths"
    )

    @property
    def whole(self) -> bool:
        """Whether images are shown whole."""
        return self.frame == "none"

    @property
    def view(self) -> str:
        """The view in a few words, such as "trunk (0, 0.14) 0.72"; "" for whole images."""
        if self.whole:
            return ""
        u, v, half_side = (_short(number) for number in (*self.centre, self.half_side))
        return f"{self.frame} ({u}, {v}) {half_side}"

    @classmethod
    def of_view(cls, view: str) -> Self:
        """The region that `view` names; "" or none: whole images.

        Raises:
            BadInputError: it names no region.
        """
        if view in ("", "none"):
            return cls()
        numbers = r"\(?(-?[\d.]+),? +(-?[\d.]+)\)? +([\d.]+)"
        found = re.fullmatch(rf"(trunk) +{numbers}", view.strip())
        try:
            frame, *given = found.groups() if found else ("",)
            u, v, half_side = map(float, given)
            return cls.model_validate({"frame": frame, "centre": (u, v), "half_side": half_side})
        except ValueError:
            raise BadInputError(
                f"{view!r} is not a region; give a frame, two numbers for the centre and one for "
                'half a side, such as "trunk (0, 0.14) 0.72"; or none'
            ) from None


def in_words(view: str) -> str:
    """A view as people read it: "whole images" for ""."""
    return f"region {view}" if view else "whole images"


def find_region(pixels: NDArray[np.uint8], config: RegionConfig) -> tuple[Box | None, str]:
    """The square of an image that the config asks for.

    Args:
        pixels: uint8 [H, W].
        config: the region.

    Returns:
        The square in the image's pixels, which may reach beyond it, and ""; or None and the
        reason why this image has none.
    """
    if config.whole:
        return whole_square(pixels.shape), ""
    frame, reason = find_trunk(pixels)
    if frame is None:
        return None, reason
    if reason := _not_a_trunk(frame):
        return None, reason
    x, y = (place + 0.5 for place in frame.place(*config.centre))
    half = config.half_side * frame.half_width
    return (x - half, y - half, x + half, y + half), ""


def whole_square(shape: tuple[int, ...]) -> Box:
    """The smallest square of whole pixels around an image of this height and width."""
    height, width = shape
    side = max(height, width)
    left, top = (side - width) // 2, (side - height) // 2
    return (-left, -top, side - left, side - top)


def _short(number: float) -> str:
    text = f"{number:g}"
    return text if float(text) == number else repr(number)


def _not_a_trunk(frame: Frame) -> str:
    least, most = _FLATNESS
    if not least <= frame.flatness <= most:
        return "outline unlike an axial trunk"
    return "outline tilted" if abs(frame.tilt) > _TILT else ""
