"""Find the trunk in an axial slice: its centre, half width and tilt, a frame to cut a region by.

The frame is the convex hull of muscle, bone and organs, by its moments. Fat under the skin is left
out, because it differs most between people and is black in many windows. The grey level between
fat and tissue is found in each slice, so slices without contrast medium and other windows work.
"""

from dataclasses import dataclass
from math import cos, sin, sqrt

import numpy as np
import scipy
from numpy.typing import NDArray
from PIL import Image
from skimage.filters import threshold_otsu
from skimage.morphology import convex_hull_image

Pixels = NDArray[np.uint8]
Mask = NDArray[np.bool_]

SIDE = 128
"""Longest side of the copy in which the trunk is searched, pixels."""

_AIR = 8  # grey level up to which a pixel is air, or noise of a JPEG
_TISSUE = 1.3  # brightest tissue over the median of what is not air: bone is cut to this level
_DIM = 12  # what is darker than bone by this factor is no tissue
# Least share of a body's area that is left without a table. Less is left of a body whose skin is
# not closed, or whose fat is black, and then tissue would be lost.
_WITHOUT_TABLE = 0.85
_LEAST_BODY, _LEAST_TISSUE = 0.02, 0.01  # shares of the image
_BLACK_FAT = 0.15  # share of black in a body from which it is fat
_LEAST_RANGE = 4  # grey levels between what is darkest and brightest in a body, bone cut


@dataclass(frozen=True)
class Frame:
    """A position in an image.

    Attributes:
        x, y: centre, pixels; 0 is the middle of the first column or row.
        half_width: half the width along the tilted x axis, pixels.
        tilt: radians, from x towards y.
        flatness: half height over half width.
    """

    x: float
    y: float
    half_width: float
    tilt: float
    flatness: float

    def place(self, u: float, v: float) -> tuple[float, float]:
        """x and y, pixels, of a point in half widths from the centre."""
        c, s = cos(self.tilt), sin(self.tilt)
        return (
            self.x + (c * u - s * v) * self.half_width,
            self.y + (s * u + c * v) * self.half_width,
        )


def find_trunk(pixels: Pixels) -> tuple[Frame | None, str]:
    """The trunk's frame in one image.

    Args:
        pixels: uint8 [H, W], any window in which air is darkest and bone is brightest.

    Returns:
        The frame, in pixels of the image, and ""; or None and why there is none.
    """
    small, scale = _copy(pixels)
    step = max(max(small.shape) // 64, 1)
    body = _body(small, step)
    if body.sum() < small.size * _LEAST_BODY:
        return None, "no body"
    level = _tissue_level(small, body)
    if level is None:
        return None, "no tissue"
    # The opening drops the skin.
    tissue = _opened((small > level) & body, step + 1)
    if tissue.sum() < small.size * _LEAST_TISSUE:
        return None, "no tissue"
    frame = hull_frame(tissue)
    x, y = ((place + 0.5) * scale - 0.5 for place in (frame.x, frame.y))
    return Frame(x, y, frame.half_width * scale, frame.tilt, frame.flatness), ""


def hull_frame(tissue: Mask) -> Frame:
    """The frame of a mask's convex hull, by its moments; the mask [H, W] is not empty."""
    rows, columns = np.nonzero(convex_hull_image(tissue))
    (xx, xy), (_, yy) = np.cov(columns, rows)
    # An ellipse's second moment along an axis is a quarter of the half axis squared.
    return Frame(
        float(columns.mean()),
        float(rows.mean()),
        2 * sqrt(xx),
        float(np.arctan2(2 * xy, xx - yy) / 2),
        sqrt(yy / xx) if xx else 1.0,
    )


def largest(mask: Mask) -> Mask:
    """The largest connected part of a mask [H, W]."""
    parts, count = scipy.ndimage.label(mask)
    if count < 2:
        return mask
    part: Mask = parts == 1 + np.argmax(np.bincount(parts.ravel())[1:])
    return part


def _copy(pixels: Pixels) -> tuple[Pixels, float]:
    """A copy of at most `SIDE` pixels, and pixels of the image to one of it."""
    height, width = pixels.shape
    scale = max(height, width) / SIDE
    if scale <= 1:
        return pixels, 1.0
    size = (max(round(width / scale), 1), max(round(height / scale), 1))
    return np.asarray(Image.fromarray(pixels).resize(size, Image.Resampling.BOX)), scale


def _body(small: Pixels, step: int) -> Mask:
    """The largest solid part: what skin encloses is filled, and the table, a thin line, dropped."""
    margin = 4 * step
    mask = np.pad(small > _AIR, margin)
    # Skin with a gap encloses nothing until it is closed; but a closed gap, or a table that touches
    # the skin, makes a part of the body of the air between both. So of three masks the smallest
    # that is not much smaller than the next is taken: thin lines dropped, as it is, gaps closed.
    body = _solid(_closed(mask, 2 * step + 1), step)
    for smaller in (mask, _opened(mask, step + 1), _opened(mask, 2 * step + 1)):
        solid = _solid(smaller, step)
        if solid.sum() >= _WITHOUT_TABLE * body.sum():
            body = solid
    return body[margin:-margin, margin:-margin]


def _solid(mask: Mask, step: int) -> Mask:
    """The largest part of a mask whose first pixel is empty, filled, without thin lines."""
    outside, _ = scipy.ndimage.label(~mask)
    return largest(_opened(outside != outside[0, 0], 4 * step + 1))


def _tissue_level(small: Pixels, body: Mask) -> int | None:
    """The grey level between fat, or air, and tissue in a body (Otsu's); None if it is flat."""
    values = small[body]
    air = values <= _AIR
    if air.mean() < _BLACK_FAT:  # fat is not black, and gas in the bowel would be told from it
        values = values[~air]
    lit = values[values > max(_AIR, int(values.max()) // _DIM)]  # dim fat would be the median
    if not len(lit):
        return None
    # Bone would pull the level above all tissue where that is dark.
    cut = np.minimum(values, np.uint8(min(_TISSUE * float(np.median(lit)), 255)))
    if int(cut.max()) - int(cut.min()) < _LEAST_RANGE:
        return None
    return int(threshold_otsu(cut))


def _closed(mask: Mask, side: int) -> Mask:
    """With gaps narrower than `side` pixels closed."""
    closed: Mask = (
        scipy.ndimage.grey_closing(mask.view(np.uint8), (side, side), mode="constant") > 0
    )
    return closed


def _opened(mask: Mask, side: int) -> Mask:
    """Without parts thinner than `side` pixels."""
    opened: Mask = (
        scipy.ndimage.grey_opening(mask.view(np.uint8), (side, side), mode="constant") > 0
    )
    return opened
