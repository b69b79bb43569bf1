"""Layouts: where the findings of images are, as maps. Needs only numpy.

A layout has one map per kind of finding: 0 where there is none, 255 where one covers the pixel. A
generator that is given a layout draws the findings there.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from math import cos, pi, sin

import numpy as np
from numpy.typing import NDArray

_HARMONICS, _WOBBLE = 3, 0.06  # of an uneven outline's radius


@dataclass(frozen=True)
class Layouts:
    """The layouts of some images.

    Attributes:
        maps: uint8 [N, K, S, S], the share of each pixel that a kind covers, as 0 to 255.
        told: bool [N]; False where nothing is known of an image, and its maps mean nothing.
    """

    maps: NDArray[np.uint8]
    told: NDArray[np.bool_]

    def __len__(self) -> int:
        return len(self.told)

    def __getitem__(self, rows: slice | NDArray[np.int64] | NDArray[np.bool_]) -> "Layouts":
        return Layouts(self.maps[rows], self.told[rows])


def joined(parts: Sequence[Layouts]) -> Layouts | None:
    """The layouts of several lists of images as those of one; None of none."""
    if not parts:
        return None
    return Layouts(
        np.concatenate([part.maps for part in parts]), np.concatenate([part.told for part in parts])
    )


def ellipse(
    side: int,
    x: float,
    y: float,
    width: float,
    height: float,
    rng: np.random.Generator | None = None,
) -> NDArray[np.uint8]:
    """The map of one finding: an ellipse, with an uneven outline if `rng` is given.

    Args:
        side: of the map, in pixels.
        x, y, width, height: centre and axes, in shares of the side.
        rng: draws the outline's harmonics.

    Returns:
        uint8 [side, side], the covered share of each pixel as 0 to 255.
    """
    rows, columns = (np.mgrid[:side, :side] + 0.5) / side
    p, q = (columns - x) / (width / 2), (rows - y) / (height / 2)
    bound = np.ones_like(p)
    if rng is not None:
        angle = np.arctan2(q, p)
        for order in range(2, 2 + _HARMONICS):
            size, phase = rng.normal(0, _WOBBLE), rng.uniform(0, 2 * pi)
            bound += size * (
                np.cos(order * angle) * cos(phase) - np.sin(order * angle) * sin(phase)
            )
    inside = (bound - np.hypot(p, q)) * (np.sqrt(width * height) / 2) * side
    coverage: NDArray[np.uint8] = np.round(255 * np.clip(inside + 0.5, 0, 1)).astype(np.uint8)
    return coverage
