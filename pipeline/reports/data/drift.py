"""Measure whether the images that a revision added differ from the earlier ones of their class."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from model.extractors import ExtractorConfig, metric_name
from model.features import extract
from pipeline.data.formats import Pixels
from pipeline.data.manifest import Row
from pipeline.data.square import PreprocessConfig, to_square
from pipeline.evaluation.drift import (
    PERMUTATIONS,
    Permutations,
    Shift,
    kernel_shift,
    mean_shift,
    too_few_permutations,
)
from pipeline.evaluation.image_set import LEAST_IMAGES
from pipeline.reports.data.data_facts import Drift, DriftProtocol, Measured
from pipeline.reports.data.sample import spread

MOST_COMPARED = 300
"""Most images per class and side to compute features of; a fixed choice of more."""
_LEVEL = 0.05  # error level of all classes together


@dataclass(frozen=True)
class _Pair:
    """Old and new images of a class to compare; the last `new` are new."""

    label: str
    rows: list[Row]
    new: int

    @property
    def permutations(self) -> Permutations:
        groups = np.array([row.group for row in self.rows], np.str_)
        return Permutations.draw(groups, np.arange(len(self.rows)) >= len(self.rows) - self.new)


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
        kept: rows that both revisions have, with their current classes.
        added: rows that only the later revision has.
        read: returns the pixels of an image.
        config: how images are resized, as for training.
        cache: folder that caches features by content; None: no cache.
        on_progress: called as (images done, images) while features are computed.

    Returns:
        A record for each class with added images, and the protocol if anything was measured.
    """
    sides: dict[str, tuple[list[Row], list[Row]]] = defaultdict(lambda: ([], []))
    for place, rows in enumerate((kept, added)):
        for row in rows:
            sides[row.label][place].append(row)
    sides = {label: sides[label] for label in sorted(sides) if sides[label][1]}
    pairs = [
        _Pair(label, spread(old, MOST_COMPARED) + (some := spread(new, MOST_COMPARED)), len(some))
        for label, (old, new) in sides.items()
        if not _why_not(old, new)
    ]
    measured = {}
    if pairs:
        measured = _measure(pairs, read, config, cache, on_progress)
    found = tuple(
        Drift(
            label=label,
            old=len(old),
            new=len(new),
            old_groups=_groups(old),
            new_groups=_groups(new),
            both_groups=len({row.group for row in old} & {row.group for row in new}),
            why_not=_why_not(old, new),
            kernel=measured.get((label, "kernel")),
            intensity=measured.get((label, "intensity")),
        )
        for label, (old, new) in sides.items()
    )
    return found, _protocol(config, len(pairs)) if pairs else None


def _why_not(old: Sequence[Row], new: Sequence[Row]) -> str:
    for what, rows in (("earlier", old), ("added", new)):
        if len(rows) < LEAST_IMAGES:
            return f"too few images: {len(rows)} {what}; {LEAST_IMAGES} are needed"
    if too_few_permutations(*({row.group for row in rows} for rows in (old, new))):
        return "too few groups: they have only a handful of permutations"
    return ""


def _groups(rows: Iterable[Row]) -> int:
    return len({row.group for row in rows})


def _measure(
    pairs: Sequence[_Pair],
    read: Callable[[Row], Pixels],
    config: PreprocessConfig,
    cache: Path | None,
    on_progress: Callable[[int, int], None],
) -> dict[tuple[str, str], Measured]:
    rows = [row for pair in pairs for row in pair.rows]
    images = np.empty((len(rows), config.size, config.size), np.uint8)
    means = np.empty(len(rows))
    for place, row in enumerate(rows):
        pixels = read(row)
        images[place], means[place] = to_square(pixels, config), pixels.mean()
    features = extract(images, cache_folder=cache, progress=on_progress).astype(np.float64)
    level, start = _LEVEL / len(pairs), 0
    measured = {}
    kernel_name = metric_name("kd", ExtractorConfig()).prefix
    for pair in pairs:
        permutations, mine = pair.permutations, slice(start, start + len(pair.rows))
        start += len(pair.rows)
        shift = kernel_shift(features[mine], permutations, level)
        measured[pair.label, "kernel"] = _measured(shift, f"{kernel_name}_n{pair.new}")
        if len({row.bits for row in pair.rows}) == 1:
            shift = mean_shift(means[mine], permutations, level)
            measured[pair.label, "intensity"] = _measured(shift, f"mean_grey_n{pair.new}")
    return measured


def _measured(shift: Shift, protocol: str) -> Measured:
    return Measured(
        protocol=protocol, value=shift.value, floor=shift.floor, p=shift.p, beyond=shift.beyond
    )


def _protocol(config: PreprocessConfig, classes: int) -> DriftProtocol:
    extractor = ExtractorConfig()
    return DriftProtocol(
        extractor=extractor.name,
        weights_sha256=extractor.sha256,
        image_size=config.size,
        most_images=MOST_COMPARED,
        deals=PERMUTATIONS,
        level=_LEVEL / classes,
    )
