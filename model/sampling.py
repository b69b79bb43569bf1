"""Draw images from a trained generator; image i of a seed does not depend on the other images.

Needs only torch, numpy and pydantic.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from math import isfinite
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from .families import make_generator
from .families.base import Generator
from .families.mixtures import class_weights
from .layout_bank import LEAST_DIAMETER, MOST, given
from .layouts import Layouts, joined, label_maps, layouts_of
from .network import NetworkConfig
from .random_numbers import NOISE_STREAM, random_of
from .weights import WEIGHTS_FILE, read_config, read_safetensors, sha256_of

__all__ = [
    "Layouts",
    "Sampled",
    "between",
    "build_generator",
    "draw_layouts",
    "interpolate",
    "label_maps",
    "latent",
    "layouts_of",
    "load_generator",
    "sample",
    "to_float",
    "to_uint8",
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
            2018, arXiv 1809.11096, by scaling); 0 gives every image of a class alike.
        layouts: where the findings are, one layout per label, for a generator that takes them;
            None: those of `draw_layouts`.

    Returns:
        uint8 [N, H, W], 0 black to 255 white.

    Raises:
        ValueError: a label is not one of the generator's classes, a number is out of range, or
            the layouts do not fit the generator.
    """
    _require_finite(truncation)
    mixtures = class_weights(generator.config.classes, labels)
    length = generator.config.latent
    z = [truncation * latent(seed, start + index, length) for index in range(len(labels))]
    if layouts is None:
        layouts = draw_layouts(generator, labels, seed, start=start)
    noise = [noise_map(generator, seed, start + index) for index in range(len(labels))]
    return _draw(generator, z, mixtures, _given(generator, layouts, len(labels)), noise)


def draw_layouts(
    generator: Generator,
    labels: Sequence[str],
    seed: int,
    *,
    start: int = 0,
    findings: int | None = None,
    kind: str | None = None,
    diameters: tuple[float, float] | None = None,
) -> Layouts | None:
    """The layouts of images, as `sample` draws them unless it is given others.

    Args:
        generator, labels, seed, start: as in `sample`.
        findings: number of findings in each image, all of `kind`; None: as in the training images
            of its class.
        kind: one of the generator's `config.given`; None: the kind that the class is about.
        diameters: least and largest diameter of a finding in pixels (of the circle of its area);
            None: as in the training images.

    Returns:
        One layout per label; None if the generator takes no layouts.

    Raises:
        ValueError: the generator takes no layouts but `findings`, `kind` or `diameters` is given,
            or one of them is out of range, or the findings do not fit into an image.
    """
    bank, config = generator.bank, generator.config
    if bank is None:
        if (findings, kind, diameters) != (None, None, None):
            raise ValueError(
                "this generator was trained without findings, so it cannot be told where they "
                "are: leave their number, kind and size out"
            )
        return None
    _require_64_bits(seed, start, start + max(len(labels) - 1, 0))
    weights, side = class_weights(config.classes, labels), config.image_size
    if kind is not None and findings is None:
        raise ValueError(f"of kind {kind!r} how many? Give the number of findings, too")
    if findings is not None and not 0 <= findings <= MOST:
        raise ValueError(f"{findings} findings; allowed are 0 to {MOST} in an image")
    if diameters is not None:
        low, high = diameters
        if not LEAST_DIAMETER <= low <= high <= side / 2:
            raise ValueError(
                f"findings of {low:g} to {high:g} px in diameter; allowed are "
                f"{LEAST_DIAMETER:g} to {side / 2:g} px in images of {side} px"
            )
        diameters = (low / side, high / side)
    kinds = [_kind(generator, *one, kind) for one in zip(labels, weights, strict=True) if findings]
    return bank.draw(
        weights, side, seed, start=start, findings=findings, kind=kinds, diameters=diameters
    )


def _kind(generator: Generator, label: str, weights: Tensor, kind: str | None) -> int:
    """The index of the kind of findings that a label is given."""
    bank, kinds = generator.bank, generator.config.given
    if kind is None and label in kinds:
        kind = label
    listed = ", ".join(kinds)
    if kind is not None and kind not in kinds:
        raise ValueError(f"unknown kind {kind!r}; this generator has {listed}")
    found = kinds.index(kind) if kind or bank is None else bank.main_kind(weights)
    if found is None:
        raise ValueError(f"{label} has no kind of findings of its own; give the kind: {listed}")
    if bank is not None and not bank.knows(found):
        raise ValueError(
            f"the training images had too few findings of kind {kinds[found]} to know their size "
            "and place: give a layout of your own"
        )
    return found


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
    """Interpolate between the images of `sample`: z along a great circle, classes linearly.

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
    _require_finite(truncation)
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
    _require_finite(truncation)
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
    given = _given(generator, layouts, len(images))
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
    return _draw(
        generator,
        [truncation * end.z for end in path],
        torch.stack([end.classes for end in path]),
        torch.stack(given) if given else None,
        [end.noise for end in path],
    )


def _require_64_bits(seed: int, *indices: int) -> None:
    if not all(0 <= number < 2**64 for number in (seed, *indices)):
        raise ValueError(f"seed {seed} and index {indices[-1]} must be in 0 to 2^64 - 1")


def _require_finite(truncation: float) -> None:
    if not isfinite(truncation):
        raise ValueError(f"truncation is {truncation}; allowed is a number, usually from 0 to 1")


def _given(generator: Generator, layouts: Layouts | None, count: int) -> Tensor | None:
    """What the network takes of layouts, after a check of their shape."""
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


def _draw(
    generator: Generator,
    z: Sequence[Tensor],
    classes: Tensor,
    given: Tensor | None,
    noise: Sequence[Tensor | None],
) -> NDArray[np.uint8]:
    size = generator.config.image_size
    device = next(generator.parameters()).device
    images = np.empty((len(z), size, size), np.uint8)
    was_training = generator.training
    generator.eval()
    with torch.inference_mode():
        for index, one in enumerate(z):
            layout = None if given is None else given[index, None].to(device)
            grain = noise[index]
            drawn = generator(
                one[None].to(device),
                classes[index, None].to(device),
                layout,
                None if grain is None else grain[None].to(device),
            )
            images[index] = to_uint8(drawn)[0]
    generator.train(was_training)
    return images


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


def latent(seed: int, index: int, length: int) -> Tensor:
    """z of image `index`: standard normal, float32 [length], from Philox keyed by both numbers.

    Raises:
        ValueError: a number is negative or does not fit in 64 bits.
    """
    _require_64_bits(seed, index)
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
    """uint8 [N, H, W] -> float32 [N, 1, H, W], -1 black to 1 white."""
    return images.unsqueeze(1).float() / 127.5 - 1
