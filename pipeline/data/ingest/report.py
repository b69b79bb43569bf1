"""The report of an ingest: counts of files, images and groups, and the account."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from pipeline.data.ingest.account import Notice
from pipeline.data.landing.index import Entry
from pipeline.data.manifest import Row
from pipeline.data.processed import SPLITS

Table = dict[str, dict[str, int]]


@dataclass(frozen=True)
class IngestReport:
    """Result of an ingest.

    Attributes:
        batch: name of the new batch, or None when no image is new.
        files: number of files in the landing zone.
        seen: images in those files, and files without an image: the sum of the three outcomes.
        new: images of the new batch.
        ingested, duplicate, quarantined: images and files by outcome.
        passed_over: hidden, system, list and sidecar files, thumbnails and bins, by kind; they are
            not counted in files.
        read: files that were opened; the others have not changed since an earlier ingest.
        reasons: number quarantined, by reason.
        images, groups: of the whole manifest after this ingest, by class and split.
        notices: what was passed over, guessed or could not be used.
        entries: the outcome of each file, for `LocalIndex.record`.
        annotated: images of earlier batches that gained findings.
    """

    batch: str | None
    files: int
    seen: int
    new: int
    ingested: int
    duplicate: int
    quarantined: int
    passed_over: dict[str, int]
    read: int
    reasons: dict[str, int]
    images: Table
    groups: Table
    notices: tuple[Notice, ...]
    entries: tuple[Entry, ...]
    annotated: int = 0


def make_report(
    entries: Sequence[Entry],
    added: Sequence[Row],
    rows: Sequence[Row],
    *,
    files: int,
    passed_over: dict[str, int],
    read: int,
    notices: Iterable[Notice],
    annotated: int = 0,
) -> IngestReport:
    """The report of an ingest; arguments as its attributes."""
    outcomes = Counter(entry.outcome for entry in entries)
    reasons = Counter(entry.reason for entry in entries if entry.outcome == "quarantined")
    return IngestReport(
        batch=added[0].batch if added else None,
        files=files,
        seen=len(entries),
        new=len(added),
        ingested=outcomes["ingested"],
        duplicate=outcomes["duplicate"],
        quarantined=outcomes["quarantined"],
        passed_over=passed_over,
        read=read,
        reasons=dict(sorted(reasons.items())),
        images=_table((row.label, row.split) for row in rows),
        groups=_table({(row.label, row.split, row.group): None for row in rows}),
        notices=tuple(notices),
        entries=tuple(entries),
        annotated=annotated,
    )


def _table(cells: Iterable[tuple[str, ...]]) -> Table:
    """Count cells by their first two parts, class and split."""
    counts = Counter(cell[:2] for cell in cells)
    labels = sorted({label for label, _ in counts})
    return {label: {split: counts[label, split] for split in SPLITS} for label in labels}
