"""Layouts: where the findings of images are, as maps. Needs only numpy.

A layout has one map per kind of finding: 0 where there is none, 255 where one covers the pixel. A
generator that is given a layout draws the findings there.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil, floor, pi, sqrt

import numpy as np
from numpy.typing import NDArray

HALF, QUARTER = 128, 64
"""Of 255, the share of a pixel from which a mask has it; the second for small findings."""

_HARMONICS, _WOBBLE = 3, 0.06  # of an uneven outline's radius
_FINE = 8  # points to a pixel's side, for the share of it that is covered
_POINTS = 256  # to a finding's side at most


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
        rng: draws the outline's harmonics; the area is that of the ellipse all the same.

    Returns:
        uint8 [side, side], the covered share of each pixel as 0 to 255.
    """
    orders = range(2, 2 + _HARMONICS) if rng is not None else ()
    waves = [(n, rng.normal(0, _WOBBLE), rng.uniform(0, 2 * pi)) for n in orders if rng is not None]
    # The area of r = 1 + sum a cos(n t) is pi (1 + sum a^2 / 2).
    even = 1 / sqrt(1 + sum(size**2 for _, size, _ in waves) / 2)
    reach = even * (1 + sum(abs(size) for _, size, _ in waves)) / 2
    rows, columns = _window(y, height * reach, side), _window(x, width * reach, side)
    coverage = np.zeros((side, side), np.uint8)
    tall, wide = rows.stop - rows.start, columns.stop - columns.start
    if tall <= 0 or wide <= 0:
        return coverage
    fine = max(2, min(_FINE, _POINTS // max(tall, wide)))
    q = (_points(rows, fine) / side - y) / (height / 2)
    p = (_points(columns, fine) / side - x) / (width / 2)
    p, q = np.meshgrid(p, q)
    bound = np.full_like(p, even)
    if waves:
        angle = np.arctan2(q, p)
        for order, size, phase in waves:
            bound += even * size * np.cos(order * angle + phase)
    inside = (np.hypot(p, q) <= bound).reshape(tall, fine, wide, fine).mean((1, 3))
    coverage[rows, columns] = np.round(255 * inside).astype(np.uint8)
    return coverage


def masks(coverage: NDArray[np.uint8]) -> NDArray[np.bool_]:
    """The pixels that findings cover, of maps uint8 [..., S, S].

    A pixel that is half covered, so that a mask is as large as its finding; with none such around
    it, one that is covered by a quarter, since a small finding may cover half of no pixel.
    """
    half = coverage >= HALF
    found: NDArray[np.bool_] = half | ((coverage >= QUARTER) & ~grown(half))
    return found


def grown(pixels: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Pixels, bool [..., S, S], and the eight around each."""
    for axis in (-2, -1):
        beside = np.moveaxis(pixels, axis, -1)
        more = beside.copy()
        more[..., 1:] |= beside[..., :-1]
        more[..., :-1] |= beside[..., 1:]
        pixels = np.moveaxis(more, -1, axis)
    return pixels


def label_maps(layouts: Layouts) -> NDArray[np.uint8]:
    """The kind of finding of each pixel: uint8 [N, S, S], 0 none, k the k-th kind from 1.

    A pixel (see `masks`) is of the kind that covers most of it.
    """
    found = np.where(masks(layouts.maps.max(1)), layouts.maps.argmax(1) + 1, 0)
    return found.astype(np.uint8)


def layouts_of(labels: NDArray[np.uint8], kinds: int, side: int) -> Layouts:
    """The layouts that label maps say; `label_maps` of these gives the label maps again.

    Args:
        labels: uint8 [N, T, T], 0 none, k the k-th kind; if T is twice (three times, ...) the side,
            each 2 x 2 (3 x 3, ...) pixels become one, which may be covered in part.
        kinds: number of kinds.
        side: of the layouts, in pixels.

    Raises:
        ValueError: T is not a multiple of the side, or a value is above the number of kinds.
    """
    count, height, width = labels.shape
    if height != width or height % side:
        raise ValueError(
            f"the label maps are {width}x{height} pixels; allowed are {side}x{side}, or a multiple "
            "of it"
        )
    if labels.size and labels.max() > kinds:
        raise ValueError(
            f"the label maps hold the value {labels.max()}; allowed are 0, where nothing is, and "
            f"1 to {kinds}, the number of the kind"
        )
    fine = height // side
    here = labels[:, None] == np.arange(1, kinds + 1, dtype=np.uint8)[:, None, None]
    shares = here.reshape(count, kinds, side, fine, side, fine).mean((3, 5))
    return Layouts(np.round(255 * shares).astype(np.uint8), np.ones(count, np.bool_))


def _window(centre: float, reach: float, side: int) -> slice:
    """The pixels from `centre - reach` to `centre + reach`, both in shares of the side."""
    first, last = floor((centre - reach) * side), ceil((centre + reach) * side)
    return slice(max(first, 0), min(last, side))


def _points(pixels: slice, fine: int) -> NDArray[np.float64]:
    """Places, `fine` to a pixel, in pixels."""
    found: NDArray[np.float64] = (np.arange(pixels.start * fine, pixels.stop * fine) + 0.5) / fine
    return found
