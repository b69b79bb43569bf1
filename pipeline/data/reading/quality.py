"""Check whether a decoded image is worth learning from."""

import numpy as np
from numpy.typing import NDArray

from pipeline.data.config import IngestConfig
from pipeline.data.formats import Pixels
from pipeline.data.reading.burnt_in import glyphs_in_a_row
from pipeline.data.refusal import Refused


def check_quality(pixels: Pixels, small: NDArray[np.float32], config: IngestConfig) -> None:
    """Refuse an image that is too small, too long, empty or flat, or that shows text.

    Args:
        pixels: [H, W].
        small: the output of `shrink` for these pixels.
        config: thresholds.

    Raises:
        Refused: too-small, too-long, all-black, constant, low-contrast or burnt-in.
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
    most = config.burnt_in_glyphs
    if most and (glyphs := glyphs_in_a_row(pixels)) >= most:
        raise Refused(
            "burnt-in",
            f"{glyphs} letter-like shapes in a row: the pixels may identify the patient. Mask the "
            "text; if it is no text, raise ingest.burnt_in_glyphs, or set it to 0",
        )
