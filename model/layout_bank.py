"""A bank of statistics that draws layouts, and layouts as a network takes them.

New layouts follow statistics of the annotated training images: how many findings of a kind an image
of a class has, how large and how elongated they are, and where. No training image's own layout is
kept. Needs only torch and numpy, like everything that draws images; `model.layout_statistics` fills
a bank.
"""

from collections.abc import Sequence
from math import exp

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from .layouts import Layouts, ellipse
from .random_numbers import LAYOUT_STREAM, random_of

MOST = 6
"""Most findings of a kind in a drawn layout."""
PLACES = 16
"""Rows and columns of the map of places."""

_TRIES = 40
_APART = 0.03  # of the side, between the edges of two findings: what touches cannot be counted


class LayoutBank(nn.Module):
    """Statistics of a data set's findings, as buffers, so that they are saved with the weights.

    Attributes:
        counts: float32 [classes, K, MOST + 1], the share of a class's images with 0, 1, … findings
            of a kind; a row of zeros where too few images are annotated to tell.
        sizes: float32 [K, 4], mean and deviation of the logarithm of a finding's diameter (of the
            circle of its area) as a share of the image's side; least and largest that is drawn.
        shapes: float32 [K, 2], mean and deviation of the logarithm of width over height.
        places: float32 [K, PLACES, PLACES], the share of findings with their centre there.
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

    def main_kind(self, classes: Tensor) -> int:
        """The kind that a class, float32 [classes] of weights, has more of than the others do."""
        expected = (self.counts * torch.arange(MOST + 1)).sum(2)
        return int((classes @ expected - expected.mean(0)).argmax())

    def draw(
        self,
        classes: Tensor,
        side: int,
        seed: int,
        *,
        start: int = 0,
        findings: int | None = None,
        kind: int | None = None,
        diameters: tuple[float, float] | None = None,
    ) -> Layouts:
        """Draw one layout per image; layout i depends only on the seed, `start + i` and its class.

        Args:
            classes: float32 [N, classes], weights that sum to 1.
            side: of the images, in pixels.
            seed, start: as in `model.sampling.sample`.
            findings: number of findings of `kind` in each image, and no others; None: as in the
                class's training images.
            kind: index of a kind; None: the class's main one.
            diameters: least and largest diameter of a finding, in shares of the side; None: as in
                the training images.

        Raises:
            ValueError: the data had no finding of the kind, or the findings do not fit.
        """
        maps = np.zeros((len(classes), len(self.sizes), side, side), np.uint8)
        told = np.zeros(len(classes), np.bool_)
        for index, weights in enumerate(classes):
            rng = random_of(seed, start + index, LAYOUT_STREAM)
            counts = self._counts(rng, weights, findings, kind)
            if counts is None:
                continue
            told[index] = True
            self._paint(rng, counts, maps[index], diameters)
        return Layouts(maps, told)

    def _counts(
        self, rng: np.random.Generator, weights: Tensor, findings: int | None, kind: int | None
    ) -> list[int] | None:
        """Findings of each kind in one image; None if nothing is known of its class."""
        kinds = len(self.sizes)
        if findings is not None:
            wanted = self.main_kind(weights) if kind is None else kind
            return [findings * (k == wanted) for k in range(kinds)]
        chosen = int(rng.choice(len(weights), p=_shares(weights)))
        known = self.counts[chosen]
        if not known.any():
            return None
        return [int(rng.choice(MOST + 1, p=_shares(known[k]))) for k in range(kinds)]

    def _paint(
        self,
        rng: np.random.Generator,
        counts: Sequence[int],
        maps: NDArray[np.uint8],
        diameters: tuple[float, float] | None,
    ) -> None:
        """Add findings to the maps of one image, uint8 [K, S, S], apart from each other."""
        placed: list[tuple[float, float, float]] = []
        for kind, count in enumerate(counts):
            if count and not self.sizes[kind].any():
                raise ValueError(
                    f"no finding of kind number {kind} was in the training data, so no size and "
                    "place of one is known: give a layout of your own"
                )
            for _ in range(count):
                width, height = self._size(rng, kind, diameters)
                reach = max(width, height) / 2
                for _ in range(_TRIES):
                    x, y = self._place(rng, kind)
                    if all(np.hypot(x - a, y - b) > reach + r + _APART for a, b, r in placed):
                        break
                placed.append((x, y, reach))
                shape = ellipse(len(maps[kind]), x, y, width, height, rng)
                maps[kind] = np.maximum(maps[kind], shape)

    def _size(
        self, rng: np.random.Generator, kind: int, diameters: tuple[float, float] | None
    ) -> tuple[float, float]:
        mean, deviation, least, largest = self.sizes[kind].tolist()
        if diameters is not None:
            diameter = exp(rng.uniform(*np.log(diameters)))
        else:
            diameter = float(np.clip(exp(rng.normal(mean, deviation)), least, largest))
        stretch = exp(rng.normal(*self.shapes[kind].tolist()) / 2)
        return diameter * stretch, diameter / stretch

    def _place(self, rng: np.random.Generator, kind: int) -> tuple[float, float]:
        cell = int(rng.choice(PLACES**2, p=_shares(self.places[kind].flatten())))
        return (
            (cell % PLACES + rng.uniform()) / PLACES,
            (cell // PLACES + rng.uniform()) / PLACES,
        )


def given(layouts: Layouts, device: torch.device | str = "cpu") -> Tensor:
    """What a network takes of layouts: float32 [N, K + 1, S, S], 0 to 1; the last map says `told`.

    An image of which nothing is known has only zeros.
    """
    told = torch.from_numpy(np.array(layouts.told)).to(device).float()[:, None, None, None]
    maps = torch.from_numpy(np.array(layouts.maps)).to(device).float() / 255
    return torch.cat([maps * told, told.expand(-1, 1, *maps.shape[2:])], 1)


def _shares(weights: Tensor) -> NDArray[np.float64]:
    shares: NDArray[np.float64] = (weights.double() / weights.double().sum()).numpy()
    return shares
