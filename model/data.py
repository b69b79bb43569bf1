"""Training images as one uint8 tensor in memory, without decoding or workers."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from .layout_bank import given
from .layouts import Layouts

Drawn = tuple[Tensor, Tensor, Tensor | None]
Draw = Callable[[torch.Generator], Drawn]


@dataclass(frozen=True)
class TrainingData:
    """What a training learns from; the arguments of `model.training.fit` of these names."""

    images: NDArray[np.uint8]
    labels: NDArray[np.int64]
    classes: tuple[str, ...]
    kinds: tuple[str, ...]
    layouts: Layouts | None
    mm: float
    view: str

    def check_layouts(self) -> None:
        """Check that there is one layout per image, with a map for each kind, or neither.

        Raises:
            ValueError: there is not.
        """
        count, kinds = len(self.images), len(self.kinds)
        found = (0, 0) if self.layouts is None else self.layouts.maps.shape[:2]
        if found != ((count, kinds) if kinds else (0, 0)):
            raise ValueError(
                f"layouts of {found[0]} images and {found[1]} kinds; give {count} images and "
                f"{kinds} kinds ({', '.join(self.kinds)}), or neither layouts nor kinds"
            )


def check(
    images: NDArray[np.uint8],
    labels: NDArray[np.int64],
    classes: Sequence[str],
    sources: int = 1,
) -> None:
    """Check that images, labels and classes fit each other, and that a row has so many sources.

    Raises:
        ValueError: they do not, or a class has no image.
    """
    wanted = (len(images), *((sources,) if sources > 1 else ()), *images.shape[-1:] * 2)
    if images.dtype != np.uint8 or images.shape != wanted:
        shape = f"[N, {sources}, size, size]" if sources > 1 else "[N, size, size]"
        raise ValueError(
            f"images are {images.dtype} {images.shape}, not uint8 {shape}"
            f"{': this family fuses two registered images a row' if sources > 1 else ''}"
        )
    if labels.shape != images.shape[:1]:
        raise ValueError(f"{labels.shape} labels for {len(images)} images")
    if len(labels) and not 0 <= labels.min() <= labels.max() < len(classes):
        raise ValueError(
            f"labels are {labels.min()} to {labels.max()}, but there are {len(classes)} classes"
        )
    counts = np.bincount(labels, minlength=len(classes))
    if missing := [name for name, count in zip(classes, counts, strict=True) if not count]:
        raise ValueError(
            f"no training image of class {', '.join(missing)}: add images, or remove the class"
        )


def balanced_draw(
    images: NDArray[np.uint8],
    labels: NDArray[np.int64],
    classes: int,
    batch: int,
    layouts: Layouts | None = None,
    emphasis: Sequence[float] = (),
) -> Draw:
    """A function that draws a batch with replacement, classes in equal shares.

    The generator is judged on each class, and with natural shares the rarest class would get a
    tenth of the steps. In return, images of rare classes are repeated more often, which the
    augmentation makes up for. Neighbours (0 and 1, 2 and 3, …) have the same class.

    With `emphasis`, one positive weight per class, shares are in proportion to it, by systematic
    sampling: of n pairs a class of share p has floor(n p) or ceil(n p).

    Returns:
        rng -> (uint8 [batch, ..., H, W], int64 [batch], and float32 [batch, K + 1, H, W] as
        `model.layout_bank.given` makes it, or None without layouts).
    """
    data = torch.from_numpy(np.array(images))
    by_class = torch.from_numpy(np.argsort(labels, kind="stable"))
    counts = torch.from_numpy(np.bincount(labels, minlength=classes))
    first = counts.cumsum(0) - counts

    pairs = torch.arange(batch // 2)
    upto = torch.tensor(emphasis, dtype=torch.float64).cumsum(0)

    def turns(rng: torch.Generator) -> Tensor:
        """The class of each pair."""
        if not len(upto):
            # Every class in turn, from a random start, so that no batch lacks a class by chance.
            return (pairs + torch.randint(classes, (1,), generator=rng)) % classes
        even = (pairs + torch.rand(1, generator=rng).double()) / len(pairs)
        return torch.searchsorted(upto / upto[-1], even, right=True).clamp(max=classes - 1)

    def draw(rng: torch.Generator) -> Drawn:
        chosen = turns(rng).repeat_interleave(2)
        within = (torch.rand(batch, generator=rng) * counts[chosen]).long()
        rows = by_class[first[chosen] + within]
        maps = None if layouts is None else given(layouts[rows.numpy()])
        return data[rows], chosen, maps

    return draw
