"""Measure whether the images that a revision added differ from the earlier ones of their class."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from model.extractors import ExtractorConfig, metric_name
from model.features import extract
from model.section import Stored
from pipeline.data.formats import Pixels
from pipeline.data.manifest import Row
from pipeline.data.sample import spread
from pipeline.data.square import PreprocessConfig, to_square
from pipeline.evaluation.drift import (
    LEAST_PERMUTATIONS,
    PERMUTATIONS,
    Permutations,
    Shift,
    kernel_shift,
    mean_shift,
    too_few_permutations,
)
from pipeline.evaluation.image_set import LEAST_IMAGES

MOST_COMPARED = 300
"""Most images per class and side to compute features of; a fixed choice of more."""
_LEVEL = 0.05  # error level of all classes together


class Measured(Stored):
    """A figure between old and new images, with its floor by chance."""

    protocol: str
    value: float
    floor: float
    p: float
    beyond: bool


class Drift(Stored):
    """Whether the added images of a class differ from the earlier ones."""

    label: str
    old: int = Field(description="earlier images")
    new: int = Field(description="images added")
    old_groups: int
    new_groups: int
    both_groups: int = Field(description="groups with old and new images")
    why_not: str = Field(default="", description="why nothing was measured; empty if it was")
    kernel: Measured | None = None
    intensity: Measured | None = None


class DriftProtocol(Stored):
    """How the kernel distances were measured."""

    extractor: str
    weights_sha256: str
    image_size: int
    most_images: int = Field(description="most per class and side; a fixed random choice of more")
    deals: int = Field(description="number of permutations")
    level: float = Field(description="share of permutations that may reach the floor, per class")


@dataclass(frozen=True)
class Sides:
    """The earlier and the added images of a class."""

    label: str
    old: tuple[Row, ...]
    new: tuple[Row, ...]

    @cached_property
    def chosen(self) -> list[Row]:
        """The images that are compared, old ones first; at most `MOST_COMPARED` of a side."""
        return spread(self.old, MOST_COMPARED) + spread(self.new, MOST_COMPARED)

    @property
    def chosen_new(self) -> int:
        """How many of the last of `chosen` are new."""
        return min(len(self.new), MOST_COMPARED)

    def why_not(self, least_permutations: int = LEAST_PERMUTATIONS) -> str:
        """Why the two cannot be compared; "" if they can.

        Args:
            least_permutations: of the groups, below which a rare value cannot be told.
        """
        for what, rows in (("earlier", self.old), ("added", self.new)):
            if len(rows) < LEAST_IMAGES:
                return f"too few images: {len(rows)} {what}; {LEAST_IMAGES} are needed"
        old, new = ({row.group for row in rows} for rows in (self.old, self.new))
        if too_few_permutations(old, new, least_permutations):
            return "too few groups: they have only a handful of permutations"
        return ""

    def permutations(self, count: int) -> Permutations:
        """Permutations of the groups of `chosen`."""
        rows = self.chosen
        groups = np.array([row.group for row in rows], np.str_)
        is_new = np.arange(len(rows)) >= len(rows) - self.chosen_new
        return Permutations.draw(groups, is_new, count=count)


def sides_of(kept: Iterable[Row], added: Iterable[Row]) -> list[Sides]:
    """The two sides of each class with added images, by class.

    Args:
        kept: rows that both revisions have, with their current classes.
        added: rows that only the later revision has.
    """
    found: dict[str, tuple[list[Row], list[Row]]] = defaultdict(lambda: ([], []))
    for place, rows in enumerate((kept, added)):
        for row in rows:
            found[row.label][place].append(row)
    return [
        Sides(label, tuple(found[label][0]), tuple(found[label][1]))
        for label in sorted(found)
        if found[label][1]
    ]


def shifts(
    sides: Sequence[Sides],
    features: NDArray[np.float64],
    means: NDArray[np.float64],
    level: float,
    permutations: int = PERMUTATIONS,
) -> dict[tuple[str, str], Shift]:
    """The figures of some classes, by class and name, kernel and intensity.

    Grey levels are compared in a class whose images have one bit depth.

    Args:
        sides: that can be compared.
        features: float64 [N, d] of the `chosen` images of all sides, in order.
        means: mean grey level of each as stored, float64 [N].
        level: share of permutations that may reach the floor, of each figure.
        permutations: their number; 1 / level or more, for anything to be beyond the floor.
    """
    found, start = {}, 0
    for one in sides:
        mine = slice(start, start + len(one.chosen))
        start = mine.stop
        permuted = one.permutations(permutations)
        found[one.label, "kernel"] = kernel_shift(features[mine], permuted, level)
        if len({row.bits for row in one.chosen}) == 1:
            found[one.label, "intensity"] = mean_shift(means[mine], permuted, level)
    return found


def measure_shifts(
    sides: Sequence[Sides],
    read: Callable[[Row], Pixels],
    config: PreprocessConfig,
    cache: Path | None,
    on_progress: Callable[[int, int], None],
    level: float,
    permutations: int = PERMUTATIONS,
) -> dict[tuple[str, str], Shift]:
    """`shifts` of stored images.

    Args:
        sides: that can be compared.
        read: returns the pixels of an image.
        config: how images are resized, as for training.
        cache: folder that caches features by content; None: no cache.
        on_progress: called as (images done, images) while features are computed.
        level, permutations: as in `shifts`.
    """
    rows = [row for one in sides for row in one.chosen]
    if not rows:
        return {}
    images = np.empty((len(rows), config.size, config.size), np.uint8)
    means = np.empty(len(rows))
    for place, row in enumerate(rows):
        pixels = read(row)
        images[place], means[place] = to_square(pixels, config), pixels.mean()
    features = extract(images, cache_folder=cache, progress=on_progress).astype(np.float64)
    return shifts(sides, features, means, level, permutations)


def drift_facts(
    kept: Iterable[Row],
    added: Iterable[Row],
    read: Callable[[Row], Pixels],
    config: PreprocessConfig,
    cache: Path | None,
    on_progress: Callable[[int, int], None],
) -> tuple[tuple[Drift, ...], DriftProtocol | None]:
    """Kernel distance and difference of mean grey levels between added and earlier images.

    Args:
        kept, added: as in `sides_of`.
        read, config, cache, on_progress: as in `measure_shifts`.

    Returns:
        A record for each class with added images, and the protocol if anything was measured.
    """
    sides = sides_of(kept, added)
    able = [one for one in sides if not one.why_not()]
    level = _LEVEL / max(len(able), 1)
    found = measure_shifts(able, read, config, cache, on_progress, level)
    facts = tuple(_fact(one, found) for one in sides)
    return facts, _protocol(config, level) if able else None


def _fact(sides: Sides, found: Mapping[tuple[str, str], Shift]) -> Drift:
    old, new = ({row.group for row in rows} for rows in (sides.old, sides.new))
    kernel_name = metric_name("kd", ExtractorConfig()).prefix
    return Drift(
        label=sides.label,
        old=len(sides.old),
        new=len(sides.new),
        old_groups=len(old),
        new_groups=len(new),
        both_groups=len(old & new),
        why_not=sides.why_not(),
        kernel=_measured(found.get((sides.label, "kernel")), kernel_name, sides),
        intensity=_measured(found.get((sides.label, "intensity")), "mean_grey", sides),
    )


def _measured(shift: Shift | None, protocol: str, sides: Sides) -> Measured | None:
    if shift is None:
        return None
    return Measured(
        protocol=f"{protocol}_n{sides.chosen_new}",
        value=shift.value,
        floor=shift.floor,
        p=shift.p,
        beyond=shift.beyond,
    )


def _protocol(config: PreprocessConfig, level: float) -> DriftProtocol:
    extractor = ExtractorConfig()
    return DriftProtocol(
        extractor=extractor.name,
        weights_sha256=extractor.sha256,
        image_size=config.size,
        most_images=MOST_COMPARED,
        deals=PERMUTATIONS,
        level=level,
    )
