"""Drawn axial slices of a trunk, whose frame is known."""

import numpy as np
from numpy.typing import NDArray


def draw_trunk(
    size: int = 128,
    centre: tuple[float, float] = (64.0, 60.0),
    half_width: float = 40.0,
    *,
    tilt: float = 0.0,
    tissue: int = 110,
    fat: int = 0,
    bone: int = 255,
    flatness: float = 0.7,
    skin: float = 1.5,
) -> NDArray[np.uint8]:
    """One slice, uint8 [size, size]: skin, fat, a wall of muscle, organs, the spine and a table.

    Args:
        size: side, pixels.
        centre: of the trunk, x and y, pixels.
        half_width: of the trunk within the fat, pixels.
        tilt: radians, from x towards y.
        tissue, fat, bone: grey levels.
        flatness: half height over half width.
        skin: its thickness at the sides, pixels of a 128-px image.
    """
    y, x = np.mgrid[:size, :size].astype(float)
    x, y = x - centre[0], y - centre[1]
    u = (np.cos(tilt) * x + np.sin(tilt) * y) / half_width
    v = (np.cos(tilt) * y - np.sin(tilt) * x) / half_width
    ring = np.hypot(u, v / flatness)
    image = np.zeros((size, size), np.uint8)
    outline = 1.2
    image[ring < outline] = fat
    image[(ring < outline) & (ring > outline - skin * size / 128 / half_width)] = tissue
    image[(ring < 1) & (ring > 0.85)] = tissue
    for side in (-1, 1):
        image[np.hypot(u - side * 0.42, v - 0.14) < 0.18] = tissue
    image[np.hypot(u, v - 0.3) < 0.17] = bone
    table = 1.4 * flatness + 0.2 * u**2
    image[(v > table) & (v < table + 1.5 * size / 128 / half_width)] = bone
    return image
