"""Tell label maps (masks, segmentations) from pictures by what they hold, not by their names.

A picture has noise: many numbers, and neighbours that differ. A label map has few whole numbers, or
more of them in regions of one number each. Nothing can be learned from it as if it were a picture.
"""

import numpy as np
from numpy.typing import NDArray

FEW_LEVELS = 16
_MOST_LEVELS = 256
_HIGHEST = 65535
_SAMPLE = 512  # numbers that are looked at first: nearly every picture shows itself in them
_EVEN = 0.75  # share of neighbours with one number, in a label map of many
_PLANES = 32  # of a volume that are looked at for that


def holds_labels(volume: NDArray[np.floating]) -> bool:
    """Whether a volume [I, J, K] is a label map: 2 to 16 whole numbers, or up to 256 in regions.

    A label is 0 or greater. A volume of a single number does not count as a label map.
    """
    counts = _whole_numbers(volume)
    if counts is None:
        return False
    levels = int(np.count_nonzero(counts))
    return 2 <= levels <= FEW_LEVELS or (levels > 2 and _is_even(volume, int(counts.argmax())))


def holds_whole_numbers(volume: NDArray[np.floating]) -> bool:
    """Whether a volume holds at most 256 different whole numbers from 0 to 65535."""
    return _whole_numbers(volume) is not None


def few_levels(pixels: NDArray[np.unsignedinteger], most: int) -> int:
    """Number of grey levels of a picture [H, W] that has 2 to `most`; else 0."""
    step = max(1, pixels.size // _SAMPLE)
    if len(np.unique(pixels.ravel()[::step])) > most:
        return 0
    levels = int(np.count_nonzero(np.bincount(pixels.ravel())))
    return levels if 2 <= levels <= most else 0


def _whole_numbers(volume: NDArray[np.floating]) -> NDArray[np.intp] | None:
    """How often each number from 0 to 65535 occurs; None if there are others, or over 256."""
    counts = np.zeros(_HIGHEST + 1, np.intp)
    sample = volume.ravel(order="K")[:: max(1, volume.size // _SAMPLE)]
    for part in (sample, *np.moveaxis(volume, -1, 0)):
        if not ((part >= 0) & (part <= _HIGHEST)).all():
            return None
        whole = part.astype(np.uint16)
        if (whole != part).any():
            return None
        if part is not sample:
            counts += np.bincount(whole.ravel(), minlength=len(counts))
            levels = int(np.count_nonzero(counts))
        else:
            levels = len(np.unique(whole))
        if levels > _MOST_LEVELS:
            return None
    return counts


def _is_even(volume: NDArray[np.floating], background: int) -> bool:
    """Whether most neighbours within planes, the background's apart, have one number."""
    equal = pairs = 0
    step = max(1, volume.shape[-1] // _PLANES)
    for number in range(0, volume.shape[-1], step):
        plane = volume[..., number]
        for one, next_ in ((plane[1:], plane[:-1]), (plane[:, 1:], plane[:, :-1])):
            apart = (one != background) | (next_ != background)
            pairs += int(np.count_nonzero(apart))
            equal += int(np.count_nonzero(apart & (one == next_)))
    return pairs > 0 and equal >= _EVEN * pairs
