"""Findings of a stored image as maps of the square that networks see."""

from collections.abc import Iterable, Sequence

import numpy as np
from numpy.typing import NDArray

from model.layouts import ellipse
from pipeline.data.findings import Finding
from pipeline.data.region import Box
from pipeline.data.square import cut_square


def finding_maps(
    found: Iterable[Finding], kinds: Sequence[str], shape: tuple[int, ...], crop: Box, size: int
) -> NDArray[np.uint8]:
    """Where an image's findings are, in the square that is cut from it.

    Args:
        found: the findings; where only a box is known, the ellipse in it is taken.
        kinds: names, in the order of the maps.
        shape: height and width of the stored image.
        crop: the square, in pixels of the stored image.
        size: side of the maps.

    Returns:
        uint8 [K, size, size], the share of each pixel that a kind covers, as 0 to 255.
    """
    maps = np.zeros((len(kinds), size, size), np.uint8)
    x0, y0, x1, _ = crop
    side = x1 - x0
    for one in found:
        kind = kinds.index(one.kind)
        mask = one.pixels(*shape)
        if mask is not None:
            # The filter may overshoot by rounding; it averages areas, so it does not ring.
            covered = cut_square(mask.astype(np.float32) * 255, crop, size, area=True)
            seen = np.clip(np.round(covered), 0, 255).astype(np.uint8)
        else:
            left, top, right, bottom = one.box
            seen = ellipse(
                size,
                ((left + right) / 2 - x0) / side,
                ((top + bottom) / 2 - y0) / side,
                (right - left) / side,
                (bottom - top) / side,
            )
        maps[kind] = np.maximum(maps[kind], seen)
    return maps
