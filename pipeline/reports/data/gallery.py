"""Draw the pictures of a data report: stored images, and quarantined ones read again."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from typing import TypeVar

import numpy as np
from PIL import Image

from pipeline.base.project import Project
from pipeline.data.config import IngestConfig
from pipeline.data.decisions import read_decisions
from pipeline.data.findings import parse_findings
from pipeline.data.formats import Pixels
from pipeline.data.ingest.quarantine import QuarantineRecord
from pipeline.data.landing.index import Entry, LocalIndex
from pipeline.data.manifest import Row
from pipeline.data.reading import readers
from pipeline.data.sample import spread
from pipeline.ledger.ledger import Workspace
from pipeline.ledger.project_params import ProjectParams
from pipeline.reports.data import quarantined
from pipeline.reports.data.data_facts import DataFacts, Duplicate
from pipeline.reports.data.page import SHEET, DataPictures
from pipeline.reports.data.pictures import Picture, mosaic, outlined, picture

OnProgress = Callable[[str, int, int], None]
T = TypeVar("T")
_STRIP = 8  # most images shown of a large group
_CORRECTED = 16  # most relabelled images shown
_OUTLINED = 12  # most images with findings shown of a class
_ODD = 32  # most images with a warning shown


@dataclass(frozen=True)
class QuarantineList:
    """Quarantined files and duplicates.

    Attributes:
        source: where the list comes from, for the page.
        refusals: records, each with its entry when the local index has one.
        duplicates: None without a local index.
    """

    source: str
    refusals: list[tuple[QuarantineRecord, Entry | None]]
    duplicates: tuple[Duplicate, ...] | None


@dataclass
class StoredPixels:
    """Reads the stored images of a workspace."""

    workspace: Path
    by_id: dict[str, Row] = field(default_factory=dict)

    def __call__(self, row: Row) -> Pixels:
        """The pixels of an image, uint8 or uint16 [H, W]."""
        with Image.open(self.workspace / row.path, formats=["PNG"]) as image:
            return np.asarray(image)

    def picture(self, id_: str, note: str = "") -> Picture:
        """The picture of an image, by id."""
        return picture(self(self.by_id[id_]), id_, note)


def counting(on_progress: OnProgress, what: str, total: int) -> Callable[[T], T]:
    """A function that returns its argument and reports one more done."""
    done = count(1)

    def passed(value: T) -> T:
        on_progress(what, next(done), total)
        return value

    return passed


def refused_pictures(
    project: Project, work: Workspace, quarantine: QuarantineList, on_progress: OnProgress
) -> dict[int, Picture]:
    """Pictures of quarantined images by index in the list, for those that can be read again."""
    entries = [entry for _, entry in quarantine.refusals if entry]
    if not entries:
        return {}
    files = quarantined.read_again(
        project.landing,
        LocalIndex.of(project),
        entries,
        ProjectParams.of(project).section("ingest", IngestConfig),
        read_decisions(work.folder)[0],
        work.folder / ".refused",
        workers=readers.READERS,
        on_progress=lambda done, total: on_progress("quarantined images", done, total),
    )
    pictures = {}
    for place, (refusal, entry) in enumerate(quarantine.refusals):
        if entry and (file := files.get(entry.image_id)):
            with Image.open(file, formats=["PNG"]) as image:
                seen: Pixels = np.asarray(image)
            draw = mosaic if quarantined.shows_text(seen, refusal.reason) else picture
            pictures[place] = draw(seen, refusal.record)
    return pictures


def draw_pictures(
    facts: DataFacts,
    held: Sequence[Row],
    pixels: StoredPixels,
    refused: dict[int, Picture],
    on_progress: OnProgress,
) -> DataPictures:
    """Draw all pictures of the page except the charts.

    Args:
        facts: of the revision.
        held: rows whose images may be shown.
        pixels: reads these images.
        refused: pictures of quarantined images, by index in the list.
        on_progress: called as (task, done, total).
    """
    classes = sorted({row.label for row in held})
    count_one = counting(on_progress, "pictures", len(classes) + len(facts.groups.largest))
    corrected = facts.changes.relabelled if facts.changes else ()
    return DataPictures(
        sheets={
            label: count_one(
                [
                    pixels.picture(row.id, row.split)
                    for row in spread([r for r in held if r.label == label], SHEET)
                ]
            )
            for label in classes
        },
        groups={
            large.group: count_one(
                [
                    pixels.picture(row.id)
                    for row in spread([r for r in held if r.group == large.group], _STRIP)
                ]
            )
            for large in facts.groups.largest
        },
        pairs={
            leak.label: [
                (pair, pixels.picture(pair.tested, "test"), pixels.picture(pair.trained, "train"))
                for pair in leak.pairs
            ]
            for leak in facts.leak
        },
        kinds={
            mixture.label: [
                [pixels.picture(id_) for id_ in kind[:_STRIP]] for kind in mixture.kinds
            ]
            for mixture in facts.mixtures
        },
        odd=[
            pixels.picture(one.id, ", ".join(f"{name} {v:.3g}" for name, v in one.warnings.items()))
            for one in facts.odd[:_ODD]
        ],
        corrected=[
            pixels.picture(one.id, f"{one.before} → {one.after}")
            for one in corrected
            if one.id in pixels.by_id
        ][:_CORRECTED],
        refused=refused,
        annotated=_annotated(facts, held, pixels),
    )


def _annotated(
    facts: DataFacts, held: Sequence[Row], pixels: StoredPixels
) -> dict[str, list[Picture]]:
    """Some images of each class with their findings outlined."""
    kinds = sorted({kind.kind for one in facts.annotations for kind in one.kinds})
    found = {}
    for one in facts.annotations:
        mine = [row for row in held if row.label == one.label and parse_findings(row.findings)]
        if mine:
            found[one.label] = [
                outlined(pixels(row), row.id, parse_findings(row.findings) or (), kinds)
                for row in spread(mine, _OUTLINED)
            ]
    return found
