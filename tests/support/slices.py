"""Computed slices of a body with organs and noise, and the same slice saved again."""

import io
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from tests.support.pictures import Grey

SOFT, WIDE, NARROW, BONE = (-160, 240), (-300, 500), (-60, 160), (-400, 1000)


def body(
    seed: int, *, level: float = 0.0, noise: int = 0, lesion: str = "", side: int = 128
) -> NDArray[np.float64]:
    """A slice in HU [side, side].

    Args:
        seed: of the patient: the shapes of body and organs.
        level: how far up the patient the slice lies; neighbours differ by 0.1 or so.
        noise: seed of the noise; two slices never have the same.
        lesion: "", cyst or stone, in one organ.
        side: pixels.
    """
    draw = np.random.default_rng(seed)
    y, x = np.mgrid[0:side, 0:side] / (side - 1) * 2 - 1
    found = np.full((side, side), -1000.0)
    width, depth = draw.uniform(0.75, 0.9), draw.uniform(0.55, 0.7)
    found[(x / width) ** 2 + (y / depth) ** 2 < 1] = -100
    inside = (x / (width - 0.1)) ** 2 + (y / (depth - 0.1)) ** 2 < 1
    found[inside] = 40
    for _ in range(14):
        at_x, at_y = draw.uniform(-0.55, 0.55), draw.uniform(-0.35, 0.35)
        size, rise, value = (
            draw.uniform(0.05, 0.16),
            draw.uniform(-0.3, 0.3),
            draw.uniform(-60, 160),
        )
        round_ = (x - at_x - rise * level) ** 2 + (y - at_y + rise * level / 2) ** 2
        found[(round_ < (size * (1 + rise * level)) ** 2) & inside] = value
    found[(x / 0.12) ** 2 + ((y - depth + 0.2) / 0.1) ** 2 < 1] = 600
    place = (x - 0.3) ** 2 + (y - 0.1) ** 2
    if lesion == "cyst":
        found[place < 0.006] = 5
    if lesion == "stone":
        found[place < 0.002] = 900
    grain = np.random.default_rng([seed, noise]).normal(0, 14, found.shape)
    smooth = (
        grain + np.roll(grain, 1, 0) + np.roll(grain, 1, 1) + np.roll(grain, (1, 1), (0, 1))
    ) / 2
    return np.asarray(found + smooth)


def shown(values: NDArray[np.float64], window: tuple[float, float] = SOFT) -> Grey:
    """Grey levels by a window, from black to white."""
    low, high = window
    return np.clip(np.round((values - low) * 255 / (high - low)), 0, 255).astype(np.uint8)


def as_jpeg(pixels: Grey, quality: int) -> Grey:
    """What a JPEG of this quality keeps."""
    stream = io.BytesIO()
    Image.fromarray(pixels).save(stream, "JPEG", quality=quality)
    return np.asarray(Image.open(stream).convert("L"))


def resized(pixels: NDArray[Any], factor: float) -> Grey:
    """The picture, larger or smaller, as a viewer exports it."""
    size = round(pixels.shape[1] * factor), round(pixels.shape[0] * factor)
    return np.asarray(Image.fromarray(pixels).resize(size, Image.Resampling.BICUBIC))
