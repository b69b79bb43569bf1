"""Bicubic reduction and enlargement by whole factors, as matrices.

The kernel is Keys's with a = -1/2 (Keys 1981, "Cubic convolution interpolation for digital image
processing"), widened by the factor where it reduces, so that nothing aliases, and cut and rescaled
at the edges: what Pillow does. As matrices, both are differentiable and have a pseudo-inverse.
"""

from functools import cache

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

_SUPPORT, _A = 2.0, -0.5


@cache
def weights(size_in: int, size_out: int) -> NDArray[np.float64]:
    """The matrix that resizes one axis: float64 [size_out, size_in], rows of sum 1."""
    scale = size_in / size_out
    width = max(scale, 1.0)
    centres = (np.arange(size_out) + 0.5) * scale - 0.5
    matrix = _keys((np.arange(size_in)[None] - centres[:, None]) / width)
    found: NDArray[np.float64] = matrix / matrix.sum(1, keepdims=True)
    return found


@cache
def pseudo_inverse(size_in: int, size_out: int) -> NDArray[np.float64]:
    """The least-norm inverse of a reduction: float64 [size_in, size_out]."""
    found: NDArray[np.float64] = np.linalg.pinv(weights(size_in, size_out)).astype(np.float64)
    return found


def resized(images: Tensor, size: int) -> Tensor:
    """Square images, float [N, C, H, H], resized to [N, C, size, size]; not rounded or clipped."""
    matrix = _like(weights(images.shape[-1], size), images)
    with torch.autocast(images.device.type, enabled=False):
        return matrix @ images @ matrix.T


def corrected(images: Tensor, small: Tensor) -> Tensor:
    """The images nearest to `images` whose reductions are `small`.

    x + D^+ (y - D x), the projection onto the images that are consistent with y, where D is the
    bicubic reduction. It cannot move x further from any consistent image, the truth included.

    Args:
        images: float [N, C, H, H].
        small: float [N, C, h, h].
    """
    lacking = small - resized(images, small.shape[-1])
    back = _like(pseudo_inverse(images.shape[-1], small.shape[-1]), images)
    with torch.autocast(images.device.type, enabled=False):
        return images + back @ lacking @ back.T


def resized_pixels(images: NDArray[np.uint8], size: int) -> NDArray[np.uint8]:
    """Square images, uint8 [N, H, H], resized, rounded and clipped: uint8 [N, size, size]."""
    matrix = weights(images.shape[-1], size)
    pixels = matrix @ images.astype(np.float64) @ matrix.T
    return np.clip(np.round(pixels), 0, 255).astype(np.uint8)


def _keys(x: NDArray[np.float64]) -> NDArray[np.float64]:
    """Keys's kernel: 1 at 0, 0 at other whole numbers, and 0 from `_SUPPORT` on."""
    x = np.abs(x)
    near = ((_A + 2) * x - (_A + 3)) * x * x + 1
    far = (((x - 5) * x + 8) * x - 4) * _A
    return np.where(x < 1, near, np.where(x < _SUPPORT, far, 0.0))


def _like(matrix: NDArray[np.float64], images: Tensor) -> Tensor:
    return torch.from_numpy(matrix).to(images.device, images.dtype)
