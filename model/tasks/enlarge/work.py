"""Enlarging images, and measuring enlargements beside the images they were made small of."""

import numpy as np
import torch
from numpy.typing import NDArray

from ...bicubic import resized_pixels
from ...drawing import drawing, to_float, to_uint8
from ...families.base import Generator
from ...families.enlarging import GREY_LEVEL, told
from ...network import NetworkConfig

Images = NDArray[np.uint8]

MOST_LEVEL = 32.0
_EXAMPLES = 2


def enlarge(generator: Generator, images: Images, noise: float = 0.0) -> Images:
    """Make images larger.

    Each image goes through the network alone, in float32, so that it depends on no other.

    Args:
        generator: of a family whose task is enlarge.
        images: uint8 [N, h, h], 0 black to 255 white. The network learned from images of
            `image_size / factor` pixels; others are possible.
        noise: the deviation of noise that the images are said to have, in grey levels, 0 to 32. 0
            trusts every pixel; 2 to 4 smooths the flaws of generated images.

    Returns:
        uint8 [N, factor h, factor h].

    Raises:
        ValueError: the generator does not enlarge, or an argument is out of range.
    """
    if generator.config.factor == 1:
        raise ValueError(
            "this generator enlarges no images; choose a version whose task is enlarge"
        )
    if images.dtype != np.uint8 or images.ndim != 3 or images.shape[1] != images.shape[2]:
        raise ValueError(f"images are {images.dtype} {images.shape}; give uint8 [N, h, h], square")
    if not 0 <= noise <= MOST_LEVEL:
        raise ValueError(f"noise is {noise}; allowed are 0 to {MOST_LEVEL:g} grey levels")
    side = images.shape[1] * generator.config.factor
    device = next(generator.parameters()).device
    level = torch.full((1,), noise * GREY_LEVEL, device=device)
    made = np.empty((len(images), side, side), np.uint8)
    nothing, no_class = torch.zeros(1, 1), torch.zeros(1, dtype=torch.int64)
    with drawing(generator):
        for index, image in enumerate(images):
            small = to_float(torch.from_numpy(np.array(image[None]))).to(device)
            made[index] = to_uint8(generator(nothing, no_class, told(small, level)))[0]
    return made


def given(images: Images, network: NetworkConfig) -> Images:
    """Real images made small: antialiased bicubic, rounded to uint8 [N, H / factor, H / factor]."""
    return resized_pixels(np.asarray(images), images.shape[-1] // network.factor)


def make(generator: Generator, small: Images, /) -> Images:
    """What the generator makes of them, uint8 [N, H, H]."""
    return enlarge(generator, small)


def rival(given: Images, network: NetworkConfig) -> Images:
    """Their bicubic enlargements, uint8 [N, H, H]."""
    return resized_pixels(given, given.shape[-1] * network.factor)


def measure(made: Images, given: Images, truth: Images) -> dict[str, NDArray[np.float64]]:
    """PSNR in dB, SSIM, and consistency of each enlargement: float64 [N].

    SSIM as `model.metrics.ssim`. Consistency is the mean absolute
    difference of the enlargement made small again and what was given, in grey levels; 0.3 is what
    rounding alone leaves.
    """
    # Only whoever measures has scikit-image; who draws has torch and numpy.
    from ...metrics.ssim import ssim

    error = np.square(made.astype(np.float64) - truth).mean((1, 2))
    again = resized_pixels(made, given.shape[-1]).astype(np.float64)
    return {
        "psnr": 10 * np.log10(255**2 / np.maximum(error, 1e-3)),
        "ssim": np.array([ssim(*pair) for pair in zip(made, truth, strict=True)]),
        "consistency": np.abs(again - given).mean((1, 2)),
    }


def example(side: int) -> Images:
    """Discs of three grey levels, computed: uint8 [2, side, side]."""
    rows = (np.arange(side) + 0.5) / side * 2 - 1
    images = np.zeros((_EXAMPLES, side, side), np.uint8)
    for index in range(_EXAMPLES):
        for radius, grey in ((0.9, 90), (0.5 - 0.2 * index, 150), (0.1 + 0.1 * index, 250)):
            images[index][rows[:, None] ** 2 + (rows[None] - 0.2 * index) ** 2 < radius**2] = grey
    return images
