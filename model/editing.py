"""Edit images in the space W of a family with styles: along classes, and along what varies most.

z, noise and layout of an image stay; its style moves. Needs only torch and numpy.
"""

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from .asking import draw_layouts
from .drawing import draw, given_of, latent, noise_map, require_finite
from .families import names, recipe_class
from .families.base import Generator
from .families.mixtures import class_weights
from .families.styled import StyledGenerator
from .layouts import Layouts

_PROBES = 256
"""Latents by which the deviation of W along a direction is known."""


def edit(
    generator: Generator,
    labels: Sequence[str],
    seed: int,
    amount: float,
    *,
    towards: str | None = None,
    direction: int | None = None,
    start: int = 0,
    truncation: float = 1.0,
    layouts: Layouts | None = None,
) -> NDArray[np.uint8]:
    """The images of `model.sampling.sample`, moved along one direction of W.

    Args:
        generator: of a family with styles.
        labels, seed, start, truncation: as in `sample`.
        amount: how far; 0 gives the images of `sample`, bit for bit. Towards a class, 1 is from the
            mean of the one class to that of the other. Along a direction of SeFa, 1 is one
            deviation of W.
        towards: a class or a mixture; either this or `direction` is given.
        direction: number of one of `sefa_directions`, from 0.
        layouts: where the findings are, and stay; None: those of `draw_layouts`. On the way to
            another class these fade to the ones drawn for that class, as far as `amount` goes.

    Returns:
        uint8 [N, H, W], one image a label.

    Raises:
        ValueError: the generator has no styles, both or none of the directions are given, a number
            is out of range, or as in `sample`.
    """
    require_finite(truncation)
    require_finite(amount, "amount")
    styled = require_styles(generator)
    if (towards is None) == (direction is None):
        raise ValueError("an edit goes towards a class or along a direction; give one of both")
    given = _given(generator, labels, seed, amount, towards, start, layouts)
    length, mixtures = generator.config.latent, class_weights(generator.config.classes, labels)
    if towards is not None:
        shifts = [class_direction(generator, label, towards) for label in labels]
    else:
        shifts = [sefa_direction(styled, direction or 0)] * len(labels)
    return draw(
        generator,
        [latent(seed, start + index, length) for index in range(len(labels))],
        mixtures,
        given,
        [noise_map(generator, seed, start + index) for index in range(len(labels))],
        truncation,
        amount * torch.stack(shifts) if shifts else None,
    )


def class_direction(generator: Generator, label: str, towards: str) -> Tensor:
    """From the mean style of one class to that of another, float32 [W].

    Raises:
        ValueError: the generator has no styles, or a class is unknown.
    """
    styled = require_styles(generator)
    ends = class_weights(generator.config.classes, [label, towards])
    start, end = styled.mean_of(ends.to(styled.means.device)).unbind()
    return torch.sub(end, start)


def sefa_directions(generator: Generator) -> Tensor:
    """The directions of W to which the channels react most, strongest first: float32 [W, W].

    Shen and Zhou 2021, arXiv 2007.06600, eq. 5: the unit vectors n that maximise |A n|^2, which are
    the eigenvectors of A^T A, with A the weights by which w scales the channels of all
    convolutions. They need no images and no labels. The largest entry of each is positive.

    Raises:
        ValueError: the generator has no styles.
    """
    weights = require_styles(generator).modulation().double()
    vectors = torch.linalg.eigh(weights.T @ weights).eigenvectors.T.flip(0)
    largest = vectors.gather(1, vectors.abs().argmax(1, keepdim=True))
    return torch.mul(vectors, largest.sign()).float()


def sefa_direction(generator: StyledGenerator, number: int) -> Tensor:
    """One of `sefa_directions`, as long as W deviates along it within classes: float32 [W].

    Raises:
        ValueError: there is no direction of this number.
    """
    directions = sefa_directions(generator)
    if not 0 <= number < len(directions):
        raise ValueError(f"direction is {number}; allowed are 0 to {len(directions) - 1}")
    chosen, classes = directions[number], len(generator.config.classes)
    z = torch.stack([latent(0, index, generator.config.latent) for index in range(_PROBES)])
    which = torch.arange(_PROBES) % classes
    with torch.no_grad():
        w = generator.mapping(z.to(chosen.device), which.to(chosen.device))
        along = (w - generator.mean_of(which.to(chosen.device))) @ chosen
    return chosen * along.square().mean().sqrt()


def require_styles(generator: Generator) -> StyledGenerator:
    """The generator, as one with styles.

    Raises:
        ValueError: it is of a family without.
    """
    if isinstance(generator, StyledGenerator):
        return generator
    known = [name for name in names() if recipe_class(name).styled]
    raise ValueError(
        f"its family, {generator.config.family}, has no space of styles to edit in; choose a "
        f"version of {' or '.join(known)} (train.family in params.yaml)"
    )


def _given(
    generator: Generator,
    labels: Sequence[str],
    seed: int,
    amount: float,
    towards: str | None,
    start: int,
    layouts: Layouts | None,
) -> Tensor | None:
    """What the network is given of layouts, on the way to another class."""
    stay = layouts is not None or towards is None
    if layouts is None:
        layouts = draw_layouts(generator, labels, seed, start=start)
    given = given_of(generator, layouts, len(labels))
    if stay or given is None or towards is None:
        return given
    others = draw_layouts(generator, [towards] * len(labels), seed, start=start)
    target = given_of(generator, others, len(labels))
    share = min(max(amount, 0.0), 1.0)
    return given if target is None or not share else torch.lerp(given, target, share)
