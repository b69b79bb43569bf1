"""Draw images from a trained generator; image i of a seed does not depend on the other images.

Needs only torch, numpy and pydantic.
"""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from .asking import draw_layouts
from .drawing import draw, draw_made, given_of, latent, noise_map, require_draws, require_finite
from .editing import class_direction, edit, sefa_directions
from .families import make_generator
from .families.base import Generator
from .families.mixtures import class_weights
from .layouts import Layouts, label_maps, layouts_of
from .network import NetworkConfig
from .tasks.enlarge.work import enlarge
from .tasks.fuse.work import fuse
from .walks import Sampled, between, interpolate
from .weights import WEIGHTS_FILE, read_config, read_safetensors, sha256_of

__all__ = [
    "Layouts",
    "Sampled",
    "between",
    "build_generator",
    "class_direction",
    "draw_layouts",
    "edit",
    "enlarge",
    "fuse",
    "interpolate",
    "label_maps",
    "layouts_of",
    "load_generator",
    "made_layouts",
    "sample",
    "sefa_directions",
]
"""All that a version's consumer needs is found here."""


def load_generator(folder: Path | str, sha256: str | None = None) -> Generator:
    """Read what `save_generator` wrote; the classes are in `.config.classes`.

    Args:
        folder: holds generator.safetensors and config.json.
        sha256: the expected hash of the weights; the one in config.json is always checked.

    Raises:
        FileNotFoundError: one of the files is missing.
        ValueError: the weights have another hash, are damaged, or do not fit the config.
    """
    folder = Path(folder)
    network, recorded = read_config(folder)
    file = folder / WEIGHTS_FILE
    found = sha256_of(file)
    for expected in (recorded, sha256 or recorded):
        if found != expected:
            raise ValueError(
                f"{file} has sha256 {found}, expected {expected}: it is damaged, or "
                "belongs to another generator; copy the folder again"
            )
    return build_generator(network, read_safetensors(file))


def build_generator(network: NetworkConfig, weights: dict[str, Tensor]) -> Generator:
    """A generator in float32 on the CPU, ready to draw from.

    Raises:
        ValueError: the family is unknown; a weight is missing, left over or of another shape.
    """
    generator = make_generator(network)
    try:
        generator.load_state_dict(weights)
    except RuntimeError as error:
        raise ValueError(f"the weights do not fit the config: {error}") from error
    return generator.float().eval().requires_grad_(requires_grad=False)


def sample(
    generator: Generator,
    labels: Sequence[str],
    seed: int,
    *,
    start: int = 0,
    truncation: float = 1.0,
    layouts: Layouts | None = None,
) -> NDArray[np.uint8]:
    """Draw one image per label.

    Image i depends only on the seed, `start + i`, its label, its layout and the truncation. On one
    machine it is bit for bit the same in any batch, because each image goes through the network
    alone, in float32.

    Args:
        generator: from `load_generator`.
        labels: class names, or mixtures of classes such as "cyst+stone" or "3*cyst+stone"; a
            mixture's weights are divided by their sum.
        seed: 0 to 2^64 - 1.
        start: index of the first image; 0 to 2^64 - 1.
        truncation: factor of z: under 1, images are more typical and less varied (Brock et al.
            2018, arXiv 1809.11096, by scaling); 0 gives every image of a class alike. In a family
            with styles, it is the factor of their distance from the class's mean style.
        layouts: where the findings are, one layout per label, for a generator that takes them;
            None: those of `draw_layouts`.

    Returns:
        uint8 [N, H, W], 0 black to 255 white.

    Raises:
        ValueError: a label is not one of the generator's classes, a number is out of range, the
            layouts do not fit the generator, or it enlarges or fuses images.
    """
    require_finite(truncation)
    require_draws(generator)
    mixtures = class_weights(generator.config.classes, labels)
    length = generator.config.latent
    z = [latent(seed, start + index, length) for index in range(len(labels))]
    if layouts is None:
        layouts = draw_layouts(generator, labels, seed, start=start)
    noise = [noise_map(generator, seed, start + index) for index in range(len(labels))]
    given = given_of(generator, layouts, len(labels))
    return draw(generator, z, mixtures, given, noise, truncation)


def made_layouts(
    generator: Generator,
    labels: Sequence[str],
    seed: int,
    *,
    start: int = 0,
    truncation: float = 1.0,
) -> Layouts:
    """Where findings are in the images of `sample`, by a generator that makes maps beside them.

    Args:
        generator: from `load_generator`, with `config.made`.
        labels, seed, start, truncation: as in `sample`.

    Returns:
        One layout per label, with a map for each kind of `config.made`. It is told unless the
        training images of the label's classes were not annotated.

    Raises:
        ValueError: as `sample`, or the generator makes no maps.
    """
    require_finite(truncation)
    require_draws(generator)
    mixtures = class_weights(generator.config.classes, labels)
    length = generator.config.latent
    z = [latent(seed, start + index, length) for index in range(len(labels))]
    noise = [noise_map(generator, seed, start + index) for index in range(len(labels))]
    return draw_made(generator, z, mixtures, noise, truncation)
