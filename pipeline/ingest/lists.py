"""`medloom.csv`: what the file names do not tell. It speaks of files in and below its folder.

    file,class,patient,view
    scan-0001.dcm,stone,HX-1093,axial

`file` is a path from the list's folder; the other columns may be missing, or empty in a row.
Patients are turned into pseudonyms at once.
"""

import csv
import io
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path, PurePosixPath

from pipeline.errors import BadInputError
from pipeline.ingest.landing import CLASS_NAME, LIST_NAME, Found

VIEWS = ("axial", "coronal", "sagittal", "oblique", "unknown")
_COLUMNS = ("file", "class", "patient", "view")
_LONGEST = 64 << 20


def apply_lists(landing: Path, files: Iterable[Found]) -> list[Found]:
    """The files with what lists say of them; the list in the nearest folder wins.

    Raises:
        BadInputError: a list cannot be read, or a row names a class or view that is not allowed.
            No file name of the landing zone is in the message, as it may be a patient's.
    """
    files = list(files)
    told: dict[str, dict[str, str]] = {}
    for folder in sorted({parent for file in files for parent in _parents(file.path)}):
        list_file = landing / folder / LIST_NAME
        if list_file.is_file() and not list_file.is_symlink():
            for row in _read(list_file):
                told[f"{folder}{row['file']}"] = row
    return [_told(file, told[file.path]) if file.path in told else file for file in files]


def _told(found: Found, row: dict[str, str]) -> Found:
    if found.refused and found.refused.reason not in ("bad-class", "no-class"):
        return found
    label = row["class"] or found.label
    return replace(
        found, label=label, patient=row["patient"], view=row["view"],
        refused=None if label else found.refused,
    )  # fmt: skip


def _parents(path: str) -> list[str]:
    """Every folder that a file lies below, as "" and "stone/" and "stone/a/"."""
    parts = path.split("/")[:-1]
    return ["".join(f"{part}/" for part in parts[:depth]) for depth in range(len(parts) + 1)]


def _read(file: Path) -> list[dict[str, str]]:
    try:
        if file.stat().st_size > _LONGEST:
            raise BadInputError(f"a {LIST_NAME} is larger than {_LONGEST >> 20} MiB: divide it")
        text = file.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeError) as error:
        raise BadInputError(
            f"a {LIST_NAME} cannot be read ({type(error).__name__}): save it as CSV in UTF-8"
        ) from None
    lines = csv.DictReader(io.StringIO(text))
    columns = [column.strip().lower() for column in lines.fieldnames or ()]
    if "file" not in columns or set(columns) - set(_COLUMNS):
        raise BadInputError(
            f"a {LIST_NAME} has the columns {', '.join(columns) or 'of nothing'}; allowed are "
            f"{', '.join(_COLUMNS)}, and file must be there"
        )
    lines.fieldnames = columns
    return [_row(line, number) for number, line in enumerate(lines, 2)]


def _row(line: dict[str, str | None], number: int) -> dict[str, str]:
    row = {column: (line.get(column) or "").strip() for column in _COLUMNS}
    row["class"], row["view"] = row["class"].lower(), row["view"].lower()
    if not row["file"] or ".." in PurePosixPath(row["file"]).parts or row["file"].startswith("/"):
        raise BadInputError(f"line {number} of a {LIST_NAME} names no file below its folder")
    if row["class"] and not CLASS_NAME.fullmatch(row["class"]):
        raise BadInputError(
            f"line {number} of a {LIST_NAME}: a class is made of a-z, 0-9, - and _, as in "
            "kidney-stone"
        )
    if row["view"] and row["view"] not in VIEWS:
        raise BadInputError(
            f"line {number} of a {LIST_NAME}: the view is none of {', '.join(VIEWS)}"
        )
    return row
