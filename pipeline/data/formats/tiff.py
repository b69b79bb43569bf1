"""TIFF: tifffile reads the structure, Pillow or tifffile the pixels, to greyscale of 8 or 16 bits.

Rules beside those of `raster`:
- Grey numbers of more than 8 bits, and signed or floating ones, are read as numbers, in either
  byte order. Whole numbers from 0 to 65535 are kept; others are refused: their scale is not known.
- MinIsWhite (WhiteIsZero) is inverted, at any depth. In 16 bits, white is the highest number of 8,
  10, 12, 14 or 16 bits, whichever is the least that no pixel of the file is above: a film digitiser
  writes 12 bits in 16.
- The pages of a file are images of one scan, which share a group. So are the images that ImageJ
  and tifffile write behind a single page. Smaller copies of another page and masks are no pages.
"""

import hashlib
import io
import logging
import struct
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import islice
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, UnidentifiedImageError
from PIL.ImageFile import ImageFile
from PIL.TiffImagePlugin import TiffImageFile
from tifffile import COMPRESSION, PHOTOMETRIC, PREDICTOR, SAMPLEFORMAT, TiffFile, TiffPage
from tifffile.tifffile import shaped_description_metadata

from pipeline.data.config import IngestConfig
from pipeline.data.formats.decoded import Decoded
from pipeline.data.formats.raster import as_refusals, sixteen_bits, take, too_many, truncated
from pipeline.data.refusal import Refused

# Its messages quote tags, which may hold names.
logging.getLogger("tifffile").setLevel(logging.CRITICAL + 1)

_READER = (TiffImageFile.format,)
_NO_PAGE = 0b101  # bits of the subfile type: a smaller copy of another page, a mask
_PLAIN_BITS = (1, 2, 4, 8)  # unsigned greys that Pillow reads rightly
_USUAL_BITS = (8, 10, 12, 14)  # of a picture in numbers of 16 bits and more
_WIDTH, _BITS, _PHOTOMETRIC, _ORIENTATION, _PREDICTOR = 256, 258, 262, 274, 317  # tags
_TILE_WIDTH, _FORMAT = 322, 339
_SHORT_OR_LONG = {3: "H", 4: "I"}  # types of a tag's value
_TURNS: dict[int, Callable[[NDArray[Any]], NDArray[Any]]] = {
    2: lambda a: a[:, ::-1], 3: lambda a: a[::-1, ::-1], 4: lambda a: a[::-1], 5: lambda a: a.T,
    6: lambda a: np.rot90(a, -1), 7: lambda a: a[::-1, ::-1].T, 8: np.rot90,
}  # fmt: skip


def decode(data: bytes, config: IngestConfig) -> Iterator[Decoded | Refused]:
    """The pages of a TIFF, or its one image; see `pipeline.data.formats.decode`."""
    with as_refusals(config.max_pixels):
        count = _count(data, config.max_members)
        with TiffFile(io.BytesIO(data), _multifile=False) as file:
            pages = _pages(file, count)
            images = _images_behind(pages[0], data) if count == 1 else 1
            _check_size(pages, images, config)
            found = _stack(pages[0], images, data) if images > 1 else _each(pages, data)
            series = hashlib.sha256(data).hexdigest() if len(pages) * images > 1 else ""
            for one in found:
                if isinstance(one, Refused) and not series:
                    raise one
                yield one if isinstance(one, Refused) else replace(one, series=series)


# -- structure -------------------------------------------------------------------------------------


def _count(data: bytes, most: int) -> int:
    """Number of directories, one per page: readers notice no truncated chain, and not every cycle.

    Raises:
        Refused: over `most` of them, or one lies beyond the end of the file.
    """
    order = "<" if data[:2] == b"II" else ">"
    at = struct.unpack_from(f"{order}I", data, 4)[0]
    seen: set[int] = set()
    while at and at not in seen:  # a cycle ends where it began
        seen.add(at)
        if len(seen) > most:
            raise Refused(
                "too-many-members",
                f"the file holds over {most} pages, the limit of ingest.max_members: split it",
            )
        try:
            (entries,) = struct.unpack_from(f"{order}H", data, at)
            (at,) = struct.unpack_from(f"{order}I", data, at + 2 + 12 * entries)
        except struct.error as error:
            raise truncated() from error
    return len(seen)


