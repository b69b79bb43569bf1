"""Read and write `medloom.csv`: class, patient and view of files in and below its folder.

    file,class,patient,view
    scan-0001.dcm,stone,HX-1093,axial

`file` is relative to the list's folder; the other columns may be missing, or empty in a row.
Patients are turned into pseudonyms at once.
"""

import csv
import io
from collections.abc import Iterable, Mapping
from dataclasses import replace
from pathlib import Path, PurePosixPath

from pipeline.base.errors import BadInputError
from pipeline.data.landing.zone import CLASS_NAME, LIST_NAME, LandedFile

VIEWS = ("axial", "coronal", "sagittal", "oblique", "unknown")
COLUMNS = ("file", "class", "patient", "view")
LONGEST = 64 << 20

Line = dict[str, str]
"""One row of a list: all of COLUMNS, "" where nothing is given."""


def apply_lists(landing: Path, files: Iterable[LandedFile]) -> list[LandedFile]:
    """Apply the lists to files; the list in the nearest folder wins.

    Raises:
        BadInputError: a list cannot be read, or a row names a class or view that is not allowed.
            The message holds no file name of the landing zone, as it may be a patient's.
    """
    files = list(files)
    lists = {}
    for folder in {parent for file in files for parent in parents(file.path)}:
        list_file = landing / folder / LIST_NAME
        if list_file.is_file() and not list_file.is_symlink():
            lists[folder] = read_list(list_file)
    rows = by_path(lists)
    return [_apply(file, rows[file.path]) if file.path in rows else file for file in files]


def by_path(lists: Mapping[str, Iterable[Line]]) -> dict[str, Line]:
    """Path -> its row, from lists by folder such as "" and "stone/a/"."""
    # A folder sorts before its subfolders, so that the nearest list wins.
    return {f"{folder}{line['file']}": line for folder in sorted(lists) for line in lists[folder]}


def merged(lines: Iterable[Line], more: Iterable[Line]) -> list[Line]:
    """Merge two lists into one row per file; where both give a value, `more` wins."""
    files: dict[str, Line] = {}
    for line in (*lines, *more):
        files[line["file"]] = files.get(line["file"], {}) | {
            column: line[column]
            for column in COLUMNS
            if line[column] or column not in files.get(line["file"], {})
        }
    return list(files.values())


def list_text(lines: Iterable[Line]) -> str:
    """The list as CSV."""
    stream = io.StringIO()
    writer = csv.DictWriter(stream, COLUMNS, lineterminator="\n")
    writer.writeheader()
    writer.writerows(lines)
    return stream.getvalue()


def _apply(found: LandedFile, row: Line) -> LandedFile:
    if found.refused and found.refused.reason not in ("bad-class", "no-class"):
        return found
    label = row["class"] or found.label
    return replace(
        found, label=label, patient=row["patient"], view=row["view"],
        refused=None if label else found.refused,
    )  # fmt: skip


def parents(path: str) -> list[str]:
    """Every folder above a file, as "" and "stone/" and "stone/a/"."""
    parts = path.split("/")[:-1]
    return ["".join(f"{part}/" for part in parts[:depth]) for depth in range(len(parts) + 1)]


def read_list(file: Path, called: str = f"a {LIST_NAME}") -> list[Line]:
    """The rows of a list.

    Args:
        file: the list.
        called: its name in error messages.

    Raises:
        BadInputError: it cannot be read, or a row is not valid.
    """
    try:
        with file.open("rb") as stream:
            content = stream.read(LONGEST + 1)
    except OSError as error:
        raise BadInputError(f"{called} cannot be read: {error.strerror}") from None
    return parse_list(content, called)


def parse_list(content: bytes, called: str = f"a {LIST_NAME}") -> list[Line]:
    """Parse a list's bytes; arguments and errors as in `read_list`."""
    if len(content) > LONGEST:
        raise BadInputError(f"{called} is larger than {LONGEST >> 20} MiB: split it")
    try:
        text = content.decode("utf-8-sig")
    except UnicodeError:
        raise BadInputError(f"{called} cannot be read: save it as CSV in UTF-8") from None
    lines = csv.DictReader(io.StringIO(text, newline=""))
    try:
        columns = [column.strip().lower() for column in lines.fieldnames or ()]
        if "file" not in columns or set(columns) - set(COLUMNS):
            raise BadInputError(
                f"{called} has the columns {', '.join(columns) or '(none)'}; allowed are "
                f"{', '.join(COLUMNS)}, and file is required"
            )
        lines.fieldnames = columns
        return [_row(line, f"line {number} of {called}") for number, line in enumerate(lines, 2)]
    except csv.Error as error:
        raise BadInputError(f"{called} is not CSV ({error}): save it as CSV in UTF-8") from None


def _row(line: dict[str, str | None], where: str) -> Line:
    row = {column: (line.get(column) or "").strip() for column in COLUMNS}
    row["class"], row["view"] = row["class"].lower(), row["view"].lower()
    if not row["file"] or ".." in PurePosixPath(row["file"]).parts or row["file"].startswith("/"):
        raise BadInputError(f"{where}: file must be a path below the list's folder")
    if row["class"] and not CLASS_NAME.fullmatch(row["class"]):
        raise BadInputError(f"{where}: a class may hold a-z, 0-9, - and _, as in kidney-stone")
    if row["view"] and row["view"] not in VIEWS:
        raise BadInputError(f"{where}: the view must be one of {', '.join(VIEWS)}")
    return row
