"""DICOM (PS3.3, PS3.5) by pydicom: CT, CR, DX, MR and ultrasound, one frame or many.

Only the attributes in `_READ` are parsed: any other value, such as one in private tags or nested
sequences, never reaches memory. The caller turns the patient's identifier and the series into
pseudonyms; the technical attributes may be kept.

Grey levels: by default CT uses one window in Hounsfield units, so that all hospitals look alike.
Other modalities use the window or table of the file, else two percentiles. MONOCHROME1 is inverted,
so that 0 is black, and padding around the field of view is black whatever the window is. Axial,
coronal and sagittal images are oriented as radiologists view them (`geometry`).
"""

import io
import logging
import warnings
import zlib
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np
import pydicom
from numpy.typing import NDArray
from PIL import Image
from pydicom.dataset import Dataset
from pydicom.pixels import pixel_array
from pydicom.tag import Tag
from pydicom.uid import UID, DeflatedExplicitVRLittleEndian

from pipeline.data.config import IngestConfig
from pipeline.data.formats.decoded import Decoded
from pipeline.data.formats.dicom_colour import colour_frame, palette_colours
from pipeline.data.formats.dicom_grey import (
    OVERLAY_TAGS,
    blackened,
    is_hounsfield,
    looked_up,
    overlay_bits,
    rescaled,
    stored_values,
)
from pipeline.data.formats.dicom_values import first, integer, many, numbers, stated, word
from pipeline.data.formats.geometry import orient, view_of
from pipeline.data.formats.window import Window
from pipeline.data.refusal import Refused

# pydicom's messages quote values, which may be names.
logging.getLogger("pydicom").setLevel(logging.CRITICAL + 1)
warnings.filterwarnings("ignore", module="pydicom")
pydicom.config.settings.reading_validation_mode = pydicom.config.IGNORE

_PALETTE = tuple(
    f"{segmented}{colour}PaletteColorLookupTable{part}"
    for colour in ("Red", "Green", "Blue")
    for segmented, part in (("", "Descriptor"), ("", "Data"), ("Segmented", "Data"))
)
_FILE_KEYWORDS = (
    "Modality", "PhotometricInterpretation", "BitsStored", "HighBit",
    "RescaleSlope", "RescaleIntercept", "RescaleType", "ModalityLUTSequence", "VOILUTSequence",
    "WindowCenter", "WindowWidth", "VOILUTFunction", "PixelSpacing", "ImagerPixelSpacing",
    "ImageOrientationPatient", "PixelPaddingValue", "PixelPaddingRangeLimit", "PatientID",
    "IssuerOfPatientID", "StudyInstanceUID", "SeriesInstanceUID", *_PALETTE,
)  # fmt: skip
_FRAME_KEYWORDS = (
    "PixelValueTransformationSequence", "FrameVOILUTSequence", "PixelMeasuresSequence",
    "PlaneOrientationSequence",
)  # fmt: skip
_READ = OVERLAY_TAGS + tuple(
    Tag(keyword)
    for keyword in (
        *_FILE_KEYWORDS,
        *("SOPClassUID", "ImageType", "BurnedInAnnotation", "SyntheticData"),
        *("Rows", "Columns", "NumberOfFrames", "SamplesPerPixel", "PlanarConfiguration"),
        *("BitsAllocated", "PixelRepresentation"),
        *("SharedFunctionalGroupsSequence", "PerFrameFunctionalGroupsSequence"),
        *("ExtendedOffsetTable", "ExtendedOffsetTableLengths"),
        *("PixelData", "FloatPixelData", "DoubleFloatPixelData"),
    )
)
_GREY = ("MONOCHROME1", "MONOCHROME2")
_SECONDARY = "1.2.840.10008.5.1.4.1.1.7"  # and its kinds of several frames, .1 to .4
_META = b"\x02\x00\x00\x00UL\x04\x00"


def decode(data: bytes, config: IngestConfig) -> Iterator[Decoded | Refused]:
    """Each frame of a DICOM file, or why that frame is refused; see `formats.decode`."""
    dataset = _read(data, config)
    _check(dataset, config)
    shared = first(dataset, "SharedFunctionalGroupsSequence")
    per_frame = dataset.get("PerFrameFunctionalGroupsSequence") or []
    captured = _is_captured(dataset)
    overlays = overlay_bits(dataset)
    try:
        for number in range(max(1, integer(dataset, "NumberOfFrames"))):
            own = per_frame[number] if number < len(per_frame) else Dataset()
            facts = _facts(dataset, shared, own)
            frame = _frame(_pixels(dataset, number), facts, overlays, config)
            yield frame if isinstance(frame, Refused) else replace(frame, captured=captured)
    except Refused:
        raise
    except Exception as error:  # the decoders of eleven compressions raise errors of any kind
        raise _undecodable(error) from error


# -- reading ---------------------------------------------------------------------------------------


