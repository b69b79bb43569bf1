"""The form in which an image is kept: its identity, its stored file, its thumbnail."""

import hashlib
import struct
import zlib
from collections.abc import Iterable, Mapping
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from pipeline.errors import BadInputError
from pipeline.ingest.formats import Pixels
from pipeline.ingest.manifest import RAW_FOLDER

Thumbnail = NDArray[np.uint8]
THUMBNAILS_FILE = "thumbnails.npz"
_SIGNATURE = b"\x89PNG\r\n\x1a\n"
_SUB, _GREY = 1, 0  # PNG's filter type and colour type
_WHITES = (2**8 - 1, 2**12 - 1, 2**16 - 1)
THUMBNAIL_SIDE = 24  # part of the stored format: thumbnails of all batches are compared


def image_id(pixels: Pixels) -> str:
    """sha256 (hex) of dtype, shape and little-endian bytes, whatever file held the pixels."""
    little = np.ascontiguousarray(pixels, dtype=pixels.dtype.newbyteorder("<"))
    head = f"{pixels.dtype.name} {pixels.shape[0]} {pixels.shape[1]}\n".encode()
    return hashlib.sha256(head + little.tobytes()).hexdigest()


def encode_png(pixels: Pixels) -> bytes:
    """A greyscale PNG of 8 or 16 bits without metadata; the same bytes every time.

    Written here, as no library lets one choose filter and strategy: each pixel less its left
    neighbour, then run lengths and Huffman codes. CT takes as little space so as in Pillow's
    default, in a tenth of the time (`medloom bench ingest`).
    """
    height, width = pixels.shape
    step = pixels.itemsize
    raw = (
        pixels.astype(pixels.dtype.newbyteorder(">"), order="C").view(np.uint8).reshape(height, -1)
    )
    filtered = np.empty((height, 1 + raw.shape[1]), np.uint8)
    filtered[:, 0] = _SUB
    filtered[:, 1 : 1 + step] = raw[:, :step]
    np.subtract(raw[:, step:], raw[:, :-step], out=filtered[:, 1 + step :])
    deflate = zlib.compressobj(1, zlib.DEFLATED, zlib.MAX_WBITS, 9, zlib.Z_RLE)
    packed = deflate.compress(filtered.data) + deflate.flush()
    head = struct.pack(">IIBBBBB", width, height, 8 * step, _GREY, 0, 0, 0)
    chunks = (b"IHDR", head), (b"IDAT", packed), (b"IEND", b"")
    return _SIGNATURE + b"".join(
        struct.pack(">I", len(content))
        + name
        + content
        + struct.pack(">I", zlib.crc32(name + content))
        for name, content in chunks
    )


def shrink(pixels: Pixels) -> NDArray[np.float32]:
    """Grey levels as they are, float32 [24, 24], box-averaged. The aspect is not kept."""
    size = (THUMBNAIL_SIDE, THUMBNAIL_SIDE)
    small = Image.fromarray(pixels.astype(np.float32)).resize(size, Image.Resampling.BOX)
    return np.asarray(small, dtype=np.float32)


def brightness(small: NDArray[np.float32], highest: int) -> float:
    """Median of what is not black, 0 to 1, of an image as `shrink` makes it.

    Twelve bits often come in sixteen: white is the highest level of 8, 12 or 16 bits, whichever is
    the least that no pixel is above.

    Args:
        small: grey levels [S, S].
        highest: level of the image itself, before it was shrunk.
    """
    white = next(level for level in _WHITES if highest <= level)
    lit = small[small > white / 16]
    return float(np.median(lit)) / white if lit.size else 0.0


def thumbnail(small: NDArray[np.float32]) -> Thumbnail:
    """uint8 [24, 24], stretched to 0..255 of its own range, of an image as `shrink` makes it.

    The stretch costs nothing, as correlation ignores gain and offset, and it keeps the precision
    of 16-bit files that use a fraction of their range.
    """
    values = small
    low, high = values.min(), values.max()
    stretched: Thumbnail = np.round((values - low) * (255 / max(high - low, 1e-6))).astype(np.uint8)
    return stretched


def write_thumbnails(folder: Path, thumbnails: Mapping[str, Thumbnail]) -> None:
    """Write a batch's thumbnails.npz: ids [N], sorted, and thumbnails uint8 [N, 24, 24]."""
    ids = sorted(thumbnails)
    stacked = np.stack([thumbnails[id_] for id_ in ids])
    np.savez_compressed(folder / THUMBNAILS_FILE, ids=np.array(ids), thumbnails=stacked)


def read_thumbnails(workspace: Path, batches: Iterable[str]) -> dict[str, Thumbnail]:
    """Thumbnails of every image of these batches, by id.

    Raises:
        BadInputError: a batch's file is missing.
    """
    thumbnails: dict[str, Thumbnail] = {}
    for batch in sorted(batches):
        file = workspace / RAW_FOLDER / batch / THUMBNAILS_FILE
        if not file.exists():
            raise BadInputError(
                f"{file} is missing, and new images are grouped against it: "
                f"`dvc pull {RAW_FOLDER / batch}.dvc` in the workspace brings it"
            )
        with np.load(file) as arrays:
            thumbnails |= dict(zip(arrays["ids"].tolist(), arrays["thumbnails"], strict=True))
    return thumbnails
