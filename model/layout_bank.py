"""A bank of statistics that draws layouts, and layouts as a network takes them.

New layouts follow statistics of the annotated training images: how many findings of a kind an image
of a class has, how large and how elongated they are, and where. No training image's own layout is
kept. Needs only torch and numpy, like everything that draws images; `model.layout_statistics` fills
a bank.
"""

from collections.abc import Sequence
from math import exp
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from .layouts import Layouts, ellipse, grown, masks
from .random_numbers import LAYOUT_STREAM, random_of

MOST = 6
"""Most findings of a kind in a drawn layout."""
PLACES = 64
"""Rows and columns of the map of places in a new bank. Earlier versions had 16."""

LEAST_DIAMETER = 0.6
"""Pixels; a smaller finding covers less than a quarter of a pixel, and no mask has it."""

_TRIES, _STARTS = 40, 20


class LayoutBank(nn.Module):
    """Statistics of a data set's findings, as buffers, so that they are saved with the weights.

    Attributes:
        counts: float32 [classes, K, MOST + 1], the share of a class's images with 0, 1, … findings
            of a kind; a row of zeros where too few images are annotated to tell.
        sizes: float32 [K, 4], mean and deviation of the logarithm of a finding's diameter (of the
            circle of its area) as a share of the image's side; least and largest that is drawn.
        shapes: float32 [K, 2], mean and deviation of the logarithm of width over height.
        places: float32 [K, P, P], the share of findings with their centre there; P is `PLACES`, or
            what an earlier version saved.
        mm: float32 [], millimetres to the image's side, the median of the images that tell it;
            0 if none does.
    """

    counts: Tensor
    sizes: Tensor
    shapes: Tensor
    places: Tensor
    mm: Tensor

    def __init__(self, classes: int, kinds: int) -> None:
        super().__init__()
        self.register_buffer("counts", torch.zeros(classes, kinds, MOST + 1))
        self.register_buffer("sizes", torch.zeros(kinds, 4))
        self.register_buffer("shapes", torch.zeros(kinds, 2))
        self.register_buffer("places", torch.zeros(kinds, PLACES, PLACES))
        self.register_buffer("mm", torch.zeros(()))

    def _load_from_state_dict(
        self, state_dict: dict[str, Any], prefix: str, *args: Any, **kwargs: Any
    ) -> None:
        saved = state_dict.get(f"{prefix}places")
        if saved is not None and saved.ndim == self.places.ndim:
            self.places = self.places.new_zeros(saved.shape)
        super()._load_from_state_dict(state_dict, prefix, *args, **kwargs)

    def main_kind(self, classes: Tensor) -> int | None:
        """The kind that a class, float32 [classes] of weights, has more of than the others do.

        The only kind if there is one; None if the class has no more of any kind than the others.
        """
        if len(self.sizes) == 1:
            return 0
        expected = (self.counts.cpu() * torch.arange(MOST + 1)).sum(2)
        more = classes @ expected - expected.mean(0)
        return int(more.argmax()) if float(more.max()) > 0 else None

    def knows(self, kind: int) -> bool:
        """Whether the data had enough findings of a kind to draw some."""
        return bool(self.sizes[kind].any())

    def draw(
        self,
        classes: Tensor,
        side: int,
        seed: int,
        *,
        start: int = 0,
        findings: int | None = None,
        kind: int | Sequence[int] | None = None,
        diameters: tuple[float, float] | None = None,
    ) -> Layouts:
        """Draw one layout per image; layout i depends only on the seed, `start + i` and its class.

        Findings are whole, inside the image, and at least a pixel apart from each other.

        Args:
            classes: float32 [N, classes], weights that sum to 1.
            side: of the images, in pixels.
            seed, start: as in `model.sampling.sample`.
            findings: number of findings in each image, and no others; None: as in the class's
                training images, less those for which there is no room.
            kind: index of the kind of these findings, or one for each image; None: the class's
                main one.
            diameters: least and largest diameter of a finding, in shares of the side; None: as in
                the training images.

        Raises:
            ValueError: the findings that are asked for do not fit, or the data had none of the
                kind.
        """
        maps = np.zeros((len(classes), len(self.sizes), side, side), np.uint8)
        told = np.zeros(len(classes), np.bool_)
        for index, weights in enumerate(classes):
            rng = random_of(seed, start + index, LAYOUT_STREAM)
            if findings is None:
                counts = self._counts(rng, weights)
                if counts is not None:
                    told[index] = True
                    maps[index], _ = self._paint(rng, counts, side, diameters)
                continue
            told[index] = True
            counts = [0] * len(self.sizes)
            if findings:
                chosen = kind if kind is None or isinstance(kind, int) else kind[index]
                counts[self._known_kind(weights, chosen)] = findings
            maps[index] = self._paint_all(rng, counts, side, diameters)
        return Layouts(maps, told)

    def _known_kind(self, weights: Tensor, kind: int | None) -> int:
        chosen = self.main_kind(weights) if kind is None else kind
        if chosen is None:
            raise ValueError("the class has no kind of findings of its own: choose one")
        if not self.knows(chosen):
            raise ValueError(
                f"no finding of kind number {chosen} was in the training data, so no size and "
                "place of one is known: give a layout of your own"
            )
        return chosen

    def _counts(self, rng: np.random.Generator, weights: Tensor) -> list[int] | None:
        """Findings of each kind in one image; None if nothing is known of its class."""
        chosen = int(rng.choice(len(weights), p=_shares(weights)))
        known = self.counts[chosen]
        if not known.any():
            return None
        return [int(rng.choice(MOST + 1, p=_shares(one))) for one in known]

    def _paint_all(
        self,
        rng: np.random.Generator,
        counts: Sequence[int],
        side: int,
        diameters: tuple[float, float] | None,
    ) -> NDArray[np.uint8]:
        """As `_paint`, but with every finding."""
        for _ in range(_STARTS):
            maps, left_out = self._paint(rng, counts, side, diameters)
            if not left_out:
                return maps
        raise ValueError(
            f"{sum(counts)} findings of that size do not fit where the training images have them; "
            "ask for fewer or smaller ones, or give a layout of your own"
        )

    def _paint(
        self,
        rng: np.random.Generator,
        counts: Sequence[int],
        side: int,
        diameters: tuple[float, float] | None,
    ) -> tuple[NDArray[np.uint8], int]:
        """The maps of one image, uint8 [K, side, side], and how many findings found no room."""
        maps = np.zeros((len(counts), side, side), np.uint8)
        taken, left_out = np.zeros((side, side), np.bool_), 0
        for kind, count in enumerate(counts):
            for _ in range(count):
                found = self._finding(rng, kind, taken, diameters)
                if found is None:
                    left_out += 1
                    continue
                maps[kind] = np.maximum(maps[kind], found)
                taken |= grown(found > 0)
        return maps, left_out

    def _finding(
        self,
        rng: np.random.Generator,
        kind: int,
        taken: NDArray[np.bool_],
        diameters: tuple[float, float] | None,
    ) -> NDArray[np.uint8] | None:
        """The map of one finding outside the pixels that are taken; None: there is no room."""
        width, height = self._size(rng, kind, diameters)
        for _ in range(_TRIES):
            x, y = self._place(rng, kind)
            if not (width <= 2 * x <= 2 - width and height <= 2 * y <= 2 - height):
                continue
            found = ellipse(len(taken), x, y, width, height, rng)
            cut = found[[0, -1]].any() or found[:, [0, -1]].any()
            if not cut and not (taken & (found > 0)).any() and _one_piece(masks(found)):
                return found
        return None

    def _size(
        self, rng: np.random.Generator, kind: int, diameters: tuple[float, float] | None
    ) -> tuple[float, float]:
        """Width and height, in shares of the side."""
        mean, deviation, least, largest = self.sizes[kind].tolist()
        if diameters is not None:
            diameter = exp(rng.uniform(*np.log(diameters)))
        else:
            diameter = float(np.clip(exp(rng.normal(mean, deviation)), least, largest))
        stretch = exp(rng.normal(*self.shapes[kind].tolist()) / 2)
        return diameter * stretch, diameter / stretch

    def _place(self, rng: np.random.Generator, kind: int) -> tuple[float, float]:
        cells = self.places.shape[-1]
        cell = int(rng.choice(cells**2, p=_shares(self.places[kind].flatten())))
        return (cell % cells + rng.uniform()) / cells, (cell // cells + rng.uniform()) / cells


def _one_piece(pixels: NDArray[np.bool_]) -> bool:
    """Whether there are pixels, and all hang together; corners connect."""
    part = np.zeros_like(pixels)
    part.flat[pixels.argmax()] = pixels.any()
    size = 0
    while size < part.sum():
        size = int(part.sum())
        part = grown(part) & pixels
    return 0 < size == int(pixels.sum())


def given(layouts: Layouts, device: torch.device | str = "cpu") -> Tensor:
    """What a network takes of layouts: float32 [N, K + 1, S, S], 0 to 1; the last map says `told`.

    An image of which nothing is known has only zeros.
    """
    told = torch.from_numpy(np.array(layouts.told)).to(device).float()[:, None, None, None]
    maps = torch.from_numpy(np.array(layouts.maps)).to(device).float() / 255
    return torch.cat([maps * told, told.expand(-1, 1, *maps.shape[2:])], 1)


def _shares(weights: Tensor) -> NDArray[np.float64]:
    exact = weights.double().cpu()
    shares: NDArray[np.float64] = (exact / exact.sum()).numpy()
    return shares