def _read(data: bytes, config: IngestConfig) -> Dataset:
    _check_deflated(data, config.max_bytes)
    try:
        dataset = pydicom.dcmread(io.BytesIO(data), force=True, specific_tags=list(_READ))
        if "TransferSyntaxUID" not in dataset.file_meta:  # old files: by the encoding that was read
            implicit, little = dataset.original_encoding
            dataset.file_meta.TransferSyntaxUID = UID(
                "1.2.840.10008.1.2" + ("" if implicit else ".1" if little else ".2")
            )
        for element in list(dataset):  # pydicom parses a value on first access
            if element.is_empty:  # it says no more than a missing one
                del dataset[element.tag]
        if "BitsStored" not in dataset and "BitsAllocated" in dataset:
            dataset.BitsStored = dataset.BitsAllocated
    except Exception as error:  # a damaged header raises errors of any kind
        raise Refused(
            "corrupt", f"the content begins as DICOM and cannot be read ({type(error).__name__})"
        ) from error
    return dataset


def _check_deflated(data: bytes, most: int) -> None:
    """Refuse a deflated file that is too large; pydicom would inflate it whole."""
    if str(DeflatedExplicitVRLittleEndian).encode() not in data[:2048] or data[132:140] != _META:
        return
    begin = 144 + int.from_bytes(data[140:144], "little")
    try:
        size = len(zlib.decompressobj(-zlib.MAX_WBITS).decompress(data[begin:], most + 1))
    except zlib.error:
        return  # the reader reports it
    if size > most:
        raise Refused("too-large", f"the content inflates to over {most} bytes; allowed are {most}")


def _check(dataset: Dataset, config: IngestConfig) -> None:
    """Refuse files that are no images to learn from, before a pixel is decoded."""
    kind = UID(str(dataset.get("SOPClassUID", ""))).name or "object of no stated kind"
    if "PixelData" not in dataset:
        if "FloatPixelData" in dataset or "DoubleFloatPixelData" in dataset:
            raise Refused(
                "unsupported-depth",
                "the pixels are floating-point numbers, as of a parametric map; allowed are whole "
                "numbers: export it as integers with a rescale slope",
            )
        kind = kind if not kind[:1].isdigit() else "object of an unknown kind"
        raise Refused("no-pixels", f"a DICOM file without an image ({kind})")
    if word(dataset, "SyntheticData") == "YES":
        raise Refused(
            "synthetic", "the file says SyntheticData YES; a generator must not learn from it"
        )
    if word(dataset, "BurnedInAnnotation") == "YES":
        raise Refused(
            "burnt-in", "the file says BurnedInAnnotation YES: its pixels may identify the "
            "patient. Export it without annotations, or mask them"
        )  # fmt: skip
    modality = word(dataset, "Modality")
    if modality not in config.modalities:
        came = modality if modality.isalnum() and len(modality) <= 8 else "not stated"
        raise Refused(
            "wrong-modality",
            f"the modality is {came}; allowed are {', '.join(config.modalities)} "
            "(ingest.modalities)",
        )
    if "LOCALIZER" in {str(word).upper() for word in many(dataset.get("ImageType"))}:
        raise Refused(
            "localizer", "a localizer, which was made to plan the scan and is not part of it"
        )
    rows, columns = integer(dataset, "Rows"), integer(dataset, "Columns")
    if rows <= 0 or columns <= 0:
        raise Refused("corrupt", f"the image has {columns}x{rows} pixels")
    if rows * columns > config.max_pixels:
        raise Refused(
            "too-many-pixels",
            f"the image has {columns}x{rows} pixels; allowed are {config.max_pixels} in all",
        )


def _is_captured(dataset: Dataset) -> bool:
    """Whether the image is a secondary capture, as of a screen, or in colour."""
    kind = str(dataset.get("SOPClassUID", ""))
    secondary = kind == _SECONDARY or kind.startswith(f"{_SECONDARY}.")
    return secondary or integer(dataset, "SamplesPerPixel") > 1


def _facts(dataset: Dataset, shared: Dataset, own: Dataset) -> Dataset:
    """Attributes of one frame: from the file, the shared functional groups, then its own."""
    facts = Dataset()
    facts.set_original_encoding(*dataset.original_encoding)  # of the tables
    for keyword in _FILE_KEYWORDS:
        if keyword in dataset:
            facts[keyword] = dataset[keyword]
    for groups in (shared, own):
        for name in _FRAME_KEYWORDS:
            facts.update(stated(first(groups, name)))
    return facts


# -- one frame -------------------------------------------------------------------------------------


def _pixels(dataset: Dataset, number: int) -> NDArray[Any]:
    """Numbers [H, W] of all bits allocated, or RGB [H, W, 3]."""
    if integer(dataset, "SamplesPerPixel") == 1:
        return np.asarray(pixel_array(dataset, index=number, correct_unused_bits=False))
    return colour_frame(dataset, number)


