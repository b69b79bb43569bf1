"""JPEG streams that say more or less of their colours."""

import io
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

_JFIF, _ADOBE, _SCAN = 0xE0, 0xEE, 0xDA


def jpeg(rgb: NDArray[np.uint8], **options: Any) -> bytes:
    """A stream as Pillow writes it: YCbCr with JFIF's marker, or RGB with Adobe's."""
    stream = io.BytesIO()
    Image.fromarray(rgb).save(stream, "JPEG", quality=98, **options)
    return stream.getvalue()


def ycc_without_marker(rgb: NDArray[np.uint8], subsampling: int = 0) -> bytes:
    """YCbCr without JFIF's header, as DCMTK and many ultrasound machines write it."""
    return _without(jpeg(rgb, subsampling=subsampling), _JFIF)


def ycc_of_adobe(rgb: NDArray[np.uint8]) -> bytes:
    """YCbCr with Adobe's marker, transform 1."""
    plain = ycc_without_marker(rgb)
    return plain[:2] + b"\xff\xee\x00\x0eAdobe\x00\x64\x00\x00\x00\x00\x01" + plain[2:]


def rgb_of_adobe(rgb: NDArray[np.uint8]) -> bytes:
    """RGB with Adobe's marker, transform 0."""
    return _numbered(jpeg(rgb, keep_rgb=True))


def rgb_by_names(rgb: NDArray[np.uint8]) -> bytes:
    """RGB whose components are called R, G and B, without any marker."""
    return _without(jpeg(rgb, keep_rgb=True), _ADOBE)


def rgb_without_marker(rgb: NDArray[np.uint8]) -> bytes:
    """RGB whose stream says nothing: components 1, 2 and 3."""
    return _numbered(rgb_by_names(rgb))


def _without(stream: bytes, marker: int) -> bytes:
    """The stream without the segment of this marker."""
    at = 2
    while stream[at + 1] != _SCAN:
        size = int.from_bytes(stream[at + 2 : at + 4], "big")
        if stream[at + 1] == marker:
            return stream[:at] + stream[at + 2 + size :]
        at += 2 + size
    return stream


def _numbered(stream: bytes) -> bytes:
    """The stream with components 1, 2 and 3, whatever they were called."""
    found, at = bytearray(stream), 2
    while found[at + 1] != _SCAN:
        if found[at + 1] == 0xC0:  # the frame
            found[at + 10 : at + 19 : 3] = b"\1\2\3"
        at += 2 + int.from_bytes(found[at + 2 : at + 4], "big")
    found[at + 5 : at + 11 : 2] = b"\1\2\3"
    return bytes(found)
