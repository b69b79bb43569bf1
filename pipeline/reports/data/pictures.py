"""Turn images into small pictures for a page, as data URIs; the aspect ratio is kept."""

import io
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from pipeline.data.formats import Pixels
from pipeline.data.formats.canonical import THUMBNAIL_SIDE, shrink, thumbnail
from pipeline.reports.page import data_uri, inline_jpeg

SIDE = 144
"""Longest side of a picture, in pixels; smaller images keep their size."""
_LOW, _HIGH = 0.5, 99.5  # percentiles of a 16-bit image that become black and white


@dataclass(frozen=True)
class Picture:
    """An image on the page.

    Attributes:
        uri: data URI.
        id: of the image, or of the record.
        note: caption.
        mosaic: whether it is made of 24 x 24 squares.
    """

    uri: str
    id: str
    note: str = ""
    mosaic: bool = False


def shown(pixels: Pixels, side: int = SIDE) -> Image.Image:
    """A grey image [H, W], scaled to at most `side` pixels a side.

    Eight-bit images are shown as they are, 16-bit ones between two of their percentiles.
    """
    image = Image.fromarray(_eight_bits(pixels))
    if max(image.size) > side:
        image.thumbnail((side, side), Image.Resampling.LANCZOS)
    return image


def picture(pixels: Pixels, id_: str, note: str = "") -> Picture:
    """The picture of an image."""
    return Picture(inline_jpeg(shown(pixels)), id_, note)


def mosaic(pixels: Pixels, id_: str, note: str = "") -> Picture:
    """The picture of an image as 24 x 24 squares, in which no text can be read."""
    stream, squares = io.BytesIO(), (THUMBNAIL_SIDE, THUMBNAIL_SIDE)
    small = Image.fromarray(thumbnail(shrink(pixels)))
    # Resized here too, so that a change of thumbnails never gives more squares.
    small.resize(squares, Image.Resampling.BOX).save(stream, "PNG")
    return Picture(data_uri(stream.getvalue(), "png"), id_, note, mosaic=True)


def _eight_bits(pixels: Pixels) -> NDArray[np.uint8]:
    if pixels.dtype == np.uint8:
        return pixels.astype(np.uint8)
    low, high = np.percentile(pixels, (_LOW, _HIGH))
    scaled = (pixels.astype(np.float32) - low) * (255.0 / max(float(high - low), 1.0))
    grey: NDArray[np.uint8] = np.round(np.clip(scaled, 0, 255)).astype(np.uint8)
    return grey
