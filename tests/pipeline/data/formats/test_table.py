"""What each reader does with each case: the table of docs/ingest.md, and a test of each cell.

A cell is what the docs say, and files that are computed here with the truth beside each: grey
levels with the error allowed, or why the file is refused.
"""

import io
from collections import abc
from collections.abc import Callable
from pathlib import Path
from typing import Any

import nibabel
import numpy as np
import pytest
import tifffile
from numpy.typing import NDArray
from PIL import Image
from pydicom.dataset import Dataset
from pydicom.encaps import encapsulate
from pydicom.sequence import Sequence
from pydicom.uid import ExplicitVRBigEndian, JPEGBaseline8Bit

from pipeline.data.config import IngestConfig
from pipeline.data.formats import Decoded, decode
from pipeline.data.formats.canonical import shrink
from pipeline.data.reading.quality import check_quality
from pipeline.data.refusal import Refused
from tests.pipeline.data.test_formats import raw_png
from tests.support.dicoms import ct_values, slice_of, to_bytes
from tests.support.jpegs import (
    jpeg,
    rgb_by_names,
    rgb_of_adobe,
    rgb_without_marker,
    ycc_of_adobe,
    ycc_without_marker,
)
from tests.support.pictures import encode, picture
from tests.support.tiffs import by_hand, imagej_stack, packed, tiff

Cases = abc.Sequence[tuple[Any, ...]]
"""Each a file; its grey levels (of one image or a list), or the reason; the greatest error."""

