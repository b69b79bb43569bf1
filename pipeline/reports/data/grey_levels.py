"""Measure grey levels by class, as stored: means of images, and histograms of all pixels."""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pipeline.data.formats import Pixels
from pipeline.data.manifest import Row
from pipeline.data.sample import spread
from pipeline.reports.data.data_facts import Levels

MOST_MEASURED = 2000
"""Most images per class whose grey levels are measured; a fixed choice of more."""
_PARTS = 64  # bins of a histogram
_FINE = {8: 1, 16: 16}  # grey levels per count, by bit depth
_PERCENTILES = (5, 25, 50, 75, 95)


@dataclass(frozen=True)
class Grey:
    """One image's grey levels: mean, and pixel counts per level (16 bits: per 16 levels)."""

    mean: float
    counts: NDArray[np.int64]
    black: int
    white: int


def chosen(rows: Iterable[Row]) -> list[Row]:
    """The images to measure, at most `MOST_MEASURED` of each class."""
    classes: dict[str, list[Row]] = defaultdict(list)
    for row in rows:
        classes[row.label].append(row)
    return [row for label in sorted(classes) for row in spread(classes[label], MOST_MEASURED)]


def measure(pixels: Pixels) -> Grey:
    """Grey levels of uint8 or uint16 [H, W]."""
    bits = 8 * pixels.itemsize
    counts = np.bincount(pixels.ravel() // _FINE[bits], minlength=2**bits // _FINE[bits])
    white = int((pixels == 2**bits - 1).sum())
    return Grey(float(pixels.mean()), counts, int((pixels == 0).sum()), white)


def level_facts(
    rows: Sequence[Row], measured: Sequence[Row], grey: Callable[[Row], Grey]
) -> tuple[Levels, ...]:
    """Grey levels of each class and bit depth.

    Args:
        rows: of the revision.
        measured: the rows to measure.
        grey: returns the levels of one of them.
    """
    there = Counter((row.label, row.bits) for row in rows)
    found: dict[tuple[str, int], list[Grey]] = defaultdict(list)
    for row in measured:
        found[row.label, row.bits].append(grey(row))
    tops = {bits: _top(bits, [one for at, mine in found.items() if at[1] == bits for one in mine])
            for bits in {row.bits for row in measured}}  # fmt: skip
    return tuple(
        _class_levels(label, bits, mine, there[label, bits], tops[bits])
        for (label, bits), mine in sorted(found.items())
    )


def _top(bits: int, grey: Sequence[Grey]) -> int:
    """Upper end of the levels in use; 16-bit files use 10 to 16 bits."""
    if bits == 8:
        return 256
    used = max(int(np.flatnonzero(one.counts)[-1]) + 1 for one in grey) * _FINE[16]
    return max(1 << (used - 1).bit_length(), _PARTS * _FINE[16])


def _class_levels(label: str, bits: int, grey: Sequence[Grey], there: int, top: int) -> Levels:
    counts = np.sum([one.counts for one in grey], axis=0)
    total = int(counts.sum())
    parts = counts[: top // _FINE[bits]].reshape(_PARTS, -1).sum(1) / total
    means = np.percentile([one.mean for one in grey], _PERCENTILES)
    low, quarter, middle, three_quarters, high = (float(value) for value in means)
    return Levels(
        label=label,
        bits=bits,
        images=len(grey),
        of=there,
        mean_grey=(low, quarter, middle, three_quarters, high),
        black=sum(one.black for one in grey) / total,
        white=sum(one.white for one in grey) / total,
        histogram=tuple(float(part) for part in parts),
        top=top,
    )
