"""Colours of DICOM frames: what a JPEG stream holds, and palettes.

Headers often name other colours than the JPEG stream holds. The stream is asked first: Adobe's
marker, the names of its components, JFIF's marker, the sampling of its components (PS3.5 8.2.1;
ITU-T T.871; Adobe's technical note 5116). Where it says nothing, grey pixels do: colour differences
near 128 are YCbCr, three equal components are RGB. Only then is the header believed.
"""

from collections.abc import Iterator
from contextlib import suppress

import numpy as np
from numpy.typing import NDArray
from pydicom.dataset import Dataset
from pydicom.encaps import get_frame
from pydicom.pixels import convert_color_space, pixel_array
from pydicom.pixels.processing import apply_color_lut
from pydicom.uid import JPEGBaseline8Bit, JPEGExtended12Bit

from pipeline.data.formats.dicom_values import integer, numbers, word

Bytes = NDArray[np.uint8]
_LOSSY_JPEG = (JPEGBaseline8Bit, JPEGExtended12Bit)
_RGB, _YCC = "RGB", "YBR_FULL"
_SCAN, _ADOBE, _JFIF = 0xDA, 0xEE, 0xE0  # markers
_FRAMES = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
_NAMED_RGB = (b"RGB", b"rgb")
_NEAR_GREY = 32.0  # mean distance of the colour differences from 128
_LESS_VARIED = 0.8  # deviation of both colour differences, over that of the luma
_EQUAL = 8.0  # mean distance between the least and the greatest component


def colour_frame(dataset: Dataset, number: int) -> Bytes:
    """One frame of three samples a pixel, as RGB [H, W, 3]."""
    if dataset.file_meta.TransferSyntaxUID not in _LOSSY_JPEG:
        return np.asarray(pixel_array(dataset, index=number))
    try:
        # GDCM's decoder alone leaves the components of every stream as they are.
        raw = np.asarray(pixel_array(dataset, index=number, raw=True, decoding_plugin="gdcm"))
    except Exception:  # the other decoders of pydicom may read it
        return np.asarray(pixel_array(dataset, index=number))
    told = stream_colour(_stream(dataset, number)) or pixel_colour(raw)
    said = word(dataset, "PhotometricInterpretation")
    if told == _RGB or not (told or said.startswith("YBR")):
        return raw
    return np.asarray(convert_color_space(raw, _YCC, _RGB))


def _stream(dataset: Dataset, number: int) -> bytes:
    tables = [dataset.get(name) for name in ("ExtendedOffsetTable", "ExtendedOffsetTableLengths")]
    frames = max(1, integer(dataset, "NumberOfFrames"))
    offsets = tuple(tables) if all(tables) else None
    return bytes(
        get_frame(dataset.PixelData, number, number_of_frames=frames, extended_offsets=offsets)
    )


def stream_colour(stream: bytes) -> str:
    """`RGB` or `YBR_FULL`, as a JPEG stream of three components says; "" if it does not say."""
    segments: dict[int, bytes] = {}
    with suppress(IndexError):
        for marker, content in _segments(stream):
            segments.setdefault(-1 if marker in _FRAMES else marker, content)
    adobe, frame = segments.get(_ADOBE, b""), segments.get(-1, b"")
    if adobe.startswith(b"Adobe") and len(adobe) > 11:
        return _YCC if adobe[11] else _RGB
    names, samplings = frame[6:15:3], frame[7:15:3]
    if names in _NAMED_RGB:
        return _RGB
    if segments.get(_JFIF, b"").startswith(b"JFIF") or len(set(samplings)) > 1:
        return _YCC
    return ""


def _segments(stream: bytes) -> Iterator[tuple[int, bytes]]:
    """Markers and contents of a JPEG stream's segments, up to its first scan."""
    at = 2
    while stream[at + 1] != _SCAN:
        if stream[at + 1] == 0xFF:  # fill
            at += 1
            continue
        size = int.from_bytes(stream[at + 2 : at + 4], "big")
        yield stream[at + 1], stream[at + 4 : at + 2 + size]
        at += 2 + max(size, 2)


def pixel_colour(raw: Bytes) -> str:
    """`RGB` or `YBR_FULL`, as the components [H, W, 3] of a mostly grey image say; else ""."""
    values = raw.reshape(-1, 3).astype(np.float32)
    apart = float((values.max(axis=1) - values.min(axis=1)).mean())
    from_grey = float(np.abs(values[:, 1:] - 128).mean())
    luma, blue, red = (float(one) for one in values.std(axis=0))
    if from_grey <= _NEAR_GREY and blue + red < _LESS_VARIED * luma:
        return _YCC
    if apart <= _EQUAL and from_grey > 2 * apart:
        return _RGB
    return ""


def palette_colours(indices: NDArray[np.integer], facts: Dataset) -> Bytes:
    """Indices [H, W] as the RGB [H, W, 3] of their palette (PS3.3 C.7.6.3.1.5 and .6).

    pydicom's own `apply_color_lut` takes indices modulo 256 where the entries have 8 bits, and
    unfolds segmented palettes.
    """
    entries, start, bits = (int(one) for one in numbers(facts.RedPaletteColorLookupTableDescriptor))
    entries = entries or 65536
    if start > 32767 and indices.dtype.kind == "i":  # a signed number that was read as unsigned
        start -= 65536
    index = np.clip(indices.astype(np.int64) - start, 0, entries - 1)
    if "RedPaletteColorLookupTableData" not in facts:
        size = min(entries, 256) if bits <= 8 else entries
        table = apply_color_lut(np.arange(size, dtype=np.int64) + start, facts)[:, :3]
        return _eight_bits(table, bits)[np.minimum(index, size - 1)]
    parts = [facts[f"{name}PaletteColorLookupTableData"].value for name in ("Red", "Green", "Blue")]
    order = ">" if facts.original_encoding[1] is False else "<"
    kind = np.dtype(f"{order}u2") if len(parts[0]) >= 2 * entries else np.dtype(np.uint8)
    table = np.stack([np.frombuffer(part, kind, entries) for part in parts], axis=1)
    return _eight_bits(table, bits)[index]


def _eight_bits(table: NDArray[np.unsignedinteger], bits: int) -> Bytes:
    """Entries of a palette in 8 bits; entries of 8 bits may lie in either byte of 16."""
    if table.dtype.itemsize == 1 or (bits <= 8 and int(table.max()) < 256):
        return table.astype(np.uint8)
    return (table >> 8).astype(np.uint8)
