"""Grey numbers of DICOM frames: stored bits, padding, and rescaling (PS3.3 C.7.6.3, C.7.5, C.11.1).

Padding is what lies around a round field of view. It is no measurement, so it is black whatever
the window is. Where a window would show it otherwise, only padding that reaches the border is made
black: the same number may be saturated metal inside the body.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydicom.dataset import Dataset

from pipeline.data.formats.dicom_values import first, integer, many, numbers, word
from pipeline.data.refusal import Refused

Mask = NDArray[np.bool_]
MOST_HU = 30_710.0
"""Of a CT with extended range. What is above is a negative number that was read as unsigned."""
_LEAST_AIR = -500.0  # HU; every CT has air around or inside the body
_OVERLAY_GROUPS = range(0x6000, 0x6020, 2)
OVERLAY_TAGS = tuple(group << 16 | 0x0102 for group in _OVERLAY_GROUPS)
"""Overlay Bit Position: in old files, the bit of each pixel that is part of a drawing."""


def stored_values(
    pixels: NDArray[Any], facts: Dataset, overlays: int
) -> tuple[NDArray[Any], Mask | None]:
    """The stored numbers of a frame, and which of them are padding by their number.

    Args:
        pixels: [H, W] as they lie in the file, of all bits allocated.
        facts: attributes of the frame.
        overlays: the bits that the header declares as overlays, as a mask.

    Raises:
        Refused: numbers of more bits than the header declares, of unknown meaning.
    """
    if pixels.dtype.kind not in "ui":
        return pixels, None
    width = 8 * pixels.dtype.itemsize
    bits = integer(facts, "BitsStored")
    if not 0 < bits < width:
        return pixels, _padding(pixels, facts)
    shift = integer(facts, "HighBit") + 1 - bits
    if 0 < shift <= width - bits and _lies_high(pixels, bits, shift):
        stored = (pixels << (width - bits - shift)) >> (width - bits)
        return stored, _padding(stored, facts)
    padding = _padding(pixels, facts)
    if _fits(pixels, bits):
        return pixels, padding
    measured = pixels if padding is None else pixels[~padding]
    if _header_is_short(measured, bits, overlays):
        return pixels, padding
    stored = (pixels << (width - bits)) >> (width - bits)
    return stored, _either(padding, _padding(stored, facts))


def overlay_bits(dataset: Dataset) -> int:
    """The bits of a pixel that the header declares as overlays, as a mask."""
    positions = (numbers(dataset[tag].value) for tag in OVERLAY_TAGS if tag in dataset)
    return sum({1 << int(found[0]) for found in positions if found and 0 < found[0] < 64})


def _fits(pixels: NDArray[Any], bits: int) -> bool:
    """Whether all numbers are of so many bits."""
    if not pixels.size:
        return True
    low, high = int(pixels.min()), int(pixels.max())
    if pixels.dtype.kind == "u":
        return high < 1 << bits
    return low >= -(1 << bits - 1) and high < 1 << bits - 1


def _lies_high(pixels: NDArray[Any], bits: int, shift: int) -> bool:
    """Whether numbers begin `shift` bits up, as HighBit says.

    They do not where the bits below are in use and those above are not: HighBit is wrong then.
    """
    return not _fits(pixels, bits) or not (pixels & ((1 << shift) - 1)).any()


def _header_is_short(measured: NDArray[Any], bits: int, overlays: int) -> bool:
    """Whether all bits of the pixels are right, and the header declares too few.

    Scripts write Hounsfield units back as 16 bits and leave 12 in the header. Negative numbers in
    two's complement of all bits tell it; old machines left the unused bits 0.

    Raises:
        Refused: unused bits are in use, and nothing tells what for.
    """
    if measured.dtype.kind == "i":
        if overlays or _fits(measured.view(f"u{measured.itemsize}"), bits):
            return False
        if int(measured.min()) < 0:
            return True
    elif _fits(measured & ~np.asarray(overlays, np.uint64).astype(measured.dtype), bits):
        return False
    raise Refused(
        "unsupported-depth",
        f"the header declares {bits} bits (BitsStored), and the pixels use more, up to "
        f"{int(measured.max())}; which are right is not known. Correct BitsStored and HighBit, or "
        "declare the overlay in the other bits (60xx,0102)",
    )


# -- padding ---------------------------------------------------------------------------------------


def _padding(values: NDArray[Any], facts: Dataset) -> Mask | None:
    """Which values are padding by their number; None if none is."""
    found = _unsigned_negatives(values, facts)
    if tag := numbers(facts.get("PixelPaddingValue")):
        limit = numbers(facts.get("PixelPaddingRangeLimit")) or tag
        low, high = sorted(_as_stored(one, values.dtype) for one in (tag[0], limit[0]))
        found = _either(found, (values >= low) & (values <= high))
    return found if found is not None and found.any() else None


def _as_stored(number: float, dtype: np.dtype[Any]) -> int:
    """A number whose sign is not that of the pixels, as these would hold it."""
    modulus = 1 << 8 * dtype.itemsize
    found = int(number) % modulus
    return found - modulus if dtype.kind == "i" and found >= modulus // 2 else found


def _unsigned_negatives(values: NDArray[Any], facts: Dataset) -> Mask | None:
    """Padding of CT that no tag names, and that reaches the border: no tissue is so dense."""
    if values.dtype != np.uint16 or word(facts, "Modality") != "CT":
        return None
    slope, intercept = _line(facts)
    if slope <= 0 or int(values.max(initial=0)) * slope + intercept <= MOST_HU:
        return None
    return at_border(values * slope + intercept > MOST_HU)


def at_border(mask: Mask) -> Mask:
    """The connected regions of a mask that reach the border of the image."""
    from scipy.ndimage import label  # slow to import, and few files have padding that shows

    regions, _ = label(mask)
    edge = np.concatenate([regions[0], regions[-1], regions[:, 0], regions[:, -1]])
    found: Mask = np.isin(regions, np.unique(edge[edge > 0]))
    return found


def blackened(grey: NDArray[np.uint8], padding: Mask | None) -> NDArray[np.uint8]:
    """Grey levels, 0 where padding reaches the border."""
    if padding is None or not grey[padding].any():
        return grey
    return np.where(at_border(padding), np.uint8(0), grey)


def _either(one: Mask | None, other: Mask | None) -> Mask | None:
    return one if other is None else other if one is None else one | other


# -- rescaling -------------------------------------------------------------------------------------


def rescaled(stored: NDArray[Any], facts: Dataset) -> NDArray[Any]:
    """What was measured: by the modality table, else a line of which one part may be missing."""
    if table := first(facts, "ModalityLUTSequence"):
        return looked_up(stored, table)[0]
    if not _has_number(facts, "RescaleSlope") and not _has_number(facts, "RescaleIntercept"):
        return stored
    slope, intercept = _line(facts)
    values: NDArray[np.float64] = stored.astype(np.float64) * slope
    values += intercept
    return values


def is_hounsfield(values: NDArray[Any], facts: Dataset) -> bool:
    """Whether values are in HU: the header gives the intercept, or there is air at its number."""
    if word(facts, "RescaleType") not in ("", "HU"):
        return False
    if _has_number(facts, "RescaleIntercept"):
        return True
    return _has_number(facts, "RescaleSlope") and float(values.min()) <= _LEAST_AIR


def looked_up(values: NDArray[Any], table: Dataset) -> tuple[NDArray[Any], int]:
    """Values by a lookup table, and the bits of its entries (PS3.3 C.11.1.1, C.11.2.1.1).

    pydicom's own functions take indices modulo 256 where the entries have 8 bits, and refuse
    entries of 12.
    """
    entries, start, bits = (int(number) for number in table.LUTDescriptor)
    data = table.LUTData
    if isinstance(data, bytes):
        data = np.frombuffer(data, "u1" if len(data) == (entries or 65536) else "<u2")
    if start > 32767 and values.min() < 0:  # a signed number that was read as unsigned
        start -= 65536
    lut = np.asarray(many(data) if not isinstance(data, np.ndarray) else data)
    index = np.clip(np.round(values).astype(np.int64) - start, 0, len(lut) - 1)
    return lut[index], bits


def _line(facts: Dataset) -> tuple[float, float]:
    """Slope and intercept; 1 and 0 where they are missing."""
    slope, intercept = (numbers(facts.get(f"Rescale{part}")) for part in ("Slope", "Intercept"))
    return slope[0] if slope else 1.0, intercept[0] if intercept else 0.0


def _has_number(facts: Dataset, keyword: str) -> bool:
    return bool(numbers(facts.get(keyword)))
