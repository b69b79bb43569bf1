"""Fusion without training: average, maximum and the Laplacian pyramid."""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

Images = NDArray[np.uint8]
Floats = NDArray[np.float64]

_KERNEL = np.array([1, 4, 6, 4, 1]) / 16
_COARSEST = 8


def average(pairs: Images) -> Images:
    """(a + b) / 2, rounded: uint8 [N, 2, H, W] -> uint8 [N, H, W]."""
    return _pixels(pairs.mean(1))


def maximum(pairs: Images) -> Images:
    """The brighter of the two, pixel by pixel: uint8 [N, 2, H, W] -> uint8 [N, H, W]."""
    return np.asarray(pairs.max(1))


def pyramid(pairs: Images) -> Images:
    """The Laplacian pyramid (Burt and Adelson 1983): uint8 [N, 2, H, W] -> uint8 [N, H, W].

    doi 10.1109/TCOM.1983.1095851. Of each detail the source with the larger magnitude is kept, and
    the coarsest level, of 8 px or less, is averaged.
    """
    level: Floats = pairs.astype(np.float64)
    details = []
    while level.shape[-1] > _COARSEST and level.shape[-1] % 2 == 0:
        smaller = _blurred(level)[..., ::2, ::2]
        detail = level - _enlarged(smaller)
        details.append(np.where(np.abs(detail[:, 0]) >= np.abs(detail[:, 1]), *_both(detail)))
        level = smaller
    made: Floats = level.mean(1)
    for detail in reversed(details):
        made = _enlarged(made) + detail
    return _pixels(made)


RIVALS: dict[str, Callable[[Images], Images]] = {
    "average": average,
    "maximum": maximum,
    "pyramid": pyramid,
}


def _both(pairs: Floats) -> tuple[Floats, Floats]:
    return pairs[:, 0], pairs[:, 1]


def _blurred(images: Floats) -> Floats:
    """The kernel 1 4 6 4 1 along the last two axes, edges mirrored."""
    for axis in (-2, -1):
        width = [(0, 0)] * images.ndim
        width[axis] = (2, 2)
        padded, size = np.pad(images, width, mode="reflect"), images.shape[axis]
        images = np.sum(
            [
                weight * np.take(padded, range(k, k + size), axis)
                for k, weight in enumerate(_KERNEL)
            ],
            axis=0,
        )
    return images


def _enlarged(images: Floats) -> Floats:
    """Twice the height and width: zeros between pixels, then the kernel times 4."""
    *rest, height, width = images.shape
    spread = np.zeros((*rest, 2 * height, 2 * width))
    spread[..., ::2, ::2] = images
    return 4 * _blurred(spread)


def _pixels(images: Floats) -> Images:
    return np.clip(np.rint(images), 0, 255).astype(np.uint8)
