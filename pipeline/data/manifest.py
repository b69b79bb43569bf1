"""Read and write the manifest: one row per image, one CSV file per batch, written once.

A later revision may drop an image whose consent was withdrawn, correct its class, or add findings
to an image that had none; nothing else of a row ever changes. The manifest is in git beside the
batches' .dvc files, so that a data revision is a git commit. It holds no source names: those stay
in the unversioned local index.

Columns that only a later version knows are kept with their rows, also where a batch is written
again (docs/formats.md).
"""

import csv
import io
from collections.abc import Iterable
from dataclasses import dataclass, fields
from itertools import chain
from pathlib import Path
from typing import Any

from pipeline.base.errors import BadInputError

MANIFEST_FOLDER = Path("data/manifest")
RAW_FOLDER = Path("data/raw")
PHANTOM_FILE = "data/PHANTOM"
"""Present in data revisions of phantoms only."""
FORMAT_VERSION = 2
"""Of the rows written here. A column more takes no new number; one of another meaning does."""


@dataclass(frozen=True, order=True)
class Row:
    """One image of a data revision.

    Attributes:
        id: sha256 (hex) of the pixels' dtype, shape and bytes: what the image *is*.
        sha256: of the stored canonical PNG file `data/raw/<batch>/<id>.png`.
        source_sha256: of the file that arrived in the landing zone, byte for byte.
        batch: name of the batch that added it.
        label: class name.
        group: patient or near-duplicate group; never crosses splits.
        split: train, val or test; written once.
        view: axial, coronal, sagittal, oblique or unknown.
        width, height: pixels, as stored.
        bits: 8 or 16.
        version: of this row format.
        modality: as DICOM calls it, by the list or the file; or "".
        spacing: of the source, millimetres between rows and between columns, as "0.7x0.7"; or "".
        brightness: median of the pixels that are not black, 0 to 1, as "0.314"; "" in old rows.
        warnings: findings of `ingest.checks`, as "outlier 0.43; windowing 7.1"; or "".
        window: the values shown as black and white, in words; "" for the file's own grey levels.
        study: pseudonym of the study or volume it is from; "" without one, and in old rows.
        patient: pseudonym of the patient that its file names, where `group` is another name of
            the same patient; else "".
        findings: boxes and masks as `data.findings` writes them; "" where nobody looked for any,
            and in old rows.
        pair: pseudonym that the two registered images of a pair share; "" without one, and in old
            rows.
        more: name and text of each column that this version does not know.
    """

    id: str
    sha256: str
    source_sha256: str
    batch: str
    label: str
    group: str
    split: str
    view: str
    width: int
    height: int
    bits: int
    version: int = FORMAT_VERSION
    modality: str = ""
    spacing: str = ""
    window: str = ""
    brightness: str = ""
    warnings: str = ""
    study: str = ""
    patient: str = ""
    findings: str = ""
    pair: str = ""
    more: tuple[tuple[str, str], ...] = ()

    @property
    def path(self) -> Path:
        """Path of the stored PNG, relative to the workspace."""
        return RAW_FOLDER / self.batch / f"{self.id}.png"


_COLUMNS = [field.name for field in fields(Row) if field.name != "more"]
_INTEGERS = ("width", "height", "bits", "version")


def _parse(line: dict[str, Any]) -> Row:
    if None in line or None in line.values():
        raise BadInputError(f"a row of the manifest has other columns than its head: {line}")
    known = {name: line[name] for name in _COLUMNS if name in line}
    known |= {name: int(line[name]) for name in _INTEGERS}
    if known["version"] > FORMAT_VERSION:
        raise BadInputError(
            f"the manifest's row of image {line['id'][:12]} was written by a newer medloom, in "
            f"format {line['version']}; this one knows formats 1 to {FORMAT_VERSION}: upgrade "
            "medloom"
        )
    return Row(**known, more=tuple((name, line[name]) for name in line if name not in known))


def read_manifest(workspace: Path) -> list[Row]:
    """All rows of every batch, sorted by id."""
    rows: list[Row] = []
    for file in sorted((workspace / MANIFEST_FOLDER).glob("*.csv")):
        rows += parse_batch(file.read_text())
    return sorted(rows)


def parse_batch(text: str) -> list[Row]:
    """The rows of one batch's CSV.

    Raises:
        BadInputError: a row is of a newer format, or does not fit the head.
    """
    return [_parse(line) for line in csv.DictReader(io.StringIO(text))]


def warnings_text(found: Iterable[tuple[str, float]]) -> str:
    """Format the column `warnings` from (check, measured value) pairs."""
    return "; ".join(f"{check} {value:.4g}" for check, value in found)


def parse_warnings(text: str) -> dict[str, float]:
    """Parse the column `warnings`: check -> measured value."""
    pairs = (part.split(" ") for part in text.split("; ") if part)
    return {check: float(value) for check, value in pairs}


def write_batch(workspace: Path, batch: str, rows: list[Row]) -> Path:
    """Write one batch's rows, sorted by id; returns the file."""
    file = workspace / MANIFEST_FOLDER / f"{batch}.csv"
    file.parent.mkdir(parents=True, exist_ok=True)
    lines = [{n: getattr(row, n) for n in _COLUMNS} | dict(row.more) for row in sorted(rows)]
    columns = list(dict.fromkeys(chain(_COLUMNS, *lines)))
    if not any(row.pair for row in rows):  # as before there were pairs
        columns.remove("pair")
    with file.open("w", newline="") as stream:
        writer = csv.DictWriter(
            stream, columns, restval="", extrasaction="ignore", lineterminator="\n"
        )
        writer.writeheader()
        writer.writerows(lines)
    return file
