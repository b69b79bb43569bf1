"""Read masks as numbers: a pixel's number says of which kind the finding is, 0 is none."""

import io

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from PIL.BmpImagePlugin import BmpImageFile
from PIL.PngImagePlugin import PngImageFile
from PIL.TiffImagePlugin import TiffImageFile

from pipeline.data.config import IngestConfig
from pipeline.data.formats.labels import FEW_LEVELS
from pipeline.data.formats.raster import as_refusals, too_many
from pipeline.data.refusal import Refused
from pipeline.synthetic.png import is_marked

_HIGHEST = 65535
_READERS = tuple(kind.format for kind in (PngImageFile, BmpImageFile, TiffImageFile))


def numbers_of(data: bytes, config: IngestConfig) -> NDArray[np.uint16]:
    """The numbers [H, W] of a mask in PNG, BMP or TIFF.

    Of a palette the entries count and not the colours. A mask in colours may have one beside black,
    which is number 1.

    Raises:
        Refused: it cannot be read, holds more than 16 numbers and so is no mask, or is marked as
            the mask of a generated image.
    """
    with (
        as_refusals(config.max_pixels),
        Image.open(io.BytesIO(data), formats=_READERS) as image,
    ):
        if image.width * image.height > config.max_pixels:
            raise too_many(f"{image.width}x{image.height} pixels", config.max_pixels)
        if isinstance(image, PngImageFile) and is_marked(image.text):
            raise Refused("synthetic", "the mask of a generated image says nothing of a real one")
        if image.mode in ("RGB", "RGBA", "CMYK", "LA", "PA"):
            pixels = np.asarray(image.convert("RGB"), np.int64) @ np.array([1 << 16, 1 << 8, 1])
            greys = pixels % 0x010101 == 0
            numbers = pixels & 255 if greys.all() else np.unique(pixels, return_inverse=True)[1]
            numbers = numbers.reshape(pixels.shape)
            if not greys.all() and (numbers.max() > 1 or pixels.min() > 0):
                raise Refused("corrupt", "a mask of several colours: their kinds are not known")
        else:
            values = np.asarray(image)
            numbers = values.astype(np.int64)
            if not np.array_equal(numbers, values):
                raise Refused("corrupt", "a mask of other than whole numbers")
    if len(np.unique(numbers)) > FEW_LEVELS or numbers.min() < 0 or numbers.max() > _HIGHEST:
        raise Refused("corrupt", f"a mask of more than {FEW_LEVELS} numbers is a picture")
    return numbers.astype(np.uint16)
