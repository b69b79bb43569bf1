"""Diversity within a class: MS-SSIM between random pairs. A higher value than among real images
means that the generator repeats itself (Odena et al. 2017, arXiv 1610.09585, section 4.2).

SSIM between an unrelated generated and real image does not measure fidelity, and is not offered.
"""

from typing import NamedTuple

import numpy as np
import scipy
from numpy.typing import ArrayLike, NDArray

# Wang, Simoncelli and Bovik 2003, "Multi-scale structural similarity", section 3.2.
BETAS = (0.0448, 0.2856, 0.3001, 0.2363, 0.1333)
_SIGMA, _RADIUS = 1.5, 5
_C1, _C2 = (0.01 * 255) ** 2, (0.03 * 255) ** 2

Stack = NDArray[np.float64]


class WithinClass(NamedTuple):
    """Mean MS-SSIM of random pairs: by class, over the classes, and its standard error."""

    per_class: dict[int, float]
    mean: float
    standard_error: float


def betas_for(side: int) -> tuple[float, ...]:
    """The weights for an image side: the first scales of `BETAS`, normalised to sum to 1.

    A scale is used if the 11 x 11 window fits into it, so 64 px has three scales
    (0.0711, 0.4530, 0.4760), 128 px four, and 176 px or more all five.
    """
    scales = sum(side >> scale > 2 * _RADIUS for scale in range(len(BETAS)))
    if scales == 0:
        raise ValueError(f"MS-SSIM needs images of at least {2 * _RADIUS + 1} px, got {side}")
    used = BETAS[:scales]
    return tuple(beta / sum(used) for beta in used)


def ms_ssim(x: NDArray[np.uint8], y: NDArray[np.uint8]) -> Stack:
    """MS-SSIM of each pair of images, eq. 7 of Wang et al. 2003, with `betas_for` this side.

    Args:
        x, y: uint8 [N, H, W].

    Returns:
        float64 [N] in [0, 1]; 1 for equal images. Negative structure terms count as 0.
    """
    a, b = x.astype(np.float64), y.astype(np.float64)
    result = np.ones(len(a))
    betas = betas_for(min(a.shape[1:]))
    for scale, beta in enumerate(betas):
        luminance, structure = _similarity(a, b)
        coarsest = scale == len(betas) - 1
        term = (luminance * structure if coarsest else structure).mean((1, 2))
        result *= np.maximum(term, 0.0) ** beta
        a, b = _halved(a), _halved(b)
    return result


def ssim_map(x: NDArray[np.uint8], y: NDArray[np.uint8]) -> Stack:
    """SSIM around each pixel, at one scale (Wang et al. 2004, "Image quality assessment", eq. 13).

    Args:
        x, y: uint8 [N, H, W].

    Returns:
        float64 [N, H - 10, W - 10], -1 to 1, where the whole window of 11 px is inside the image.
    """
    luminance, structure = _similarity(x.astype(np.float64), y.astype(np.float64))
    return luminance * structure


def ms_ssim_within_class(
    images: NDArray[np.uint8], labels: ArrayLike, seed: int, pairs: int = 200
) -> WithinClass:
    """Mean MS-SSIM over random pairs of different images of the same class.

    Args:
        images: uint8 [N, H, W].
        labels: [N] class indices; a class with fewer than two images is left out.
        seed: of the draw; each class has its own stream, so classes do not affect each other.
        pairs: number per class, drawn with replacement.

    Raises:
        ValueError: no class has two images.
    """
    labels = np.asarray(labels)
    scores: dict[int, Stack] = {}
    for label in np.unique(labels):
        (members,) = np.nonzero(labels == label)
        if len(members) > 1:
            left, right = _random_pairs(len(members), pairs, np.random.default_rng([seed, label]))
            scores[int(label)] = ms_ssim(images[members[left]], images[members[right]])
    if not scores:
        raise ValueError("MS-SSIM within a class needs a class with at least two images")
    means = {label: float(values.mean()) for label, values in scores.items()}
    variance = np.mean([values.var(ddof=1) / len(values) for values in scores.values()])
    error = float(np.sqrt(variance / len(scores)))
    return WithinClass(means, float(np.mean(list(means.values()))), error)


def _random_pairs(
    number: int, pairs: int, rng: np.random.Generator
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    left = rng.integers(0, number, pairs)
    right = (left + rng.integers(1, number, pairs)) % number  # never the image itself
    return left, right


def _similarity(a: Stack, b: Stack) -> tuple[Stack, Stack]:
    """The luminance and contrast-structure maps, where the whole window is inside the image."""
    mu_a, mu_b = _blur(a), _blur(b)
    var_a, var_b = _blur(a * a) - mu_a**2, _blur(b * b) - mu_b**2
    covariance = _blur(a * b) - mu_a * mu_b
    luminance = (2 * mu_a * mu_b + _C1) / (mu_a**2 + mu_b**2 + _C1)
    return luminance, (2 * covariance + _C2) / (var_a + var_b + _C2)


def _blur(images: Stack) -> Stack:
    sigma = (0, _SIGMA, _SIGMA)
    blurred: Stack = scipy.ndimage.gaussian_filter(images, sigma, radius=(0, _RADIUS, _RADIUS))
    inside: Stack = blurred[:, _RADIUS:-_RADIUS, _RADIUS:-_RADIUS]
    return inside


def _halved(images: Stack) -> Stack:
    """2 x 2 means; an odd last row or column is dropped."""
    height, width = images.shape[1] // 2 * 2, images.shape[2] // 2 * 2
    even = images[:, :height, :width]
    means: Stack = even.reshape(len(even), height // 2, 2, width // 2, 2).mean((2, 4))
    return means
