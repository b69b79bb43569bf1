"""Check whether a decoded image is worth learning from, and shows nothing but the patient."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from pipeline.data.config import IngestConfig
from pipeline.data.formats import Pixels
from pipeline.data.formats.labels import few_levels
from pipeline.data.reading.burnt_in import find_strokes
from pipeline.data.reading.text_reader import Reading, read_places, read_text
from pipeline.data.refusal import Refused


def check_quality(pixels: Pixels, small: NDArray[np.float32], config: IngestConfig) -> None:
    """Refuse an image that is too small, too long, empty or flat, or a mask.

    Args:
        pixels: [H, W].
        small: the output of `shrink` for these pixels.
        config: thresholds.

    Raises:
        Refused: too-small, too-long, all-black, constant, low-contrast or label-map.
    """
    height, width = pixels.shape
    short, long = sorted((height, width))
    if short < config.min_side:
        raise Refused(
            "too-small", f"{width}x{height} pixels; the shortest side must be >= {config.min_side}"
        )
    if long > config.max_aspect * short:
        raise Refused(
            "too-long", f"{width}x{height} pixels; long over short must be <= {config.max_aspect:g}"
        )
    low, high = int(pixels.min()), int(pixels.max())
    if high == 0:
        raise Refused("all-black", "every pixel is 0")
    if low == high:
        raise Refused("constant", f"every pixel is {low}")
    # The averages of boxes that differ by a pixel a side, or of pixels that repeat, spread at most
    # twice as much as the pixels do (law of total variance), and are quick to compute.
    if small.std() < 2 * config.min_std and (spread := float(pixels.std())) < config.min_std:
        raise Refused(
            "low-contrast",
            f"grey levels {low} to {high} with standard deviation {spread:.2f}; allowed is >= "
            f"{config.min_std:g}",
        )
    if levels := few_levels(pixels, config.mask_levels):
        raise Refused(
            "label-map",
            f"{levels} grey levels: a mask, no picture. Put only pictures into class folders; if "
            "it is one, release it, or set ingest.mask_levels to 0",
        )


def check_burnt_in(pixels: Pixels, config: IngestConfig, *, modality: str, captured: bool) -> None:
    """Refuse an image that shows text, a scale or drawn crosses.

    Strokes are looked at on every image. Text is read on the whole of it where text is common, on
    others where strokes look like letters.

    Args:
        pixels: [H, W].
        config: thresholds.
        modality: as DICOM calls it, or "".
        captured: whether the image is one of a screen, or in colour.

    Raises:
        Refused: burnt-in.
        BadInputError: text has to be read, and the library does not start.
    """
    if not config.burnt_in_glyphs:
        return
    strokes = find_strokes(pixels)
    if strokes.glyphs >= config.burnt_in_glyphs:
        raise Refused(
            "burnt-in",
            f"{strokes.glyphs} letter-like shapes in a row: the pixels may identify the patient. "
            "Mask the text; if it is no text, raise ingest.burnt_in_glyphs, or set it to 0",
        )
    if 0 < config.burnt_in_crosses <= strokes.crosses:
        raise Refused(
            "burnt-in",
            f"{strokes.crosses} crosses are drawn into the image, which a generator would learn. "
            "Export it without measurements; if they are none, raise ingest.burnt_in_crosses",
        )
    if not config.burnt_in_confidence:
        return
    whole = captured or (modality or "unknown") in config.burnt_in_read
    readings = read_text(pixels) if whole else read_places(pixels, strokes.places)
    least = config.burnt_in_confidence
    if sure := [one for one in readings if one.letters > 1 and one.confidence >= least]:
        raise Refused("burnt-in", _what_was_read(sure))


def _what_was_read(readings: Sequence[Reading]) -> str:
    """In words, how many texts were read, how surely and where; not what they say."""
    best = max(readings, key=lambda one: (round(one.confidence, 2), one.letters))
    places = "a place" if len(readings) == 1 else f"{len(readings)} places"
    return (
        f"text is read in {places}, most surely (confidence {best.confidence:.2f}) from column "
        f"{best.left} to {best.right}, row {best.top} to {best.bottom}: the pixels may identify "
        "the patient. Mask the text; if it is no text, raise ingest.burnt_in_confidence"
    )
