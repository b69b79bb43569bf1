"""What landed since the champion's data, against that data."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, partial
from pathlib import Path

import numpy as np
from PIL import Image

from pipeline.base.project import Project
from pipeline.data.branch import pull_images
from pipeline.data.formats import Pixels
from pipeline.data.manifest import Row
from pipeline.data.revise.revision import Revisions
from pipeline.data.square import PreprocessConfig
from pipeline.evaluation.drift import Shift
from pipeline.evaluation.revision_drift import Sides, measure_shifts, sides_of
from pipeline.ledger.ledger import DATA, Ledger
from pipeline.ledger.project_params import ProjectParams
from pipeline.monitor.config import FIGURES, MonitorConfig
from pipeline.monitor.record import ClassDrift, DriftFigure

OnProgress = Callable[[str, int, int], None]
Measure = Callable[[Sequence[Sides], float, int], Mapping[tuple[str, str], Shift]]
"""Figures of sides, at an error level, by so many permutations: as `shifts` of some features."""


@dataclass(frozen=True)
class Landed:
    """The newest data, and that of the champion.

    Attributes:
        rows: of the newest revision.
        before: ids of the champion's revision; None if it is not known.
    """

    rows: tuple[Row, ...]
    before: frozenset[str] | None

    @classmethod
    def of(cls, ledger: Ledger, champion_data: str) -> "Landed":
        """Read both from the ledger; `champion_data` is a commit, or "" without a champion."""
        if ledger.head(DATA) is None:
            return cls((), None)
        revisions = Revisions(ledger)
        before = None
        if champion_data in revisions.commits:
            before = frozenset(row.id for row in revisions.rows(champion_data))
        return cls(tuple(revisions.rows(revisions.head)), before)

    @cached_property
    def added(self) -> list[Row]:
        """The images that the champion's data lacks; all of them without one."""
        return [row for row in self.rows if row.id not in (self.before or ())]

    @property
    def left(self) -> int:
        """Images of the champion's data that are no longer there."""
        return len((self.before or frozenset()) - {row.id for row in self.rows})

    @property
    def sides(self) -> list[Sides]:
        """The two sides of each class of which images landed."""
        return sides_of([row for row in self.rows if row.id in (self.before or ())], self.added)

    @property
    def classes(self) -> int:
        """How many classes the newest data has."""
        return len({row.label for row in self.rows})


def drift_of(landed: Landed, config: MonitorConfig, measure: Measure) -> list[ClassDrift]:
    """Compare what landed with what was there, class by class.

    Args:
        landed: with a known revision of the champion.
        config: the year's false alarms.
        measure: the figures of sides that can be compared.
    """
    if not (sides := landed.sides):
        return []
    level, permutations = (
        config.drift_level(landed.classes),
        config.drift_permutations(landed.classes),
    )
    why_not = {one.label: _why_not(one, level, permutations) for one in sides}
    found = measure([one for one in sides if not why_not[one.label]], level, permutations)
    return [
        ClassDrift(
            label=one.label,
            earlier=len(one.old),
            landed=len(one.new),
            why_not=why_not[one.label],
            figures=[
                DriftFigure(name=name, value=shift.value, floor=shift.floor, p=shift.p, level=level)
                for name in FIGURES
                if (shift := found.get((one.label, name)))
            ],
        )
        for one in sides
    ]


def _why_not(sides: Sides, level: float, permutations: int) -> str:
    if why := sides.why_not():
        return why
    if permutations * level < 1:
        return f"so many classes share the year's false alarms that {level:.1g} is left for each"
    if sides.why_not(int(1 / level) + 1):
        return f"too few groups: their permutations cannot be as rare as {level:.1g}"
    return ""


def measured_in_data(project: Project, ledger: Ledger, on_progress: OnProgress) -> Measure:
    """Figures of stored images, which are fetched from the remote; features are cached."""
    config = ProjectParams.of(project).section("preprocess", PreprocessConfig)

    def measure(
        sides: Sequence[Sides], level: float, permutations: int
    ) -> Mapping[tuple[str, str], Shift]:
        if not sides:
            return {}
        rows = [row for one in sides for row in one.chosen]
        with ledger.read_only_workspace(DATA, "monitor") as work:
            on_progress("fetching images", 0, len(rows))
            pull_images(work, sorted({row.path for row in rows}))
            on_progress("fetching images", len(rows), len(rows))
            return measure_shifts(
                sides,
                partial(_stored, work.folder),
                config,
                project.cache / "features",
                partial(on_progress, "features"),
                level,
                permutations,
            )

    return measure


def _stored(folder: Path, row: Row) -> Pixels:
    """The pixels of an image, uint8 or uint16 [H, W]."""
    with Image.open(folder / row.path, formats=["PNG"]) as image:
        return np.asarray(image)
