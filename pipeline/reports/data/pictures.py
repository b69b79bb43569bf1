"""Turn images into small pictures for a page, as data URIs; the aspect ratio is kept."""

import io
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFilter

from pipeline.data.findings import Finding, Mask
from pipeline.data.formats import Pixels
from pipeline.data.formats.canonical import THUMBNAIL_SIDE, shrink, thumbnail
from pipeline.reports.page import data_uri, inline_jpeg

SIDE = 144
"""Longest side of a picture, in pixels; smaller images keep their size."""
_OUTLINED = 256
"""Longest side of a picture with outlines: smaller images are enlarged."""
COLOURS = ("#ff5a4d", "#4dc3ff", "#ffd24d", "#7be37b", "#d58cff", "#ff9a3d")
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


def outlined(
    pixels: Pixels, id_: str, findings: Sequence[Finding], kinds: Sequence[str]
) -> Picture:
    """The picture of an image with its findings outlined, in one colour a kind of `kinds`."""
    height, width = pixels.shape
    scale = max(1.0, _OUTLINED / max(height, width))
    size = round(width * scale), round(height * scale)
    image = shown(pixels, _OUTLINED).resize(size, Image.Resampling.BICUBIC).convert("RGB")
    scale = size[0] / width
    draw = ImageDraw.Draw(image)
    for one in findings:
        colour = COLOURS[kinds.index(one.kind) % len(COLOURS)]
        mask = one.pixels(height, width)
        if mask is None:
            x0, y0, x1, y1 = (edge * scale for edge in one.box)
            draw.rectangle((x0 - 1, y0 - 1, x1, y1), outline=colour)
        else:
            image.paste(colour, mask=_edge(mask, size))
    note = ", ".join(
        f"{kind} {count}" for kind, count in sorted(Counter(f.kind for f in findings).items())
    )
    return Picture(inline_jpeg(image), id_, note)


def _edge(mask: Mask, size: tuple[int, int]) -> Image.Image:
    """The pixels around a mask in a picture of another size."""
    large = Image.fromarray(mask.astype(np.uint8) * 255).resize(size, Image.Resampling.NEAREST)
    grown = np.asarray(large.filter(ImageFilter.MaxFilter(3)))
    return Image.fromarray(np.where(np.asarray(large), 0, grown).astype(np.uint8))


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
