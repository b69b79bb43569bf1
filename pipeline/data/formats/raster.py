"""PNG, JPEG and BMP by Pillow, to greyscale of 8 or 16 bits; what `tiff` shares with them.

Rules:
- A 16-bit greyscale file stays 16 bits; 16-bit colour is refused, because Pillow would silently
  drop the lower eight bits. 32-bit integers and floats are accepted when they hold whole numbers
  from 0 to 65535 (a common way to store 16 bits), else refused: their scale is not known.
- Colour becomes grey by ITU-R 601 luma, which a JPEG stores as such. Transparent images are
  composited over black, the background of CT.
- An EXIF orientation is applied, so that the image is as viewers show it: a mirrored kidney is a
  different anatomy.
- CMYK JPEG: Adobe writes ink inverted, and Pillow always assumes so; a file without Adobe's
  marker is inverted back.
- Of an MPO, as phones write it, the first picture is taken: the others are previews, depth or gain
  maps of the same view. Other files of several frames are films, and refused.
"""

import io
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
from numpy.typing import NDArray
from PIL import ExifTags, Image, ImageChops, ImageOps
from PIL.BmpImagePlugin import BmpImageFile
from PIL.GifImagePlugin import GifImageFile
from PIL.ImageFile import ImageFile
from PIL.JpegImagePlugin import JpegImageFile
from PIL.MpoImagePlugin import MpoImageFile
from PIL.PngImagePlugin import PngImageFile
from PIL.TiffImagePlugin import TiffImageFile

from pipeline.data.config import IngestConfig
from pipeline.data.formats.decoded import Decoded, Pixels
from pipeline.data.refusal import Refused
from pipeline.synthetic.png import is_marked

# The classes are imported, which registers their readers: Pillow's lazy start is not thread-safe.
_READERS = tuple(kind.format for kind in (PngImageFile, JpegImageFile, BmpImageFile))
_BITS_PER_SAMPLE = 258  # TIFF tag
_COLOUR = ("RGB", "RGBA", "LA", "CMYK")


def decode(data: bytes, config: IngestConfig) -> Iterator[Decoded | Refused]:
    """The one image of a file; see `pipeline.data.formats.decode`."""
    with (
        as_refusals(config.max_pixels),
        Image.open(io.BytesIO(data), formats=_READERS) as image,
    ):
        yield _decode(image, data, config.max_pixels)


@contextmanager
def as_refusals(max_pixels: int) -> Iterator[None]:
    """Turn whatever a reader raises into a Refused.

    A damaged file makes the parsers raise errors of any kind (OSError, SyntaxError, struct.error,
    KeyError, ...), and one such file must not stop the ingest of thousands.
    """
    try:
        yield
    except Refused:
        raise
    except Image.DecompressionBombError as error:
        raise too_many("more pixels than the reader opens", max_pixels) from error
    except EOFError as error:
        raise truncated() from error
    except Exception as error:
        if "truncated" in str(error).lower():
            raise truncated() from error
        detail = f"the content begins as an image and cannot be decoded ({type(error).__name__})"
        raise Refused("corrupt", detail) from error


def is_animated_gif(data: bytes) -> bool:
    """Whether a GIF has a second frame. A damaged GIF counts as not animated."""
    try:
        with GifImageFile(io.BytesIO(data)) as image:
            return image.is_animated
    except Exception:  # see as_refusals
        return False


def _decode(image: ImageFile, data: bytes, max_pixels: int) -> Decoded:
    if image.width * image.height > max_pixels:
        raise too_many(f"{image.width}x{image.height} pixels", max_pixels)
    frames = getattr(image, "n_frames", 1)
    if frames > 1 and not isinstance(image, MpoImageFile):
        raise Refused(
            "multi-frame",
            f"the file is a film of {frames} frames; allowed are single frames and TIFF pages",
        )
    return take(image, data)


def take(image: ImageFile, data: bytes) -> Decoded:
    """The current frame of an open image; `data` are the bytes of its file."""
    if image.mode in _COLOUR and _bits_per_sample(image, data) > 8:
        raise Refused(
            "unsupported-depth",
            "colour of more than 8 bits a channel; allowed are 8-bit colour and 8 or 16-bit grey",
        )
    if isinstance(image, JpegImageFile) and image.mode == "RGB":
        image.draft("L", None)  # the stored luma, in half the time of decoding colour
    image.load()  # PNG text chunks may follow the pixels
    synthetic = is_marked(image.text if isinstance(image, PngImageFile) else image.info)
    return Decoded(_to_grey(image), synthetic, turned=_is_turned(image))


def _bits_per_sample(image: Image.Image, data: bytes) -> int:
    if isinstance(image, PngImageFile):
        return data[24]  # IHDR: 8 bytes signature, 8 chunk head, 8 size, then the bit depth
    if isinstance(image, TiffImageFile):
        return int(max(image.tag_v2.get(_BITS_PER_SAMPLE, (1,))))
    return 8


def _is_turned(image: Image.Image) -> bool:
    return bool(image.getexif().get(ExifTags.Base.Orientation, 1) != 1)


def _to_grey(image: Image.Image) -> Pixels:
    upright: Image.Image = image
    if _is_turned(image):
        upright = ImageOps.exif_transpose(image)
    if image.mode in ("I", "F") or image.mode.startswith("I;16"):
        return sixteen_bits(np.asarray(upright))
    if image.mode == "CMYK" and image.format == "JPEG" and "adobe" not in image.info:
        upright = ImageChops.invert(upright)
    if upright.has_transparency_data:
        layer = upright.convert("RGBA")
        upright = Image.alpha_composite(Image.new("RGBA", layer.size, "black"), layer)
    if upright.mode == "P":
        upright = upright.convert("RGB")
    return np.asarray(upright if upright.mode == "L" else upright.convert("L"))


def sixteen_bits(values: NDArray[np.number]) -> Pixels:
    """Numbers of any type as uint16.

    Raises:
        Refused: they are not whole numbers from 0 to 65535.
    """
    low, high = float(values.min()), float(values.max())
    if not (low >= 0 and high <= 65535 and np.array_equal(values, np.round(values))):
        raise Refused(
            "unsupported-depth",
            f"{values.dtype.name} values from {low:g} to {high:g}, whose scale is not known; "
            "allowed are whole numbers from 0 to 65535",
        )
    return values.astype(np.uint16)


def too_many(came: str, max_pixels: int) -> Refused:
    """The refusal of an image that `came` describes."""
    return Refused("too-many-pixels", f"the image has {came}; allowed are {max_pixels} in all")


def truncated() -> Refused:
    """The refusal of a file that ends too early."""
    return Refused("truncated", "the file ends before its image does; copy it again, whole")
