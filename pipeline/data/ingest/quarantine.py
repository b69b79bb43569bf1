"""Read and write the versioned record of quarantined files, which holds no names."""

import csv
import io
from collections.abc import Iterable
from dataclasses import asdict, dataclass, fields
from pathlib import Path

from pipeline.data.landing.index import Entry
from pipeline.data.refusal import TRANSIENT

QUARANTINE_FILE = Path("data/quarantine.csv")


@dataclass(frozen=True, order=True)
class QuarantineRecord:
    """One refused file.

    Attributes:
        record: first 12 hex of the file's sha256, or of its pseudonym when it was not read.
        label: class, or "" when it is not one of the project's.
        extension: of the name, as ".png", or "".
        bytes: size of the file.
        reason, detail: as in Refused.
    """

    record: str
    label: str
    extension: str
    bytes: int
    reason: str
    detail: str


_COLUMNS = [field.name for field in fields(QuarantineRecord)]


def quarantine_records(entries: Iterable[Entry], classes: Iterable[str]) -> list[QuarantineRecord]:
    """Records of the quarantined entries, sorted; folders outside `classes` are not named."""
    allowed = set(classes)
    return sorted(
        record_of(entry, allowed)
        for entry in entries
        if entry.outcome == "quarantined" and entry.reason not in TRANSIENT
    )


def write_quarantine(workspace: Path, records: Iterable[QuarantineRecord]) -> Path:
    """Write data/quarantine.csv; returns the file."""
    file = workspace / QUARANTINE_FILE
    file.parent.mkdir(parents=True, exist_ok=True)
    with file.open("w", newline="") as lines:
        writer = csv.DictWriter(lines, _COLUMNS, lineterminator="\n")
        writer.writeheader()
        writer.writerows(asdict(record) for record in records)
    return file


def read_quarantine(workspace: Path) -> list[QuarantineRecord]:
    """What `write_quarantine` wrote; nothing when there is no file."""
    file = workspace / QUARANTINE_FILE
    return parse_quarantine(file.read_text()) if file.exists() else []


def parse_quarantine(text: str) -> list[QuarantineRecord]:
    """The records of a data/quarantine.csv; an empty text holds none.

    Columns that only a later version knows are passed over.
    """
    lines = csv.DictReader(io.StringIO(text))
    known = ({name: line[name] for name in _COLUMNS} for line in lines)
    return [
        QuarantineRecord(**{**line, "bytes": int(line["bytes"])})  # type: ignore[arg-type]
        for line in known
    ]


def record_of(entry: Entry, allowed: set[str]) -> QuarantineRecord:
    """One entry's record; a class outside `allowed` is not named."""
    return QuarantineRecord(
        record=(entry.source_sha256 or entry.file)[:12],
        label=entry.label if entry.label in allowed else "",
        extension=entry.extension,
        bytes=entry.size,
        reason=entry.reason,
        detail=entry.detail,
    )