def _pages(file: TiffFile, count: int) -> list[TiffPage]:
    """The pages that are images of their own; the first, if every page says that it is not.

    Raises:
        Refused: the file has no page, or tifffile gives one up.
    """
    found = [page for page in islice(file.pages, count) if isinstance(page, TiffPage)]
    if not found or len(found) < count:
        raise Refused("corrupt", "the content begins as a TIFF, and a page of it cannot be read")
    return [page for page in found if not int(page.subfiletype) & _NO_PAGE] or found[:1]


def _images_behind(page: TiffPage, data: bytes) -> int:
    """Number of images that lie behind the only page, by the descriptions of ImageJ and tifffile.

    A description without room for a second image was copied from a whole stack with one of its
    images.
    """
    if not page.is_contiguous or page.dtype is None:
        return 1
    room = (len(data) - page.dataoffsets[0]) // page.nbytes
    count = 1
    if page.imagej_description is not None:
        stated = dict(line.split("=", 1) for line in page.description.splitlines() if "=" in line)
        number = stated.get("images", "")
        count = int(number) if number.isdecimal() else 1
    elif page.shaped_description is not None:
        shape = shaped_description_metadata(page.shaped_description)["shape"]
        count = int(np.prod(shape, dtype=np.float64)) * page.dtype.itemsize // page.nbytes
    if 1 < room < count:
        raise truncated()
    return max(count, 1) if room > 1 else 1


def _check_size(pages: Sequence[TiffPage], images: int, config: IngestConfig) -> None:
    """Refuse a file of too many pixels before any is decoded."""
    count = len(pages) * images
    pixels = sum(page.imagewidth * page.imagelength for page in pages) * images
    if count > config.max_members:
        raise Refused("too-many-members", f"the file holds {count} images; allowed are "
                      f"{config.max_members} (ingest.max_members): split it")  # fmt: skip
    if pixels > config.max_pixels:
        many = f" in {count} pages" if count > 1 else ""
        raise too_many(f"{pixels} pixels{many}", config.max_pixels)
    if not all(page.imagewidth and page.imagelength for page in pages):
        raise Refused("corrupt", "a page of the file has no pixels")
    if any(page.tilewidth * page.tilelength > config.max_pixels for page in pages):
        raise too_many("tiles of more pixels", config.max_pixels)  # a tile is unpacked as a whole


# -- pixels ----------------------------------------------------------------------------------------


def _each(pages: Sequence[TiffPage], data: bytes) -> Iterator[Decoded | Refused]:
    """The pages in their order; a page that cannot be used is yielded as its refusal."""
    deep: dict[int, NDArray[Any] | Refused] = {}
    for page in filter(_is_deep, pages):
        try:
            deep[page.index] = _numbers(page, data)
        except Refused as refused:
            deep[page.index] = refused
    highest = max((_highest(one) for one in deep.values()), default=0.0)
    opened = _opened(data)
    for page in pages:
        values = deep.get(page.index)
        try:
            if isinstance(values, Refused):
                raise values
            yield _plain(page, opened, data) if values is None else _grey(page, values, highest)
        except Refused as refused:
            yield refused


def _stack(page: TiffPage, images: int, data: bytes) -> Iterator[Decoded | Refused]:
    """Images that lie one behind the other, without compression."""
    dtype = np.dtype(page.dtype).newbyteorder(page.parent.byteorder)
    count = images * page.nbytes // dtype.itemsize
    values = np.frombuffer(data, dtype, count, page.dataoffsets[0])
    frames = values.reshape(images, *page.shape)
    highest = _highest(frames)
    for frame in frames:
        try:
            yield _grey(page, frame, highest)
        except Refused as refused:
            yield refused


