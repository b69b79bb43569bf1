"""Images for people to look at, as data URIs: whole, in their aspect, small."""

import io
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from pipeline.data.formats import Pixels
from pipeline.data.formats.canonical import THUMBNAIL_SIDE, shrink, thumbnail
from pipeline.reports.page import data_uri, inline_jpeg

SIDE = 144
"""Longest side of a picture, in pixels; smaller images keep their own."""
_LOW, _HIGH = 0.5, 99.5  # percentiles of a 16-bit image that become black and white


@dataclass(frozen=True)
class Picture:
    """An image on the page.

    Attributes:
        uri: of its data.
        id: of the image, or of the record.
        note: what is said under it.
        mosaic: it is made of 24 x 24 squares.
    """

    uri: str
    id: str
    note: str = ""
    mosaic: bool = False


def shown(pixels: Pixels, side: int = SIDE) -> Image.Image:
    """An image [H, W] in grey, its aspect kept, at most `side` pixels a side.

    Eight bits are shown as they are; sixteen between two percentiles of the image.
    """
    image = Image.fromarray(_eight_bits(pixels))
    if max(image.size) > side:
        image.thumbnail((side, side), Image.Resampling.LANCZOS)
    return image


def picture(pixels: Pixels, id_: str, note: str = "") -> Picture:
    """An image to be shown."""
    return Picture(inline_jpeg(shown(pixels)), id_, note)


def mosaic(pixels: Pixels, id_: str, note: str = "") -> Picture:
    """An image as 24 x 24 squares, in which no text can be read: nothing else of it is kept."""
    stream, squares = io.BytesIO(), (THUMBNAIL_SIDE, THUMBNAIL_SIDE)
    small = Image.fromarray(thumbnail(shrink(pixels)))
    # Once more, so that whatever thumbnails become, no picture of more squares comes out.
    small.resize(squares, Image.Resampling.BOX).save(stream, "PNG")
    return Picture(data_uri(stream.getvalue(), "png"), id_, note, mosaic=True)


def _eight_bits(pixels: Pixels) -> NDArray[np.uint8]:
    if pixels.dtype == np.uint8:
        return pixels.astype(np.uint8)
    low, high = np.percentile(pixels, (_LOW, _HIGH))
    scaled = (pixels.astype(np.float32) - low) * (255.0 / max(float(high - low), 1.0))
    grey: NDArray[np.uint8] = np.round(np.clip(scaled, 0, 255)).astype(np.uint8)
    return grey
