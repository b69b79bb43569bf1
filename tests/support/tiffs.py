"""TIFF files to ingest: any depth, either byte order, and what tifffile does not write."""

import io
import struct
from typing import Any

import numpy as np
import tifffile
from numpy.typing import NDArray


def tiff(values: NDArray[Any], photometric: str = "minisblack", **options: Any) -> bytes:
    """A TIFF of one array, as tifffile writes it."""
    stream = io.BytesIO()
    tifffile.imwrite(stream, values, photometric=photometric, **({"metadata": None} | options))
    return stream.getvalue()


def packed(values: NDArray[Any], bits: int, *, white_is_zero: bool, order: str = "<") -> bytes:
    """Numbers of `bits` bits without gaps, the highest bit first; each row begins with a byte."""
    shifts = np.arange(bits - 1, -1, -1)
    ones = (values.astype(np.int64)[:, :, None] >> shifts & 1).astype(np.uint8)
    data = np.packbits(ones.reshape(len(values), -1), axis=1).tobytes()
    return by_hand(values.shape, {258: bits, 262: 0 if white_is_zero else 1}, data, order)


def imagej_stack(images: NDArray[Any], *, stated: int = 0) -> bytes:
    """A stack as ImageJ writes large ones: one page, and all images behind it."""
    text = f"ImageJ=1.54f\nimages={stated or len(images)}\nslices={stated or len(images)}\n\0"
    big = images.astype(images.dtype.newbyteorder(">"))
    tags: dict[int, int | bytes] = {258: 8 * images.itemsize, 262: 1, 270: text.encode()}
    return by_hand(images.shape[1:], tags, big.tobytes(), ">")


def by_hand(
    shape: tuple[int, ...], tags: dict[int, int | bytes], data: bytes, order: str = "<"
) -> bytes:
    """A TIFF of one strip: numbers as LONG, bytes as ASCII; the pixels begin behind the tags."""
    height, width = shape
    all_tags: dict[int, int | bytes] = {
        256: width, 257: height, 259: 1, 273: 0, 277: 1, 278: height, 279: len(data), **tags,
    }  # fmt: skip
    at = 8 + 2 + 12 * len(all_tags) + 4
    texts = b"".join(one for one in all_tags.values() if isinstance(one, bytes))
    all_tags[273] = at + len(texts)
    entries = b""
    for tag, value in sorted(all_tags.items()):
        if isinstance(value, bytes):
            entries += struct.pack(f"{order}HHII", tag, 2, len(value), at)
            at += len(value)
        else:
            entries += struct.pack(f"{order}HHII", tag, 4, 1, value)
    mark = b"II*\0" if order == "<" else b"MM\0*"
    head = mark + struct.pack(f"{order}IH", 8, len(all_tags))
    return head + entries + bytes(4) + texts + data