GREY = picture(1)
DEEP = GREY.astype(np.uint16) * 257 + 3
RGB = np.stack([picture(n) // 2 + 40 for n in (1, 2, 3)], axis=-1)
LUMA = np.asarray(Image.fromarray(RGB).convert("L"))
STACK = np.stack([picture(n) for n in (4, 5, 6)])
MASK = np.where(picture(7) > 120, 255, 0).astype(np.uint8)
DOCS = Path(__file__).parents[4] / "docs" / "ingest.md"
HEAD = "| case | PNG, JPEG, BMP | TIFF | DICOM | NIfTI | NPZ |"
READERS = ["raster", "tiff", "dicom", "nifti", "npz"]
CELLS: dict[tuple[str, str], tuple[str, Callable[[], Cases]]] = {}
CONFIG = IngestConfig(npz_classes=("cyst", "stone"))
PLAIN: dict[str, Any] = {"RescaleSlope": None, "RescaleIntercept": None, "Modality": "MR"}
Computed = Callable[[], Cases]


def cell(row: str, reader: str, says: str) -> Callable[[Computed], Computed]:
    """The cases of one cell of the table, and what the docs say of them."""

    def keep(cases: Computed) -> Computed:
        assert (row, reader) not in CELLS
        CELLS[row, reader] = says, cases
        return cases

    return keep


def rows() -> list[str]:
    """The table in Markdown."""
    names = list(dict.fromkeys(row for row, _ in CELLS))
    lines = [HEAD, "|---" * 6 + "|"]
    for name in names:
        says = [CELLS[name, reader][0] if (name, reader) in CELLS else "" for reader in READERS]
        lines.append(f"| {' | '.join([name, *says])} |")
    return lines


@pytest.mark.parametrize(("row", "reader"), CELLS)
def test_each_cell_is_true(row: str, reader: str) -> None:
    cases = CELLS[row, reader][1]()
    assert cases
    for number, (data, truth, *allowed) in enumerate(cases):
        found = outcome(data)
        if isinstance(truth, str):
            assert found == truth, number
            continue
        assert not isinstance(found, str), (number, found)
        truths = truth if isinstance(truth, list) else [truth]
        assert len(found) == len(truths), number
        for image, right in zip(found, truths, strict=True):
            assert image.shape == right.shape, number
            error = np.abs(image.astype(int) - right.astype(int)).max()
            assert error <= (allowed[0] if allowed else 0), number
            assert image.itemsize == right.itemsize, number


def test_each_cell_of_the_docs_has_a_test() -> None:
    text = DOCS.read_text()
    assert HEAD in text
    found = text[text.index(HEAD) :].split("\n\n")[0].splitlines()
    assert found == rows(), "docs/ingest.md and this file have not the same table"


def outcome(data: bytes) -> list[NDArray[Any]] | str:
    """The images of a file, or why it or one of them is refused, by its looks too."""
    try:
        images = list(decode(data, CONFIG))
        for image in images:
            if isinstance(image, Refused):
                return image.reason
            if image.pixels.size == GREY.size:
                check_quality(image.pixels, shrink(image.pixels), CONFIG)
    except Refused as refused:
        return refused.reason
    return [image.pixels for image in images if isinstance(image, Decoded)]


def dicom(pixels: NDArray[Any], **attributes: Any) -> bytes:
    return to_bytes(slice_of(pixels, **attributes))


def colour_dicom(rgb: NDArray[Any], photometric: str = "RGB", **attributes: Any) -> bytes:
    plain = slice_of(np.zeros(rgb.shape[:2], rgb.dtype), **PLAIN)
    plain.SamplesPerPixel, plain.PlanarConfiguration = 3, 0
    plain.PhotometricInterpretation, plain.PixelData = photometric, rgb.tobytes()
    for keyword, value in attributes.items():
        setattr(plain, keyword, value)
    return to_bytes(plain)


def jpeg_dicom(stream: bytes, photometric: str) -> bytes:
    dataset = slice_of(np.zeros(RGB.shape[:2], np.uint8), **PLAIN)
    dataset.SamplesPerPixel, dataset.PlanarConfiguration = 3, 0
    dataset.PhotometricInterpretation = photometric
    dataset.file_meta.TransferSyntaxUID = JPEGBaseline8Bit
    dataset.PixelData = encapsulate([stream + b"\0" * (len(stream) % 2)])
    return to_bytes(dataset)


def nifti(volume: NDArray[Any], affine: Any = None, **header: Any) -> bytes:
    """A volume [I, J, K] whose axes go to the left, the back and the head."""
    image = nibabel.Nifti1Image(volume, np.diag([-1.0, -1.0, 2.0, 1.0]) if affine is None else None)
    for field, value in header.items():
        image.header[field] = value
    data: bytes = image.to_bytes()
    return data


def volume_of(images: NDArray[Any]) -> NDArray[Any]:
    """Slices [K, H, W] as a volume [I, J, K] that is cut into them again."""
    return images.transpose(2, 1, 0)


def npz(**arrays: Any) -> bytes:
    stream = io.BytesIO()
    np.savez_compressed(stream, **arrays)
    return stream.getvalue()


def stretched(images: NDArray[Any]) -> list[NDArray[np.uint8]]:
    """Grey levels between the percentiles 0.5 and 99.5 of all images."""
    low, high = np.percentile(images, (0.5, 99.5))
    grey = np.clip((images - low) / (high - low) * 255, 0, 255)
    return list(np.round(grey).astype(np.uint8))


def hu(images: NDArray[np.uint8]) -> NDArray[np.int16]:
    """HU that CT's window shows as these pictures, with air around a round body."""
    y, x = np.mgrid[-1 : 1 : images.shape[-2] * 1j, -1 : 1 : images.shape[-1] * 1j]
    values = np.round(images / 255.0 * 400.0 - 160.0).astype(np.int16)
    return np.where(x * x + y * y < 0.8, values, -1000).astype(np.int16)


def shown(values: NDArray[Any]) -> NDArray[np.uint8]:
    """HU as CT's window shows them."""
    return np.round(np.clip((values + 160.0) / 400.0 * 255.0, 0, 255)).astype(np.uint8)


# -- photometric interpretation --------------------------------------------------------------------

_ROW = "0 is black: MONOCHROME2, MinIsBlack"


@cell(_ROW, "raster", "as it is")
def _() -> Cases:
    return [(encode(GREY, kind), GREY) for kind in ("PNG", "BMP")] + [
        (encode(GREY, "JPEG", quality=100, subsampling=0), GREY, 2)
    ]


@cell(_ROW, "tiff", "as it is")
def _() -> Cases:
    unsaid = by_hand(DEEP.shape, {258: 16}, DEEP.tobytes())
    return [*[(tiff(GREY, byteorder=order), GREY) for order in "<>"], (unsaid, DEEP)]


@cell(_ROW, "dicom", "8 bits as they are; others by the window")
def _() -> Cases:
    us = {**PLAIN, "Modality": "US"}
    return [(dicom(GREY, **us), GREY), (dicom(ct_values(GREY)), GREY, 1)]


@cell(_ROW, "nifti", "by the window")
def _() -> Cases:
    return [(nifti(volume_of(STACK)), stretched(STACK), 1)]


@cell(_ROW, "npz", "as it is")
def _() -> Cases:
    return [(npz(train_images=STACK), list(STACK))]


_ROW = "0 is white: MONOCHROME1, MinIsWhite"


@cell(_ROW, "tiff", "inverted, at any depth")
def _() -> Cases:
    twelve = DEEP >> 4
    cases: list[tuple[Any, ...]] = []
    for order in "<>":
        for extra in ({}, {"compression": "zlib"}, {"tile": (16, 16)}):
            options: dict[str, Any] = {"byteorder": order, **extra}
            cases += [
                (tiff(255 - GREY, "miniswhite", **options), GREY),
                (tiff(65535 - DEEP, "miniswhite", **options), DEEP),
                (tiff(4095 - twelve, "miniswhite", **options), twelve),
                (tiff((65535 - DEEP).astype(np.uint32), "miniswhite", **options), DEEP),
                (tiff((65535 - DEEP).astype(np.float32), "miniswhite", **options), DEEP),
            ]
        cases += [
            (packed((1 << bits) - 1 - right, bits, white_is_zero=True, order=order), right)
            for bits, right in ((10, DEEP >> 6), (12, twelve), (14, DEEP >> 2))
        ]
    lzw = encode(65535 - DEEP, "TIFF", compression="tiff_lzw", tiffinfo={262: 0})
    big = encode(65535 - DEEP, "TIFF", compression="tiff_lzw", tiffinfo={262: 0}, big_endian=True)
    one = Image.fromarray(GREY > 120)
    stream = io.BytesIO()
    one.save(stream, "TIFF", compression="group4", tiffinfo={262: 0})
    return [*cases, (lzw, DEEP), (big, DEEP), (stream.getvalue(), "label-map")]


@cell(_ROW, "dicom", "inverted")
def _() -> Cases:
    return [(dicom(ct_values(255 - GREY), PhotometricInterpretation="MONOCHROME1"), GREY, 1)]


_ROW = "RGB, 8 bits"


@cell(_ROW, "raster", "luma")
def _() -> Cases:
    return [
        *[(encode(RGB, kind), LUMA) for kind in ("PNG", "BMP")],
        (jpeg(RGB, keep_rgb=True), LUMA, 4),
    ]


@cell(_ROW, "tiff", "luma, in one plane or three")
def _() -> Cases:
    planes = RGB.transpose(2, 0, 1)
    return [
        case
        for order in "<>"
        for extra in ({}, {"tile": (16, 16)}, {"compression": "zlib", "predictor": True})
        for case in (
            (tiff(RGB, "rgb", byteorder=order, **extra), LUMA),
            (tiff(planes, "rgb", byteorder=order, planarconfig="separate", **extra), LUMA),
        )
    ]


@cell(_ROW, "dicom", "luma; the JPEG stream decides before the header")
def _() -> Cases:
    planes = RGB.transpose(2, 0, 1).copy()
    grey = np.repeat(GREY[:, :, None], 3, axis=2)
    streams = [rgb_by_names(RGB), rgb_of_adobe(RGB)]
    return [
        (colour_dicom(RGB), LUMA),
        (colour_dicom(planes.reshape(RGB.shape), PlanarConfiguration=1), LUMA),
        *[(jpeg_dicom(one, said), LUMA, 4) for one in streams for said in ("RGB", "YBR_FULL_422")],
        (jpeg_dicom(rgb_without_marker(RGB), "RGB"), LUMA, 4),
        *[(jpeg_dicom(rgb_without_marker(grey), said), GREY, 4) for said in ("RGB", "YBR_FULL")],
    ]


@cell(_ROW, "nifti", "refused")
def _() -> Cases:
    colours = np.zeros((48, 48, 3), [("R", "u1"), ("G", "u1"), ("B", "u1")])
    return [(nifti(colours), "unsupported-depth")]


@cell(_ROW, "npz", "luma")
def _() -> Cases:
    return [(npz(test_images=RGB[None]), LUMA)]


_ROW = "YCbCr"


@cell(_ROW, "raster", "the luma that the JPEG holds")
def _() -> Cases:
    streams = (jpeg(RGB, subsampling=0), ycc_without_marker(RGB), ycc_of_adobe(RGB))
    return [(one, LUMA, 4) for one in streams]


@cell(_ROW, "tiff", "luma")
def _() -> Cases:
    return [(encode(RGB, "TIFF", compression="jpeg", quality=98), LUMA, 4)]


@cell(_ROW, "dicom", "luma; the JPEG stream decides before the header")
def _() -> Cases:
    grey = np.repeat(GREY[:, :, None], 3, axis=2)
    ycc = np.asarray(Image.fromarray(RGB).convert("YCbCr"))
    streams = [jpeg(RGB, subsampling=0), ycc_of_adobe(RGB), ycc_without_marker(RGB, 1)]
    said = ("RGB", "YBR_FULL", "YBR_FULL_422")
    return [
        (colour_dicom(ycc, "YBR_FULL"), LUMA, 2),
        *[(jpeg_dicom(one, label), LUMA, 5) for one in streams for label in said],
        (jpeg_dicom(ycc_without_marker(RGB), "YBR_FULL_422"), LUMA, 4),
        *[(jpeg_dicom(ycc_without_marker(grey), label), GREY, 4) for label in said],
    ]


_ROW = "CMYK"


@cell(_ROW, "raster", "luma; inverted where Adobe's marker is missing")
def _() -> Cases:
    ink = Image.fromarray(np.repeat(GREY[:, :, None], 3, axis=2)).convert("CMYK")
    stream = io.BytesIO()
    ink.save(stream, "JPEG", quality=100)
    return [(stream.getvalue(), GREY, 4)]


@cell(_ROW, "tiff", "luma")
def _() -> Cases:
    return [(encode(np.repeat(GREY[:, :, None], 3, axis=2), "TIFF", "CMYK"), GREY, 1)]


_ROW = "palette"
COLOURS = np.random.default_rng(8).integers(0, 256, (256, 3), np.uint8)
BY_PALETTE = np.asarray(Image.fromarray(COLOURS[GREY]).convert("L"))


def paletted() -> Image.Image:
    image = Image.fromarray(GREY, "P")
    image.putpalette(COLOURS.tobytes())
    return image


@cell(_ROW, "raster", "luma of its colours")
def _() -> Cases:
    stream = io.BytesIO()
    paletted().save(stream, "PNG")
    return [(stream.getvalue(), BY_PALETTE)]


@cell(_ROW, "tiff", "luma of its colours")
def _() -> Cases:
    wide = COLOURS.T.astype(np.uint16) * 256
    return [(tiff(GREY, "palette", colormap=wide, byteorder=order), BY_PALETTE) for order in "<>"]


@cell(_ROW, "dicom", "luma of its colours, entries of 8 or 16 bits")
def _() -> Cases:
    wide = np.asarray(Image.fromarray(COLOURS[GREY // 4]).convert("L"))
    return [
        (palette_dicom(GREY, COLOURS, 8), BY_PALETTE),
        (palette_dicom(GREY, COLOURS.astype("<u2") * 256 + 7, 16), BY_PALETTE),
        (palette_dicom(GREY, COLOURS.astype("<u2"), 8), BY_PALETTE),
        # more entries than 8 bits count: the index has 16
        (palette_dicom(GREY + np.uint16(700), np.repeat(COLOURS, 4, axis=0), 8, 700), wide),
    ]


def palette_dicom(index: NDArray[Any], colours: NDArray[Any], bits: int, start: int = 0) -> bytes:
    dataset = slice_of(index, **PLAIN, PhotometricInterpretation="PALETTE COLOR")
    for number, name in enumerate(("Red", "Green", "Blue")):
        setattr(dataset, f"{name}PaletteColorLookupTableDescriptor", [len(colours), start, bits])
        setattr(dataset, f"{name}PaletteColorLookupTableData", colours[:, number].tobytes())
    return to_bytes(dataset)


_ROW = "transparency"


@cell(_ROW, "raster", "over black")
def _() -> Cases:
    return [(encode(np.dstack([GREY, GREY, GREY, HALF])), OVER_BLACK)]


@cell(_ROW, "tiff", "over black")
def _() -> Cases:
    return [(encode(np.dstack([GREY, GREY, GREY, HALF]), "TIFF"), OVER_BLACK)]


HALF = np.where(np.arange(48) < 24, 255, 0).astype(np.uint8)[None].repeat(48, axis=0)
OVER_BLACK = np.where(HALF > 0, GREY, 0).astype(np.uint8)

# -- depth, sign, byte order -----------------------------------------------------------------------

_ROW = "1, 2 or 4 bits"


@cell(_ROW, "raster", "scaled to 8 bits; with 16 levels or fewer a mask")
def _() -> Cases:
    return [(encode(GREY, "PNG", "1"), "label-map"), (encode(GREY, "BMP", "1"), "label-map")]


@cell(_ROW, "tiff", "scaled to 8 bits; with 16 levels or fewer a mask")
def _() -> Cases:
    small = GREY[:40, :44]  # of another size, which `outcome` does not check for masks
    return [(packed(GREY >> 4, 4, white_is_zero=False), "label-map")] + [
        (
            packed(small >> (8 - bits), bits, white_is_zero=False),
            ((small >> (8 - bits)) * (255 // (2**bits - 1))).astype(np.uint8),
        )
        for bits in (1, 2, 4)
    ]


_ROW = "10 to 16 bits of grey"


@cell(_ROW, "raster", "16 bits are kept")
def _() -> Cases:
    return [(encode(DEEP), DEEP), (encode(DEEP >> 4), DEEP >> 4)]


@cell(_ROW, "tiff", "kept, with and without gaps between the numbers")
def _() -> Cases:
    names = ("raw", "tiff_lzw", "tiff_adobe_deflate", "packbits", "zstd", "lzma")
    return [
        *[(tiff(DEEP, byteorder=order), DEEP) for order in "<>"],
        *[(packed(DEEP >> 4, 12, white_is_zero=False, order=order), DEEP >> 4) for order in "<>"],
        *[(encode(DEEP, "TIFF", compression=name), DEEP) for name in names],
        *[(encode(DEEP, "TIFF", compression=name, big_endian=True), DEEP) for name in names],
    ]


@cell(_ROW, "dicom", "8 bits, by the window")
def _() -> Cases:
    return [(dicom(ct_values(GREY), BitsStored=12, HighBit=11), GREY, 1)]


@cell(_ROW, "nifti", "8 bits, by the window")
def _() -> Cases:
    return [(nifti(volume_of(STACK.astype(np.uint16) * 100)), stretched(STACK), 1)]


@cell(_ROW, "npz", "refused")
def _() -> Cases:
    return [(npz(train_images=STACK.astype(np.uint16)), "unsupported-depth")]


_ROW = "colour of 16 bits"


@cell(_ROW, "raster", "refused")
def _() -> Cases:
    return [(raw_png(48, 48, 16, 2, bytes(48 * 289)), REFUSED)]


@cell(_ROW, "tiff", "refused")
def _() -> Cases:
    return [(tiff(RGB.astype(np.uint16) * 257, "rgb", byteorder=order), REFUSED) for order in "<>"]


@cell(_ROW, "dicom", "refused")
def _() -> Cases:
    return [(colour_dicom(RGB.astype(np.uint16) * 257), REFUSED)]


REFUSED = "unsupported-depth"
_ROW = "32 and 64 bits, floating point"
_WIDE = (np.uint32, np.int32, np.uint64, np.float16, np.float32, np.float64)


@cell(_ROW, "tiff", "whole numbers from 0 to 65,535 are kept, others refused")
def _() -> Cases:
    halves = GREY.astype(np.float32) / 2
    return [
        (tiff(right.astype(dtype), byteorder=order, **extra), right)
        for dtype in _WIDE
        for right in (GREY.astype(np.uint16) if dtype is np.float16 else DEEP,)
        for order in "<>"
        for extra in ({}, {"compression": "zlib"})
    ] + [(tiff(bad.astype(np.float32)), REFUSED) for bad in (halves, GREY - 1000.0, GREY * 1e4)]


@cell(_ROW, "dicom", "integers by the window; floating point is refused")
def _() -> Cases:
    floats = slice_of(ct_values(GREY), **PLAIN, PixelData=None)
    floats.FloatPixelData = GREY.astype(np.float32).tobytes()
    wide = ct_values(GREY).astype(np.uint32)
    return [(dicom(wide), GREY, 1), (to_bytes(floats), REFUSED)]


@cell(_ROW, "nifti", "by the window; complex numbers are refused")
def _() -> Cases:
    right = stretched(STACK)
    kinds = (np.int32, np.float32, np.float64)
    return [(nifti(volume_of(STACK.astype(kind) * 7)), right, 1) for kind in kinds] + [
        (nifti(volume_of(STACK.astype(np.complex64))), REFUSED)
    ]


@cell(_ROW, "npz", "refused")
def _() -> Cases:
    return [(npz(train_images=STACK.astype(np.float32)), REFUSED)]


_ROW = "signed"


@cell(_ROW, "tiff", "kept where nothing is negative, else refused")
def _() -> Cases:
    low = GREY // 2
    return [
        case
        for order in "<>"
        for case in (
            (tiff(low.astype(np.int8), byteorder=order), low),
            (tiff((127 - low).astype(np.int8), "miniswhite", byteorder=order), low),
            (tiff((DEEP // 2).astype(np.int16), byteorder=order), DEEP // 2),
            (tiff((GREY.astype(int) - 128).astype(np.int8), byteorder=order), REFUSED),
            (tiff(GREY.astype(np.int16) - 100, byteorder=order), REFUSED),
        )
    ]


@cell(_ROW, "dicom", "by the window")
def _() -> Cases:
    values = hu(GREY)
    return [(dicom(values, RescaleIntercept=0), shown(values), 1)]


@cell(_ROW, "nifti", "by the window")
def _() -> Cases:
    return [(nifti(volume_of(hu(STACK))), list(shown(hu(STACK))), 1)]


_ROW = "big-endian"


@cell(_ROW, "tiff", "as little-endian")
def _() -> Cases:
    kinds = (np.uint8, np.uint16, np.int16, np.float32)
    return [(tiff(GREY.astype(kind), byteorder=">"), GREY.astype(wide(kind))) for kind in kinds]


def wide(kind: type) -> type:
    return np.uint8 if kind is np.uint8 else np.uint16


@cell(_ROW, "dicom", "as little-endian")
def _() -> Cases:
    dataset = slice_of(ct_values(GREY).astype(">u2"))
    dataset.file_meta.TransferSyntaxUID = ExplicitVRBigEndian
    dataset["PixelData"].VR = "OW"
    return [(to_bytes(dataset), GREY, 1)]


@cell(_ROW, "nifti", "as little-endian")
def _() -> Cases:
    affine = np.diag([-1.0, -1.0, 2.0, 1.0])
    header = nibabel.Nifti1Header(endianness=">")
    values = volume_of(STACK.astype(">i2"))
    data = nibabel.Nifti1Image(values, affine, header).to_bytes()
    return [(data, stretched(STACK), 1)]


_ROW = "bits beside those declared"


@cell(
    _ROW,
    "dicom",
    "HighBit is obeyed; a declared overlay is cut off; sign-extended numbers are kept; "
    "else refused",
)
def _() -> Cases:
    stored = ct_values(GREY)
    metal = hu(GREY)
    metal[20:24, 20:24] = 3000
    drawing = stored | (np.indices(stored.shape).sum(0) % 2 << 13).astype(np.uint16)
    overlay = slice_of(drawing, BitsStored=12, HighBit=11)
    overlay.add_new(0x60020102, "US", 13)
    unextended = (hu(GREY).astype(np.int16) & 0xFFF).astype(np.int16)
    twelve: dict[str, Any] = {"BitsStored": 12, "HighBit": 11}
    return [
        (dicom(stored << 4, BitsStored=12, HighBit=15), GREY, 1),
        (dicom(stored << 2, BitsStored=12, HighBit=13), GREY, 1),
        (dicom(hu(GREY) << 4, BitsStored=12, HighBit=15, RescaleIntercept=0), shown(hu(GREY)), 1),
        (dicom(stored, BitsStored=12, HighBit=15), GREY, 1),  # the pixels say otherwise
        (to_bytes(overlay), GREY, 1),
        (dicom(metal, RescaleIntercept=0, **twelve), shown(metal), 1),
        (dicom(unextended, RescaleIntercept=0, **twelve), shown(hu(GREY)), 1),
        (dicom(drawing, **twelve), REFUSED),
    ]


# -- what is measured ------------------------------------------------------------------------------

_ROW = "padding"


@cell(
    _ROW,
    "dicom",
    "black whatever the window, where it reaches the border; without a tag too, as CT "
    "above 30,710 HU",
)
def _() -> Cases:
    body = hu(GREY)
    outside = body == -1000
    body[20:24, 20:24] = 3071  # metal, which stays white
    right = np.where(outside, 0, shown(body)).astype(np.uint8)
    signed: dict[str, Any] = {"RescaleIntercept": 0}

    def padded(number: int, kind: type, offset: int = 0) -> NDArray[Any]:
        return np.where(outside, number, body.astype(np.int64) + offset).astype(kind)

    twelve = {"BitsStored": 12, "HighBit": 11}
    turned = np.where(outside, 0, 80 + 1024 - body.astype(int)).clip(0, 4095).astype(np.uint16)
    light = np.where(outside, 0, 255 - shown(turned.astype(int) - 1024)).astype(np.uint8)
    limited = np.where(np.indices(outside.shape).sum(0) % 2, 32767, 32000)
    return [
        (dicom(padded(-2000, np.int16), PixelPaddingValue=-2000, **signed), right, 1),
        (dicom(padded(32767, np.int16), PixelPaddingValue=32767, **signed), right, 1),
        (dicom(padded(63536, np.uint16, 1024), PixelPaddingValue=63536), right, 1),
        (dicom(padded(4095, np.uint16, 1024), PixelPaddingValue=4095, **twelve), right, 1),
        (dicom(padded(63536, np.uint16, 1024), PixelPaddingValue=63536, **twelve), right, 1),
        (dicom(padded(63536, np.uint16, 1024)), right, 1),
        (other_sign(padded(63536, np.uint16, 1024), "SS", -2000), right, 1),
        (other_sign(padded(-2000, np.int16), "US", 63536, **signed), right, 1),
        (dicom(np.where(outside, limited, body).astype(np.int16), PixelPaddingValue=32767,
               PixelPaddingRangeLimit=32000, **signed), right, 1),
        (dicom(turned, PhotometricInterpretation="MONOCHROME1", PixelPaddingValue=0, **twelve),
         light, 1),
    ]  # fmt: skip


def other_sign(values: NDArray[Any], vr: str, number: int, **attributes: Any) -> bytes:
    dataset = slice_of(values, **attributes)
    dataset.add_new(0x00280120, vr, number)
    return to_bytes(dataset)


@cell(_ROW, "nifti", "black in CT, whatever its number; NaN too")
def _() -> Cases:
    values = hu(STACK).astype(np.float32)
    right = [np.where(one == -1000, 0, shown(one)).astype(np.uint8) for one in values]
    edge = np.zeros(values.shape, np.bool_)
    edge[:, :4] = edge[:, :, -3:] = True
    return [
        (nifti(volume_of(np.where(edge, number, values).astype(np.float32))),
         [np.where(one, 0, grey).astype(np.uint8) for one, grey in zip(edge, right, strict=True)],
         1)
        for number in (-2000, -3024, np.nan)
    ]  # fmt: skip


_ROW = "window"


@cell(
    _ROW,
    "dicom",
    "CT in HU: the one of the parameters; else the file's window or table, else two percentiles",
)
def _() -> Cases:
    values = GREY.astype(np.uint16) * 4 + 100
    table = Dataset()
    table.LUTDescriptor = [2048, 0, 8]
    table.add_new(0x00283006, "US", [min(255, n // 8) for n in range(2048)])
    return [
        (dicom(ct_values(GREY), WindowCenter=5000, WindowWidth=10), GREY, 1),
        (dicom(values, WindowCenter=610.5, WindowWidth=1021, **PLAIN), GREY, 1),
        (dicom(values, VOILUTSequence=Sequence([table]), **PLAIN), (values // 8).astype(np.uint8)),
        (dicom(values, **PLAIN), stretched(GREY[None]), 1),
        (dicom(values, WindowCenter="", WindowWidth="", **PLAIN), stretched(GREY[None]), 1),
    ]


@cell(
    _ROW,
    "nifti",
    "what looks like CT: the one of the parameters; else two percentiles of the volume",
)
def _() -> Cases:
    scan = hu(STACK)
    mr = (scan.astype(np.int32) + 1000) * 6
    ringing = mr.copy()
    ringing[0, 0, 0] = -610
    phase = np.random.default_rng(3).integers(-4096, 4097, scan.shape)
    fields = np.where(scan > -1000, np.random.default_rng(4).normal(0, 600, scan.shape), 0)
    scores = (mr - mr.mean()) / mr.std()
    cut = scan.clip(-500, 1000)
    as_ct = [(nifti(volume_of(one)), list(shown(one)), 1) for one in (scan, cut)]
    others = (mr, ringing, phase, fields, scores, scan.astype(np.int32) + 1024)
    return as_ct + [(nifti(volume_of(one.astype(np.float32))), stretched(one), 1) for one in others]


_ROW = "rescale"


@cell(
    _ROW,
    "dicom",
    "by slope and intercept, or the modality's table; a missing slope is 1, a missing "
    "intercept 0 where there is air at -500 HU or less",
)
def _() -> Cases:
    values, right = hu(GREY), shown(hu(GREY))
    table = Dataset()
    table.LUTDescriptor = [4096, 0, 12]
    table.add_new(0x00283006, "OW", (4095 - np.arange(4096)).astype("<u2").tobytes())
    mr = GREY.astype(np.uint16) * 8
    by_table: dict[str, Any] = {**PLAIN, "WindowCenter": 2048, "WindowWidth": 4096}
    expected = np.round((4095 - mr) / 4095 * 255).astype(np.uint8)
    return [
        (dicom(ct_values(GREY)), GREY, 1),
        (dicom(values // 2, RescaleSlope=2, RescaleIntercept=0), right, 2),
        (dicom(ct_values(GREY), RescaleSlope=None), GREY, 1),
        (dicom(ct_values(GREY), RescaleSlope=""), GREY, 1),
        (dicom(values, RescaleIntercept=None), right, 1),
        (dicom(values, RescaleIntercept=""), right, 1),
        (dicom(values + 1024, RescaleIntercept=None), stretched(values[None]), 1),
        (dicom(mr, ModalityLUTSequence=Sequence([table]), **by_table), expected, 1),
    ]


@cell(_ROW, "nifti", "by scl_slope and scl_inter")
def _() -> Cases:
    affine = np.diag([-1.0, -1.0, 2.0, 1.0])
    image = nibabel.Nifti1Image(volume_of(hu(STACK) + 1024).astype(np.int16), affine)
    image.header.set_slope_inter(1, -1024)
    return [(image.to_bytes(), list(shown(hu(STACK))), 1)]


_ROW = "label maps"
_MASK = "a mask of 2 to 16 levels is refused (`ingest.mask_levels`)"


@cell(_ROW, "raster", _MASK)
def _() -> Cases:
    return [(encode(MASK), "label-map"), (encode(GREY // 16), "label-map"), (encode(GREY), GREY)]


@cell(_ROW, "tiff", _MASK)
def _() -> Cases:
    return [(tiff(MASK), "label-map"), (tiff(MASK.astype(np.uint16) * 16), "label-map")]


@cell(_ROW, "dicom", _MASK)
def _() -> Cases:
    return [(dicom(MASK, **PLAIN), "label-map")]


@cell(
    _ROW,
    "nifti",
    "refused as one file: by the intent, few whole numbers, or regions of one number each",
)
def _() -> Cases:
    masks = (np.stack([MASK] * 3) // 255).astype(np.uint8)
    regions = np.kron(np.arange(72).reshape(2, 6, 6), np.ones((1, 8, 8))).astype(np.int16)
    scan = volume_of(STACK)
    return [
        (nifti(volume_of(masks)), "label-map"),
        (nifti(volume_of(masks.astype(np.float64))), "label-map"),
        (nifti(volume_of(regions)), "label-map"),
        (nifti(scan, intent_code=1002), "label-map"),
        (nifti(scan), stretched(STACK), 1),
    ]


@cell(_ROW, "npz", _MASK)
def _() -> Cases:
    return [(npz(train_images=MASK[None]), "label-map")]


# -- how images lie in a file ----------------------------------------------------------------------

_ROW = "several images"


@cell(_ROW, "raster", "films are refused; of an MPO the first picture is taken")
def _() -> Cases:
    others = [Image.fromarray(one) for one in STACK[1:]]
    film = encode(STACK[0], "PNG", save_all=True, append_images=others)
    stream = io.BytesIO()
    Image.fromarray(RGB).save(stream, "MPO", quality=98, save_all=True, append_images=others)
    return [(film, "multi-frame"), (stream.getvalue(), LUMA, 4)]


@cell(
    _ROW,
    "tiff",
    "pages, and stacks behind one page, are images of one scan; thumbnails and masks "
    "are no pages, wherever they lie",
)
def _() -> Cases:
    deep = STACK.astype(np.uint16) * 100
    return [
        *[(tiff(STACK, byteorder=order), list(STACK)) for order in "<>"],
        (tiff(4095 - deep // 8, "miniswhite"), list(deep // 8)),
        (imagej_stack(STACK), list(STACK)),
        (imagej_stack(deep), list(deep)),
        (imagej_stack(STACK[:1], stated=20), STACK[0]),  # one image, cut out of a stack
        (imagej_stack(STACK, stated=4), "truncated"),
        (tiff(STACK, metadata={"axes": "ZYX"}, truncate=True), list(STACK)),
        (tiff(STACK, imagej=True), list(STACK)),
        *[(with_thumbnail(first=first), GREY) for first in (True, False)],
    ]


def with_thumbnail(*, first: bool) -> bytes:
    stream = io.BytesIO()
    small, whole = {"data": GREY[::4, ::4], "subfiletype": 1}, {"data": GREY}
    with tifffile.TiffWriter(stream) as file:
        for page in (small, whole) if first else (whole, small):
            file.write(photometric="minisblack", metadata=None, **page)
    return stream.getvalue()


@cell(_ROW, "dicom", "frames, each with its own numbers")
def _() -> Cases:
    return [(dicom(np.stack([ct_values(one) for one in STACK])), list(STACK), 1)]


@cell(_ROW, "nifti", "slices along one axis")
def _() -> Cases:
    return [(nifti(volume_of(STACK)), stretched(STACK), 1)]


@cell(_ROW, "npz", "all splits; labels that are no class refuse the file")
def _() -> Cases:
    def labelled(*labels: int, kind: type = np.int64) -> bytes:
        return npz(train_images=STACK, train_labels=np.array(labels, kind)[:, None])

    return [
        (npz(train_images=STACK[:2], test_images=STACK[2:]), list(STACK)),
        (labelled(0, 1, 0), list(STACK)),
        (labelled(0, 1, 2), "unknown-class"),
        (labelled(0, -1, 0), "unknown-class"),
        (labelled(0, 1), "unsupported-format"),
        (labelled(0, 1, 1, kind=np.float32), "unsupported-format"),
    ]


_ROW = "orientation"


@cell(_ROW, "raster", "EXIF's is applied")
def _() -> Cases:
    return [(encode(RGB, "JPEG", quality=98, exif=exif(6)), np.rot90(LUMA, -1), 4)]


def exif(orientation: int) -> Image.Exif:
    found = Image.Exif()
    found[274] = orientation
    return found


@cell(_ROW, "tiff", "the tag's is applied")
def _() -> Cases:
    turns = {
        1: GREY, 2: GREY[:, ::-1], 3: GREY[::-1, ::-1], 4: GREY[::-1], 5: GREY.T,
        6: np.rot90(GREY, -1), 7: GREY[::-1, ::-1].T, 8: np.rot90(GREY),
    }  # fmt: skip
    tag = {number: [(274, "H", 1, number, True)] for number in turns}
    return [
        case
        for number, right in turns.items()
        for case in (
            (tiff(GREY, extratags=tag[number]), right),
            (tiff(65535 - GREY.astype(np.uint16) * 256, "miniswhite", extratags=tag[number]),
             right.astype(np.uint16) * 256),
        )
    ]  # fmt: skip


@cell(_ROW, "dicom", "straight views as radiologists hang them")
def _() -> Cases:
    values = ct_values(GREY)
    return [
        (dicom(values[:, ::-1], ImageOrientationPatient=[-1, 0, 0, 0, 1, 0]), GREY, 1),
        (dicom(values.T, ImageOrientationPatient=[0, 1, 0, 1, 0, 0]), GREY, 1),
        (dicom(values, ImageOrientationPatient=None), GREY, 1),
        (dicom(values, ImageOrientationPatient=""), GREY, 1),
    ]


@cell(
    _ROW,
    "nifti",
    "straight views as radiologists hang them; none in the header: unknown, as stored",
)
def _() -> Cases:
    stored = volume_of(STACK)[:, ::-1]  # rows of an image from its last
    return [(nifti(volume_of(STACK)), stretched(STACK), 1), (nifti(stored, 0), stretched(STACK), 1)]


def test_a_volume_without_orientation_has_no_view() -> None:
    for size in (1.0, 0.0):
        data = nifti(volume_of(STACK), 0, pixdim=[1, size, size, 3, 0, 0, 0, 0])
        found = [one for one in decode(data, CONFIG) if isinstance(one, Decoded)]
        assert {one.view for one in found} == {"unknown"}
        assert {one.spacing for one in found} == {(size, size) if size else None}
