"""Draw images from a trained generator: image i of a seed never depends on what is asked with it.

Needs torch, numpy and pydantic alone.
"""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from .config import NetworkConfig
from .networks import Generator
from .weights import WEIGHTS_FILE, read_config, read_safetensors, sha256_of


def load_generator(folder: Path, sha256: str | None = None) -> Generator:
    """Read what `save_generator` wrote; the classes are in `.config.classes`.

    Args:
        folder: holds generator.safetensors and config.json.
        sha256: the identity the weights must have; config.json's own is always held as well.

    Raises:
        FileNotFoundError: one of the files is missing.
        ValueError: the weights are not those, are damaged, or do not fit the config.
    """
    folder = Path(folder)
    network, recorded = read_config(folder)
    file = folder / WEIGHTS_FILE
    found = sha256_of(file)
    for expected in (recorded, sha256 or recorded):
        if found != expected:
            raise ValueError(
                f"{file} has sha256 {found}, not {expected}: damaged, or another generator; "
                "fetch the folder again"
            )
    return build_generator(network, read_safetensors(file))


def build_generator(network: NetworkConfig, weights: dict[str, Tensor]) -> Generator:
    """A generator in float32, ready to draw from.

    Raises:
        ValueError: a weight is missing, left over or of another shape.
    """
    generator = Generator(network)
    try:
        generator.load_state_dict(weights)
    except RuntimeError as error:
        raise ValueError(f"the weights do not fit the config: {error}") from error
    return generator.float().eval().requires_grad_(requires_grad=False)


def sample(
    generator: Generator, labels: Sequence[str], seed: int, *, start: int = 0
) -> NDArray[np.uint8]:
    """Draw one image a label.

    Image i is a function of the seed, of `start + i` and of its label alone: bit for bit the same
    alone as in any batch, on one machine. So each goes through the network by itself, in float32.

    Args:
        generator: from `load_generator`.
        labels: class names.
        seed: 0 to 2^64 - 1.
        start: index of the first image; 0 to 2^64 - 1.

    Returns:
        uint8 [N, H, W], 0 black to 255 white.

    Raises:
        ValueError: a label is not one of the generator's classes, or a number is out of range.
    """
    known = {name: index for index, name in enumerate(generator.config.classes)}
    if unknown := sorted(set(labels) - set(known)):
        raise ValueError(f"unknown class {', '.join(unknown)}; this generator knows {list(known)}")
    size = generator.config.image_size
    images = np.empty((len(labels), size, size), np.uint8)
    with torch.inference_mode():
        for index, label in enumerate(labels):
            z = latent(seed, start + index, generator.config.latent)
            images[index] = to_uint8(generator(z[None], torch.tensor([known[label]])))[0]
    return images


def latent(seed: int, index: int, length: int) -> Tensor:
    """z of image `index`: standard normal, float32 [length], from Philox keyed by both numbers.

    Raises:
        ValueError: a number is negative or does not fit in 64 bits.
    """
    if not (0 <= seed < 2**64 and 0 <= index < 2**64):
        raise ValueError(f"seed {seed} and index {index} must lie in 0 to 2^64 - 1")
    key = np.array([seed, index], np.uint64)
    normal = np.random.Generator(np.random.Philox(key=key)).standard_normal(length)
    return torch.from_numpy(normal.astype(np.float32))


def to_uint8(images: Tensor) -> NDArray[np.uint8]:
    """float [N, 1, H, W], -1 black to 1 white, clipped -> uint8 [N, H, W]."""
    pixels = (images.squeeze(1).float() * 127.5 + 127.5).round().clamp(0, 255)
    return pixels.to(torch.uint8).numpy()


def to_float(images: Tensor) -> Tensor:
    """uint8 [N, H, W] -> float32 [N, 1, H, W], -1 black to 1 white."""
    return images.unsqueeze(1).float() / 127.5 - 1
