"""Count the findings of a data revision by class and kind, with their sizes."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from math import sqrt

import numpy as np
from pydantic import Field

from model.section import Stored
from pipeline.data.findings import Finding, parse_findings
from pipeline.data.manifest import Row

Spread = tuple[float, float, float]
"""5 %, median and 95 %."""


class KindCount(Stored):
    """Findings of one kind in the images of a class."""

    kind: str
    findings: int
    images: int
    masks: int = Field(description="findings whose mask is known; of the others the box is")
    diameter_px: Spread = Field(description="5 %, median, 95 %, in pixels of the stored images")
    diameter_mm: Spread | None = Field(description="the same in mm, where the spacing is known")
    measured_mm: int = Field(description="findings of images whose spacing is known")


class ClassFindings(Stored):
    """How far a class's images are annotated, and with what."""

    label: str
    images: int
    annotated: int = Field(description="images where somebody looked")
    without: int = Field(description="of these, images without any finding")
    kinds: tuple[KindCount, ...]


def count_findings(rows: Iterable[Row]) -> tuple[ClassFindings, ...]:
    """Counts of each class; empty where no image is annotated.

    Raises:
        BadInputError: a row's findings cannot be read.
    """
    classes: dict[str, list[tuple[Row, tuple[Finding, ...] | None]]] = defaultdict(list)
    for row in rows:
        classes[row.label].append((row, parse_findings(row.findings)))
    if all(found is None for looked in classes.values() for _, found in looked):
        return ()
    return tuple(_of_class(label, classes[label]) for label in sorted(classes))


def millimetres(row: Row) -> float:
    """Side of a pixel, mm, as the geometric mean of both; 0 where the spacing is not known."""
    try:
        down, across = (float(part) for part in row.spacing.split("x"))
    except ValueError:
        return 0.0
    return sqrt(down * across)


def _of_class(
    label: str, images: Sequence[tuple[Row, tuple[Finding, ...] | None]]
) -> ClassFindings:
    kinds: dict[str, list[tuple[Row, Finding]]] = defaultdict(list)
    for row, found in images:
        for one in found or ():
            kinds[one.kind].append((row, one))
    return ClassFindings(
        label=label,
        images=len(images),
        annotated=sum(found is not None for _, found in images),
        without=sum(found == () for _, found in images),
        kinds=tuple(_of_kind(kind, kinds[kind]) for kind in sorted(kinds)),
    )


def _of_kind(kind: str, found: Sequence[tuple[Row, Finding]]) -> KindCount:
    pixels = [one.diameter for _, one in found]
    scaled = [one.diameter * side for row, one in found if (side := millimetres(row))]
    return KindCount(
        kind=kind,
        findings=len(found),
        images=len({row.id for row, _ in found}),
        masks=sum(bool(one.mask) for _, one in found),
        diameter_px=_spread(pixels),
        diameter_mm=_spread(scaled) if scaled else None,
        measured_mm=len(scaled),
    )


def _spread(values: Sequence[float]) -> Spread:
    low, middle, high = (round(float(value), 2) for value in np.percentile(values, (5, 50, 95)))
    return low, middle, high
