"""Whether the images that a revision added differ from those of their class that were there."""

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
    DEALS,
    Deals,
    Shift,
    few_deals,
    kernel_shift,
    mean_shift,
)
from pipeline.evaluation.side import LEAST_IMAGES
from pipeline.reports.data.facts import Drift, DriftProtocol, Measured
from pipeline.reports.data.sample import spread

MOST_COMPARED = 300
"""Images of a class and side that features are taken of; of more, a fixed choice."""
_LEVEL = 0.05  # of all classes together


@dataclass(frozen=True)
class _Pair:
    """Old and new images of a class that are compared, and which are new."""

    label: str
    rows: list[Row]
    new: int

    @property
    def deals(self) -> Deals:
        groups = np.array([row.group for row in self.rows], np.str_)
        return Deals.of(groups, np.arange(len(self.rows)) >= len(self.rows) - self.new)


def drift_facts(
    kept: Iterable[Row],
    added: Iterable[Row],
    read: Callable[[Row], Pixels],
    config: PreprocessConfig,
    cache: Path | None,
    on_progress: Callable[[int, int], None],
) -> tuple[tuple[Drift, ...], DriftProtocol | None]:
    """Kernel distance and mean grey level between added images and those that were there.

    Args:
        kept: rows that both revisions have, in their classes of today.
        added: rows that the later revision has alone.
        read: the pixels of an image.
        config: how images come to one size, as before training.
        cache: folder where features are kept by content, if anywhere.
        on_progress: called as (images done, images) while features are computed.

    Returns:
        A record for each class that was added to, and with what was measured if anything was.
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
    for what, rows in (("there before", old), ("added", new)):
        if len(rows) < LEAST_IMAGES:
            return f"too few images: {len(rows)} {what}, needed are {LEAST_IMAGES}"
    if few_deals(*({row.group for row in rows} for rows in (old, new))):
        return "too few groups: chance could have dealt them in a handful of ways only"
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
        deals, mine = pair.deals, slice(start, start + len(pair.rows))
        start += len(pair.rows)
        shift = kernel_shift(features[mine], deals, level)
        measured[pair.label, "kernel"] = _told(shift, f"{kernel_name}_n{pair.new}")
        if len({row.bits for row in pair.rows}) == 1:
            shift = mean_shift(means[mine], deals, level)
            measured[pair.label, "intensity"] = _told(shift, f"mean_grey_n{pair.new}")
    return measured


def _told(shift: Shift, protocol: str) -> Measured:
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
        deals=DEALS,
        level=_LEVEL / classes,
    )