def _is_deep(page: TiffPage) -> bool:
    """Whether a page holds grey numbers that Pillow reads wrongly, or in some files alone."""
    grey = page.photometric in (PHOTOMETRIC.MINISWHITE, PHOTOMETRIC.MINISBLACK)
    plain = page.sampleformat == SAMPLEFORMAT.UINT and page.bitspersample in _PLAIN_BITS
    return grey and page.samplesperpixel == 1 and not plain


def _opened(data: bytes) -> ImageFile | None:
    """The file as Pillow opens it; None if it has no mode for the first page."""
    try:
        return Image.open(io.BytesIO(data), formats=_READER)
    except UnidentifiedImageError:
        return None


def _plain(page: TiffPage, opened: ImageFile | None, data: bytes) -> Decoded:
    """A page of 8-bit grey or colour, by Pillow.

    Raises:
        Refused: Pillow has no mode for it.
    """
    try:
        if opened is None:
            with Image.open(_patched(page, data, {}), formats=_READER) as image:
                return take(image, data)
        opened.seek(page.index)
    except (UnidentifiedImageError, SyntaxError) as error:
        raise _unsupported(page) from error
    return take(opened, data)


def _grey(page: TiffPage, values: NDArray[Any], highest: float) -> Decoded:
    """The numbers of a page as an upright grey image; `highest` of all pages."""
    if page.photometric == PHOTOMETRIC.PALETTE and values.dtype == np.uint8:
        colours = (np.asarray(page.colormap) >> 8).astype(np.uint8)  # [3, entries]
        values = np.ascontiguousarray(np.moveaxis(colours[:, values], 0, -1))
    pixels: NDArray[Any]
    if values.ndim == 3:
        if values.dtype != np.uint8 or values.shape[2] != 3:
            raise _unsupported(page)
        pixels = np.asarray(Image.fromarray(values).convert("L"))
    else:
        pixels = sixteen_bits(values)
        if page.photometric == PHOTOMETRIC.MINISWHITE and _PHOTOMETRIC in page.tags:
            pixels = np.subtract(_white(page, highest), pixels, dtype=np.uint16)
        if page.bitspersample <= 8:
            pixels = pixels.astype(np.uint8)
    turn = _TURNS.get(page.tags.valueof(_ORIENTATION))
    return Decoded(np.ascontiguousarray(turn(pixels)) if turn else pixels, turned=bool(turn))


def _highest(values: NDArray[Any] | Refused) -> float:
    return 0.0 if isinstance(values, Refused) else float(np.nanmax(values, initial=0))


def _white(page: TiffPage, highest: float) -> int:
    """The number that MinIsWhite shows black."""
    own = page.bitspersample - (page.sampleformat == SAMPLEFORMAT.INT)
    usual = _USUAL_BITS if page.bitspersample in (16, 32, 64) else ()
    bits = next((bits for bits in usual if highest < 2**bits), min(own, 16))
    return int(2**bits) - 1


def _numbers(page: TiffPage, data: bytes) -> NDArray[Any]:
    """The grey numbers [H, W] of a page as they are stored, in native byte order.

    Raises:
        Refused: truncated, or packed or predicted in a way that nothing here undoes.
    """
    whole = page.bitspersample in (8, 16, 32, 64)
    if page.predictor == PREDICTOR.FLOATINGPOINT or page.dtype is None:
        return _by_pillow(page, data)
    if whole and page.compression == COMPRESSION.NONE:
        _check_extent(page, data)
        return page.asarray(maxworkers=1).reshape(page.imagelength, page.imagewidth)
    rows = _unpacked(page, data)
    if not whole:
        if page.predictor != PREDICTOR.NONE or page.sampleformat != SAMPLEFORMAT.UINT:
            raise _unsupported(page)
        return _from_bits(rows, page.imagewidth, page.bitspersample)
    order = page.parent.byteorder
    values = rows.view(page.dtype.newbyteorder(order)).astype(page.dtype)
    if page.predictor == PREDICTOR.HORIZONTAL:
        step = page.tilewidth if page.is_tiled else page.imagewidth
        for left in range(0, page.imagewidth, step):
            block = values[:, left : left + step]
            np.cumsum(block, axis=1, dtype=block.dtype, out=block)
    return values