def _frame(
    pixels: NDArray[Any], facts: Dataset, overlays: int, config: IngestConfig
) -> Decoded | Refused:
    try:
        grey, window = _grey(pixels, facts, overlays, config)
    except Refused as refused:
        return refused
    orientation = numbers(facts.get("ImageOrientationPatient"))
    spacing = _spacing(facts)
    view, turned = "unknown", False
    if len(orientation) == 6:
        view = view_of(orientation[:3], orientation[3:])
        stored = grey
        grey, swapped = orient(stored, orientation[:3], orientation[3:])
        turned = not np.array_equal(grey, stored)
        spacing = (spacing[1], spacing[0]) if spacing and swapped else spacing
    return Decoded(
        grey,
        modality=word(facts, "Modality"),
        view=view,
        spacing=spacing,
        window=window,
        turned=turned,
        patient=str(facts.get("PatientID") or ""),
        issuer=str(facts.get("IssuerOfPatientID") or ""),
        series=str(facts.get("StudyInstanceUID") or facts.get("SeriesInstanceUID") or ""),
    )


def _grey(
    pixels: NDArray[Any], facts: Dataset, overlays: int, config: IngestConfig
) -> tuple[NDArray[np.uint8], str]:
    """Grey levels uint8 [H, W], 0 black, and the window in words."""
    photometric = word(facts, "PhotometricInterpretation")
    padding = None
    if pixels.ndim == 2:
        pixels, padding = stored_values(pixels, facts, overlays)
        if photometric == "PALETTE COLOR":
            pixels = palette_colours(pixels, facts)
    if pixels.ndim == 3:
        if pixels.dtype != np.uint8:
            raise Refused(
                "unsupported-depth",
                "colour of more than 8 bits a channel; allowed are 8-bit colour and grey",
            )
        return np.asarray(Image.fromarray(np.ascontiguousarray(pixels)).convert("L")), ""
    if photometric not in _GREY:
        raise Refused("corrupt", "the pixels are grey, and the header declares colour")
    grey, words = _windowed(pixels, padding, facts, config)
    return blackened(255 - grey if photometric == "MONOCHROME1" else grey, padding), words


def _windowed(
    stored: NDArray[Any], padding: NDArray[np.bool_] | None, facts: Dataset, config: IngestConfig
) -> tuple[NDArray[np.uint8], str]:
    values = rescaled(stored, facts)
    modality = word(facts, "Modality")
    shown = config.windows.get(modality, "file")
    if isinstance(shown, tuple) and (modality != "CT" or is_hounsfield(values, facts)):
        window = Window.preset(shown, "HU" if modality == "CT" else "")
        return window.apply(values), window.words
    if shown != "percentiles" and (of_file := _file_window(values, stored, facts)):
        return of_file
    measured = values if padding is None or padding.all() else values[~padding]
    window = Window.from_percentiles(measured)
    return window.apply(values), window.words


def _file_window(
    values: NDArray[Any], stored: NDArray[Any], facts: Dataset
) -> tuple[NDArray[np.uint8], str] | None:
    """Grey levels by the file's own window or table; None when it has none."""
    if table := first(facts, "VOILUTSequence"):
        entries, bits = looked_up(values, table)
        return Window(0, 2**bits - 1).apply(entries), "the file's table"
    centre, width = (numbers(facts.get(key)) for key in ("WindowCenter", "WindowWidth"))
    if centre and width and width[0] > 1:
        if word(facts, "VOILUTFunction") == "SIGMOID":  # PS3.3 C.11.2.1.3.1
            steps = -4 * (values.astype(np.float64) - centre[0]) / width[0]
            return Window(0, 1).apply(1 / (1 + np.exp(np.clip(steps, -60, 60)))), "the file's curve"
        window = Window.preset((centre[0] - 0.5, width[0] - 1), "")  # PS3.3 C.11.2.1.2.1
        return window.apply(values), window.words
    if integer(facts, "BitsStored") == 8 and values is stored and values.dtype == np.uint8:
        return values, ""
    return None


def _spacing(facts: Dataset) -> tuple[float, float] | None:
    found = numbers(facts.get("PixelSpacing") or facts.get("ImagerPixelSpacing"))
    return (found[0], found[1]) if len(found) == 2 and min(found) > 0 else None


def _undecodable(error: Exception) -> Refused:
    words = str(error).lower()
    if "less than expected" in words or "truncated" in words or "end of" in words:
        return Refused("truncated", "the file ends before its image does; copy it again, whole")
    if isinstance(error, (NotImplementedError, RuntimeError)) and "plugin" in words:
        return Refused("unsupported-format", "the image is compressed in a way that nothing here "
                       "decodes; export it as JPEG 2000 or uncompressed")  # fmt: skip
    return Refused(
        "corrupt", f"the file is DICOM and its image cannot be decoded ({type(error).__name__})"
    )
