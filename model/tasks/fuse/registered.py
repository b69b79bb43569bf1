"""Whether two images are registered: they tell most about each other where they lie.

Mutual information is the measure of registration of images of different modalities (Viola and
Wells 1997, doi 10.1023/A:1007958904918; Maes et al. 1997, doi 10.1109/42.563664). Here b is shifted
against a by whole pixels. Of a registered pair the best shift is none, and the peak is sharp: two
bodies alike share their outlines over a wide range of shifts.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ...information import mutual_information

MOST_SIDE = 128
"""Larger images are averaged down to about this side before they are compared."""
REACH = 8
"""Shifts of up to so many pixels are tried, in every direction."""
MOST_SHIFT = 1.5
"""Pixels, of a side of `MOST_SIDE` or less, by which the best shift may differ from none."""
NEAR = 3
"""Pixels away from the best allowed shift at which the peak is compared."""
LEAST_PEAK = 1.12
"""Least ratio of the best mutual information within `MOST_SHIFT` and the median at `NEAR`."""

_BINS = 64  # of four greys: small images have few pixels for the greys of a joint histogram


class Registration(NamedTuple):
    """How well two images are registered.

    Attributes:
        down, right: the shift of b, in pixels of the images, at which they share most.
        peak: the most mutual information within `MOST_SHIFT`, over the median at `NEAR`.
        step: pixels of the images to a pixel that was compared.
    """

    down: int
    right: int
    peak: float
    step: int

    @property
    def holds(self) -> bool:
        """Whether the images count as registered."""
        away = float(np.hypot(self.down, self.right))
        return away <= MOST_SHIFT * self.step and self.peak >= LEAST_PEAK

    def __str__(self) -> str:
        """What was measured, in words."""
        return (
            f"they share most with b moved {self.down} px down and {self.right} px right (at most "
            f"{MOST_SHIFT * self.step:g} px are allowed), and {self.peak:.2f} times as much in "
            f"place as {NEAR * self.step} px away (at least {LEAST_PEAK} is needed)"
        )


def registration(a: NDArray[np.uint8], b: NDArray[np.uint8]) -> Registration:
    """Measure how two images of one size lie to each other; uint8 [H, W] each."""
    step = max(a.shape[0] // MOST_SIDE, 1)
    one, other = (_averaged(image, step) for image in (a, b))
    if one.min() == one.max() and other.min() == other.max():
        return Registration(0, 0, float("inf"), step)  # two flat images are in place anywhere
    shared = {
        (down, right): _shared(one, other, down, right)
        for down in range(-REACH, REACH + 1)
        for right in range(-REACH, REACH + 1)
    }
    # Of equal ones the nearest.
    down, right = max(shared, key=lambda at: (shared[at], -(at[0] ** 2) - at[1] ** 2))
    within = max(value for at, value in shared.items() if np.hypot(*at) <= MOST_SHIFT)
    around = [value for at, value in shared.items() if max(map(abs, at)) == NEAR]
    peak = within / max(float(np.median(around)), 1e-9)
    return Registration(down * step, right * step, peak, step)


def require_registered(pairs: NDArray[np.uint8], names: Sequence[str] = ()) -> None:
    """Check that every pair is registered.

    Args:
        pairs: uint8 [N, 2, H, W].
        names: of the pairs, for the message; (): their numbers.

    Raises:
        ValueError: a pair is not; the message names the first such pair, says what was measured
            and how many others are not.
    """
    measured = [registration(a, b) for a, b in pairs]
    refused = [number for number, one in enumerate(measured) if not one.holds]
    if refused:
        first = refused[0]
        name = names[first] if len(names) else str(first)
        others = f"; {len(refused) - 1} other pairs are not, either" if len(refused) > 1 else ""
        raise ValueError(
            f"the images of pair {name} are not registered: {measured[first]}{others}. Register "
            "them first, or leave them out"
        )


def _shared(a: NDArray[np.uint8], b: NDArray[np.uint8], down: int, right: int) -> float:
    """Mutual information of a and b moved, of the part that every shift has."""
    height, width = a.shape
    inner = a[REACH : height - REACH, REACH : width - REACH]
    top, left = REACH - down, REACH - right
    return mutual_information(
        np.ascontiguousarray(inner),
        np.ascontiguousarray(b[top : top + inner.shape[0], left : left + inner.shape[1]]),
        _BINS,
    )


def _averaged(image: NDArray[np.uint8], step: int) -> NDArray[np.uint8]:
    height, width = (side // step for side in image.shape)
    cells = image[: height * step, : width * step].reshape(height, step, width, step)
    smaller: NDArray[np.uint8] = np.rint(cells.mean((1, 3))).astype(np.uint8)
    return smaller