def _by_pillow(page: TiffPage, data: bytes) -> NDArray[Any]:
    """Numbers whose prediction libtiff alone undoes; it swaps no bytes for Pillow."""
    if page.parent.byteorder == ">" or page.photometric != PHOTOMETRIC.MINISBLACK:
        raise _unsupported(page)
    with Image.open(_patched(page, data, {_ORIENTATION: 1}), formats=_READER) as image:
        return np.asarray(image)


def _check_extent(page: TiffPage, data: bytes) -> None:
    """Refuse a page whose pixels lie beyond the end: tifffile would make them black."""
    if page.is_contiguous:
        ends = [page.dataoffsets[0] + page.nbytes]
    else:
        ends = [sum(pair) for pair in zip(page.dataoffsets, page.databytecounts, strict=False)]
    if max(ends) > len(data):
        raise truncated()


def _unpacked(page: TiffPage, data: bytes) -> NDArray[np.uint8]:
    """The bytes [H, B] of the rows of a page of any depth, as libtiff unpacks them.

    The directory is made to say that each byte is a pixel, so Pillow changes nothing in them.
    libtiff, unlike tifffile, unpacks no more than the header says, however much a bomb holds.
    """
    bits = page.bitspersample
    width = -(-page.imagewidth * bits // 8)
    says = {_WIDTH: width, _BITS: 8, _PHOTOMETRIC: 1, _PREDICTOR: 1, _FORMAT: 1, _ORIENTATION: 1}
    if page.is_tiled:
        says[_TILE_WIDTH] = page.tilewidth * bits // 8
    with Image.open(_patched(page, data, says), formats=_READER) as image:
        return np.array(image, dtype=np.uint8)


def _from_bits(rows: NDArray[np.uint8], width: int, bits: int) -> NDArray[np.uint32]:
    """Numbers [H, W] of bytes [H, B] in which they lie without gaps, the highest bit first."""
    if not 0 < bits <= 32:
        raise Refused("unsupported-depth", f"numbers of {bits} bits; allowed are 1 to 32")
    ones = np.unpackbits(rows, axis=1)[:, : width * bits].reshape(len(rows), width, bits)
    values = np.zeros((len(rows), width), np.uint32)
    for bit in range(bits):
        values = values << np.uint32(1) | ones[:, :, bit]
    return values


def _patched(page: TiffPage, data: bytes, says: Mapping[int, int]) -> io.BytesIO:
    """The file with this page as its first, and other values of those tags that it has."""
    order = page.parent.byteorder
    stream = io.BytesIO(data)
    changes = [(4, "I", page.offset)]
    for code, value in says.items():
        if tag := page.tags.get(code):
            changes.append((tag.valueoffset, _SHORT_OR_LONG[tag.dtype], value))
    for at, kind, value in changes:
        stream.seek(at)
        stream.write(struct.pack(order + kind, value))
    stream.seek(0)
    return stream


def _unsupported(page: TiffPage) -> Refused:
    photometric, compression = (
        getattr(one, "name", str(one)) for one in (page.photometric, page.compression)
    )
    return Refused(
        "unsupported-format",
        f"a TIFF of {page.samplesperpixel} x {page.bitspersample} bits ({photometric}, "
        f"{compression}), which nothing here reads; allowed are 8-bit colour, and 8 or 16-bit grey",
    )
