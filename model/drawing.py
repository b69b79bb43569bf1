"""From what a network takes of an image, its latent, classes, layout and noise, to its pixels."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from math import isfinite

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from .families.base import Generator
from .layout_bank import given
from .layouts import Layouts
from .random_numbers import NOISE_STREAM, random_of


def draw(
    generator: Generator,
    z: Sequence[Tensor],
    classes: Tensor,
    given: Tensor | None,
    noise: Sequence[Tensor | None],
    truncation: float = 1.0,
    shift: Tensor | None = None,
) -> NDArray[np.uint8]:
    """Put each image through the network alone, so that it depends on no other.

    Args:
        generator: from `model.sampling.load_generator`.
        z: float32 [latent], one an image.
        classes: float32 [N, classes], weights that sum to 1.
        given: what `given_of` makes of layouts, or None.
        noise: float32 [1, H, W], one an image, or None.
        truncation: as in `Generator.render`.
        shift: added to the style of each image, float32 [N, W], or None.

    Returns:
        uint8 [N, H, W].

    Raises:
        ValueError: a shift is given to a generator without styles.
    """
    size = generator.config.image_size
    images = np.empty((len(z), size, size), np.uint8)
    with drawing(generator):
        for index in range(len(z)):
            layout = None if given is None else given[index]
            edited = None if shift is None else shift[index]
            made = _channels(
                generator, z[index], classes[index], layout, noise[index], truncation, edited
            )
            images[index] = to_uint8(made[:, :1])[0]
    return images


def draw_made(
    generator: Generator,
    z: Sequence[Tensor],
    classes: Tensor,
    noise: Sequence[Tensor | None],
    truncation: float = 1.0,
) -> Layouts:
    """The maps that a generator makes beside the images of `draw`, of the same arguments.

    An image's maps are told if training images of each of its classes were annotated.

    Raises:
        ValueError: it makes none.
    """
    config = generator.config
    if not config.made:
        raise ValueError("this generator makes no maps of findings beside its images")
    maps = np.empty((len(z), len(config.made), config.image_size, config.image_size), np.uint8)
    with drawing(generator):
        for index in range(len(z)):
            made = _channels(generator, z[index], classes[index], None, noise[index], truncation)
            shares = (made[0, 1:].float() * 255).round().clamp(0, 255)
            maps[index] = shares.to(torch.uint8).cpu().numpy()
    unknown = (classes > 0) & ~generator.annotated.cpu()
    return Layouts(maps, ~unknown.any(1).numpy())


@contextmanager
def drawing(generator: Generator) -> Iterator[None]:
    """Without gradients and in the mode of evaluation; the mode is afterwards as it was."""
    was_training = generator.training
    generator.eval()
    try:
        with torch.inference_mode():
            yield
    finally:
        generator.train(was_training)


def _channels(
    generator: Generator,
    z: Tensor,
    classes: Tensor,
    given: Tensor | None,
    noise: Tensor | None,
    truncation: float,
    shift: Tensor | None = None,
) -> Tensor:
    """What the generator makes of one image's latent: float [1, 1 + K, H, W]."""
    device = next(generator.parameters()).device
    layout = None if given is None else given[None].to(device)
    grain = None if noise is None else noise[None].to(device)
    return generator.render(
        z[None].to(device),
        classes[None].to(device),
        layout,
        grain,
        truncation=truncation,
        shift=None if shift is None else shift[None].to(device),
    )


def given_of(generator: Generator, layouts: Layouts | None, count: int) -> Tensor | None:
    """What the network takes of layouts, after a check of their shape.

    Raises:
        ValueError: the generator takes none, or they are not one uint8 [K, H, W] an image.
    """
    config = generator.config
    if layouts is None or generator.bank is None:
        if layouts is not None:
            raise ValueError("this generator takes no layouts: it was trained without findings")
        return None
    wanted = (count, len(config.given), config.image_size, config.image_size)
    if layouts.maps.shape != wanted or layouts.maps.dtype != np.uint8:
        raise ValueError(
            f"layouts are {layouts.maps.dtype} {layouts.maps.shape}; give uint8 {wanted}, one map "
            f"for each of {', '.join(config.given)}"
        )
    return given(layouts)


def latent(seed: int, index: int, length: int) -> Tensor:
    """z of image `index`: standard normal, float32 [length], from Philox keyed by both numbers.

    Raises:
        ValueError: a number is negative or does not fit in 64 bits.
    """
    require_64_bits(seed, index)
    normal = random_of(seed, index).standard_normal(length)
    return torch.from_numpy(normal.astype(np.float32))


def noise_map(generator: Generator, seed: int, index: int) -> Tensor | None:
    """The noise of image `index`: standard normal, float32 [1, H, W]; None if there is none."""
    if not generator.config.noise:
        return None
    side = generator.config.image_size
    rng = random_of(seed, index, NOISE_STREAM)
    return torch.from_numpy(rng.standard_normal((1, side, side), np.float32))


def to_uint8(images: Tensor) -> NDArray[np.uint8]:
    """float [N, 1, H, W], -1 black to 1 white, clipped -> uint8 [N, H, W]."""
    pixels = (images.squeeze(1).float() * 127.5 + 127.5).round().clamp(0, 255)
    return pixels.to(torch.uint8).cpu().numpy()


def to_float(images: Tensor) -> Tensor:
    """uint8 [N, H, W] or [N, S, H, W] -> float32 [N, 1 or S, H, W], -1 black to 1 white."""
    channels = images if images.ndim == 4 else images.unsqueeze(1)
    return channels.float() / 127.5 - 1


def require_draws(generator: Generator) -> None:
    """Check that a generator draws images.

    Raises:
        ValueError: it enlarges or fuses given ones.
    """
    if generator.config.sources > 1:
        raise ValueError("this generator fuses images and draws none; give it pairs of images")
    if generator.config.factor > 1:
        raise ValueError("this generator enlarges images and draws none; give it small images")


def require_64_bits(seed: int, *indices: int) -> None:
    """Check that a seed and indices can key a random stream.

    Raises:
        ValueError: one is negative or does not fit in 64 bits.
    """
    if not all(0 <= number < 2**64 for number in (seed, *indices)):
        raise ValueError(f"seed {seed} and index {indices[-1]} must be in 0 to 2^64 - 1")


def require_finite(value: float, what: str = "truncation") -> None:
    """Check a factor of the latent, or of a step from it.

    Raises:
        ValueError: it is not a finite number.
    """
    if not isfinite(value):
        raise ValueError(f"{what} is {value}; allowed is a number, usually from 0 to 1")
