"""Fusing pairs of registered images, and measuring what is kept of both."""

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray

from ...drawing import drawing, to_float, to_uint8
from ...families.base import Generator
from ...network import NetworkConfig
from .registered import require_registered
from .rivals import RIVALS

Images = NDArray[np.uint8]

_EXAMPLES = 2


def fuse(
    generator: Generator, pairs: Images, *, names: Sequence[str] = (), check: bool = True
) -> Images:
    """Make one image of each pair.

    Each pair goes through the network alone, in float32, so that its result depends on no other.

    Args:
        generator: of a family whose task is fuse.
        pairs: uint8 [N, 2, H, H], 0 black to 255 white: a and b of one place, in the order of the
            training. The network learned from images of `image_size` pixels; others are possible.
        names: of the pairs, for messages; (): their numbers.
        check: whether to check that a and b are registered.

    Returns:
        uint8 [N, H, H].

    Raises:
        ValueError: the generator does not fuse, the pairs have another shape, or a pair is not
            registered; the message names it and says what was measured.
    """
    if generator.config.sources == 1:
        raise ValueError("this generator fuses no images; choose a version whose task is fuse")
    _check_pairs(pairs)
    if check:
        require_registered(pairs, names)
    device = next(generator.parameters()).device
    made = np.empty((len(pairs), *pairs.shape[2:]), np.uint8)
    nothing, no_class = torch.zeros(1, 1), torch.zeros(1, dtype=torch.int64)
    with drawing(generator):
        for index, pair in enumerate(pairs):
            both = to_float(torch.from_numpy(np.array(pair[None]))).to(device)
            made[index] = to_uint8(generator(nothing, no_class, both))[0]
    return made


def given(images: Images, network: NetworkConfig) -> Images:
    """Pairs are given as they are: uint8 [N, 2, H, H].

    Raises:
        ValueError: the images are no pairs.
    """
    del network
    _check_pairs(images)
    return np.asarray(images)


def make(generator: Generator, pairs: Images, /) -> Images:
    """What the generator makes of pairs that are known to be registered, uint8 [N, H, H]."""
    return fuse(generator, pairs, check=False)


def rival(given: Images, network: NetworkConfig) -> Images:
    """Their maximum, uint8 [N, H, H]."""
    del network
    return RIVALS["maximum"](given)


def measure(made: Images, given: Images, truth: Images) -> dict[str, NDArray[np.float64]]:
    """MI, SSIM, Qabf and SF of each fused image: float64 [N].

    See `model.metrics.fusion`. Both sources are the truth, so `truth` is not used.
    """
    # Only whoever measures has scikit-image and scipy; who draws has torch and numpy.
    from ...metrics.fusion import fused_information, fused_ssim, kept_edges, spatial_frequency

    del truth
    rows = [(one, *pair) for one, pair in zip(made, given, strict=True)]
    return {
        "mi": np.array([fused_information(*row) for row in rows]),
        "ssim": np.array([fused_ssim(*row) for row in rows]),
        "qabf": np.array([kept_edges(*row) for row in rows]),
        "sf": np.array([spatial_frequency(one) for one in made]),
    }


def example(side: int) -> Images:
    """A disc with a bright and a dark hole, each in one of the images: uint8 [2, 2, side, side]."""
    rows = (np.arange(side) + 0.5) / side * 2 - 1
    pairs = np.zeros((_EXAMPLES, 2, side, side), np.uint8)
    for index, pair in enumerate(pairs):
        pair[:, rows[:, None] ** 2 + rows[None] ** 2 < 0.8] = 120
        for source, (x, grey) in enumerate(((-0.35, 250), (0.35, 30))):
            there = rows[:, None] ** 2 + (rows[None] - x) ** 2 < (0.15 + 0.1 * index) ** 2
            pair[source, there] = grey
    return pairs


def _check_pairs(pairs: Images) -> None:
    if pairs.dtype != np.uint8 or pairs.shape != (len(pairs), 2, *pairs.shape[-1:] * 2):
        raise ValueError(f"pairs are {pairs.dtype} {pairs.shape}; give uint8 [N, 2, H, H], square")
