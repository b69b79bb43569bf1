"""Walks from one image to another, through latents, classes, layouts and noise."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from .asking import draw_layouts
from .drawing import draw, given_of, latent, noise_map, require_draws, require_finite
from .families.base import Generator
from .families.mixtures import class_weights
from .layouts import Layouts, joined


def interpolate(
    generator: Generator,
    labels: Sequence[str],
    seed: int,
    frames: int,
    *,
    start: int = 0,
    truncation: float = 1.0,
    layouts: Layouts | None = None,
) -> NDArray[np.uint8]:
    """Walk along the images of `model.sampling.sample`: z by great circles, classes linearly.

    From one layout to the next, findings fade out and in.

    Args:
        generator, labels, seed, start, truncation, layouts: as in `sample`; at least two labels.
        frames: images from one label to the next, the first label's included.

    Returns:
        uint8 [(len(labels) - 1) * frames + 1, H, W]; every `frames`-th image is one of `sample`.

    Raises:
        ValueError: as `sample`, or fewer than two labels or one frame.
    """
    if len(labels) < 2 or frames < 1:
        raise ValueError(f"got {len(labels)} labels, {frames} frames; needs two labels, one frame")
    require_finite(truncation)
    require_draws(generator)
    if layouts is None:
        layouts = draw_layouts(generator, labels, seed, start=start)
    images = [Sampled(label, seed, start + index) for index, label in enumerate(labels)]
    ends = _ends(generator, images, layouts)
    path = [
        _mixed(first, second, frame / frames)
        for first, second in pairwise(ends)
        for frame in range(frames)
    ]
    return _draw_ends(generator, [*path, ends[-1]], truncation)


@dataclass(frozen=True)
class Sampled:
    """One image of `sample`: its label, its seed, and its index there."""

    label: str
    seed: int
    index: int = 0


def between(
    generator: Generator,
    first: Sampled,
    second: Sampled,
    shares: Sequence[float],
    *,
    truncation: float = 1.0,
    layouts: Layouts | None = None,
) -> NDArray[np.uint8]:
    """Images on the way from one image of `sample` to any other, as `interpolate` goes it.

    A small share of the way to images of other seeds gives images that are like the first one.

    Args:
        generator: from `load_generator`.
        first, second: the two images.
        shares: of the way, 0 to 1; 0 gives the first image and 1 the second, bit for bit.
        truncation: as in `sample`.
        layouts: of the two images; twice the same keeps the findings where they are. None: those
            of `draw_layouts`.

    Returns:
        uint8 [len(shares), H, W].

    Raises:
        ValueError: as `sample`, or a share is out of range.
    """
    require_finite(truncation)
    require_draws(generator)
    if not all(0 <= share <= 1 for share in shares):
        raise ValueError(f"shares of the way are {list(shares)}; allowed are 0 to 1")
    if layouts is None:
        drawn = [draw_layouts(generator, [i.label], i.seed, start=i.index) for i in (first, second)]
        layouts = joined([one for one in drawn if one is not None])
    start, end = _ends(generator, [first, second], layouts)
    path = [_mixed(start, end, share) for share in shares]
    return _draw_ends(generator, path, truncation)


class _End(NamedTuple):
    """What the network is given for an image: before truncation, and without the batch."""

    z: Tensor
    classes: Tensor
    given: Tensor | None
    noise: Tensor | None


def _ends(generator: Generator, images: Sequence[Sampled], layouts: Layouts | None) -> list[_End]:
    mixtures = class_weights(generator.config.classes, [image.label for image in images])
    given = given_of(generator, layouts, len(images))
    return [
        _End(
            latent(image.seed, image.index, generator.config.latent),
            mixtures[row],
            None if given is None else given[row],
            noise_map(generator, image.seed, image.index),
        )
        for row, image in enumerate(images)
    ]


def _mixed(first: _End, second: _End, share: float) -> _End:
    """Latent and noise along a great circle, classes and layouts linearly; exact at the ends."""
    if share in (0.0, 1.0):
        return second if share else first
    given = noise = None
    if first.given is not None and second.given is not None:
        given = (1 - share) * first.given + share * second.given
    if first.noise is not None and second.noise is not None:
        grain = _slerp(first.noise.flatten(), second.noise.flatten(), share)
        noise = grain.view_as(first.noise)
    classes = (1 - share) * first.classes + share * second.classes
    return _End(_slerp(first.z, second.z, share), classes, given, noise)


def _draw_ends(generator: Generator, path: Sequence[_End], truncation: float) -> NDArray[np.uint8]:
    given = [end.given for end in path if end.given is not None]
    return draw(
        generator,
        [end.z for end in path],
        torch.stack([end.classes for end in path]),
        torch.stack(given) if given else None,
        [end.noise for end in path],
        truncation,
    )


def _slerp(start: Tensor, end: Tensor, share: float) -> Tensor:
    """Interpolate latents along the great circle, their lengths linearly (Shoemake 1985)."""
    cosine = torch.dot(start, end) / (start.norm() * end.norm())
    angle = torch.arccos(cosine.clamp(-1, 1))
    if angle < 1e-4:
        return torch.lerp(start, end, share)
    parts = (
        torch.sin((1 - share) * angle) * start / start.norm(),
        torch.sin(share * angle) * end / end.norm(),
    )
    length = (1 - share) * start.norm() + share * end.norm()
    walked: Tensor = length * (parts[0] + parts[1]) / torch.sin(angle)
    return walked
