"""The form in which an image is kept: its identity, its stored file, its thumbnail."""

import hashlib
import io
import struct
from collections.abc import Iterable, Mapping
from pathlib import Path
from zipfile import ZipFile, ZipInfo

import numpy as np
from numpy.typing import NDArray
from zlib_ng import zlib_ng

from pipeline.base.errors import BadInputError
from pipeline.data.formats import Pixels
from pipeline.data.manifest import RAW_FOLDER

Thumbnail = NDArray[np.uint8]
THUMBNAILS_FILE = "thumbnails.npz"
_SIGNATURE = b"\x89PNG\r\n\x1a\n"
_SUB, _GREY = 1, 0  # PNG's filter type and colour type
_MEMORY = 9  # zlib's memLevel: 8 takes up to a sixth longer, for files as large
_WHITES = (2**8 - 1, 2**12 - 1, 2**16 - 1)
THUMBNAIL_SIDE = 24  # part of the stored format: thumbnails of all batches are compared


def image_id(pixels: Pixels) -> str:
    """sha256 (hex) of dtype, shape and little-endian bytes, whatever file held the pixels."""
    little = np.ascontiguousarray(pixels, dtype=pixels.dtype.newbyteorder("<"))
    digest = hashlib.sha256(f"{pixels.dtype.name} {pixels.shape[0]} {pixels.shape[1]}\n".encode())
    digest.update(little.data)
    return digest.hexdigest()


def encode_png(pixels: Pixels) -> bytes:
    """A greyscale PNG of 8 or 16 bits without metadata: the same bytes on every machine.

    Written here, as no image library lets one choose the filter: each pixel less its left
    neighbour, then DEFLATE by zlib-ng, of run lengths alone. They are found without hashing, which
    is where processors and versions of zlib go ways of their own (docs/decisions/0012).
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
    head = struct.pack(">IIBBBBB", width, height, 8 * step, _GREY, 0, 0, 0)
    packer = zlib_ng.compressobj(memLevel=_MEMORY, strategy=zlib_ng.Z_RLE)
    packed = packer.compress(filtered.data) + packer.flush()
    chunks = (b"IHDR", head), (b"IDAT", packed), (b"IEND", b"")
    return _SIGNATURE + b"".join(
        struct.pack(">I", len(content))
        + name
        + content
        + struct.pack(">I", zlib_ng.crc32(content, zlib_ng.crc32(name)))
        for name, content in chunks
    )


def shrink(pixels: Pixels) -> NDArray[np.float32]:
    """Grey levels as they are, float32 [24, 24], box-averaged. The aspect is not kept.

    Sums are of whole numbers, so that every machine finds the same.
    """
    tops, bottoms = _boxes(pixels.shape[0])
    lefts, rights = _boxes(pixels.shape[1])
    # Band by band: converting all pixels at once takes several times as long.
    bands = [
        np.add.reduce(pixels[top:bottom], axis=0, dtype=np.uint32)
        for top, bottom in zip(tops, bottoms, strict=True)
    ]
    sums = np.add.reduceat(np.stack(bands), lefts, axis=1, dtype=np.uint64)
    small: NDArray[np.float32] = (sums / np.outer(bottoms - tops, rights - lefts)).astype(
        np.float32
    )
    return small


def _boxes(side: int) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """First pixel, and the one after the last, of each box that a side is divided into.

    They are as even as whole pixels allow; a side of fewer pixels than boxes repeats some.
    """
    starts = (np.arange(THUMBNAIL_SIDE) * side + THUMBNAIL_SIDE // 2) // THUMBNAIL_SIDE
    starts = np.minimum(starts, side - 1)
    return starts, np.maximum(np.append(starts[1:], side), starts + 1)


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
    """Write a batch's thumbnails.npz: ids [N], sorted, and thumbnails uint8 [N, 24, 24].

    As numpy's savez writes it, but for headers in which versions of Python differ. Nothing is
    compressed: that would be by the zlib of the machine, whichever that is.
    """
    ids = sorted(thumbnails)
    stacked = np.stack([thumbnails[id_] for id_ in ids])
    with ZipFile(folder / THUMBNAILS_FILE, "w") as archive:
        for name, array in (("ids", np.array(ids)), ("thumbnails", stacked)):
            content = io.BytesIO()
            np.save(content, array)
            archive.writestr(ZipInfo(f"{name}.npy"), content.getbuffer())


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
