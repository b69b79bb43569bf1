"""Read and write `medloom.csv`: class, patient, view, ... of files in and below its folder.

    file,class,patient,view,findings
    scan-0001.dcm,stone,HX-1093,axial,"stone:0.41,0.52,0.44,0.55"

    file,class,patient,pair,modality
    ct-0001.png,stone,HX-1093,HX-1093-1,CT
    mr-0001.png,stone,HX-1093,HX-1093-1,MR

`file` is relative to the list's folder; the other columns may be missing, or empty in a row.
Patients and pairs are turned into pseudonyms at once. Lists are often written on other machines, so
a row also matches a file that differs in the form of slashes, a leading `./`, Unicode
normalisation, or upper and lower case, if only one file and one row match.
"""

import codecs
import csv
import io
import posixpath
import re
import unicodedata
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path, PurePosixPath

from pipeline.base.errors import BadInputError
from pipeline.data.landing.marks import parse_cell
from pipeline.data.landing.zone import LandedFile
from pipeline.data.layout import CLASS_NAME
from pipeline.data.pairs import MODALITY
from pipeline.data.passed_over import LIST_NAME

VIEWS = ("axial", "coronal", "sagittal", "oblique", "unknown")
COLUMNS = ("file", "class", "patient", "view", "findings", "pair", "modality")
_OF_PAIRS = ("pair", "modality")
LONGEST = 64 << 20
_DRIVE = re.compile(r"[A-Za-z]:/").match

Line = dict[str, str]
"""One row of a list: all of COLUMNS, "" where nothing is given."""


@dataclass(frozen=True)
class Matched:
    """Rows of lists, matched to files.

    Attributes:
        rows: path of a file -> its row.
        respelled: files whose row spells the path in another way.
        unused: folder and row number, from 1, of each row that matches no file.
        unnamed: files below a list with rows that no row matches.
    """

    rows: dict[str, Line] = field(repr=False)
    respelled: tuple[str, ...] = field(repr=False)
    unused: tuple[tuple[str, int], ...] = field(repr=False)
    unnamed: tuple[str, ...] = field(repr=False)

    def class_of(self, path: str) -> str:
        """The class that a file's row gives, or ""."""
        return self.rows[path]["class"] if path in self.rows else ""


def read_lists(landing: Path, files: Iterable[LandedFile]) -> Matched:
    """Read the lists beside and above files, and match their rows; the nearest list wins.

    Raises:
        BadInputError: a list cannot be read, or a row names a class or view that is not allowed.
            The message holds no file name of the landing zone, as it may be a patient's.
    """
    paths = [file.path for file in files]
    lists = {}
    for folder in {parent for path in paths for parent in parents(path)}:
        list_file = landing / folder / LIST_NAME
        if list_file.is_file() and not list_file.is_symlink():
            lists[folder] = read_list(list_file)
    return match(lists, paths)


def apply_rows(files: Iterable[LandedFile], rows: Mapping[str, Line]) -> list[LandedFile]:
    """Files with what their rows say of them."""
    return [_apply(file, rows[file.path]) if file.path in rows else file for file in files]


def match(lists: Mapping[str, Iterable[Line]], paths: Iterable[str]) -> Matched:
    """Match the rows of lists to files.

    Args:
        lists: folder such as "" and "stone/a/" -> rows.
        paths: of the files, below the same root as the folders.
    """
    paths = sorted(paths)
    # A folder sorts before its subfolders, so that the nearest list wins.
    placed = [
        (folder, number, line)
        for folder in sorted(lists)
        for number, line in enumerate(lists[folder], 1)
    ]
    rows = {f"{folder}{line['file']}": (folder, number) for folder, number, line in placed}
    lines = {(folder, number): line for folder, number, line in placed}
    found = {path: rows[path] for path in paths if path in rows}
    left = [path for path in paths if path not in found]
    respelled = _respelled({k: v for k, v in rows.items() if k not in found}, left)
    used = {*found.values(), *respelled.values()}
    filled = {folder for folder, _, _ in placed}
    return Matched(
        rows={path: lines[place] for path, place in (found | respelled).items()},
        respelled=tuple(respelled),
        unused=tuple(
            (folder, number)
            for folder, number, line in placed
            if rows[f"{folder}{line['file']}"] not in used
        ),
        unnamed=tuple(
            path for path in left if path not in respelled and filled.intersection(parents(path))
        ),
    )


def _respelled(
    rows: Mapping[str, tuple[str, int]], paths: Iterable[str]
) -> dict[str, tuple[str, int]]:
    """Path -> place of the one row that spells it in another way."""
    spellings: dict[str, list[tuple[str, int]]] = defaultdict(list)
    for path, place in rows.items():
        spellings[_spelling(path)].append(place)
    files: dict[str, list[str]] = defaultdict(list)
    for path in paths:
        files[_spelling(path)].append(path)
    return {
        same[0]: spellings[spelling][0]
        for spelling, same in files.items()
        if len(same) == 1 and len(spellings.get(spelling, ())) == 1
    }


def _spelling(path: str) -> str:
    """A path in the form in which paths are compared."""
    plain = posixpath.normpath(path.replace("\\", "/"))
    return unicodedata.normalize("NFC", unicodedata.normalize("NFC", plain).casefold())


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
    """The list as CSV; without the columns of pairs if no row fills them."""
    lines = list(lines)
    columns = [c for c in COLUMNS if c not in _OF_PAIRS or any(line[c] for line in lines)]
    stream = io.StringIO()
    writer = csv.DictWriter(stream, columns, extrasaction="ignore", lineterminator="\n")
    writer.writeheader()
    writer.writerows(lines)
    return stream.getvalue()


def _apply(found: LandedFile, row: Line) -> LandedFile:
    if found.refused and found.refused.reason not in ("bad-class", "no-class"):
        return found
    label = row["class"] or found.label
    return replace(
        found, label=label, patient=row["patient"], view=row["view"], pair=row["pair"],
        modality=row["modality"], refused=None if label else found.refused,
        marks=parse_cell(row["findings"]),
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
    wide = content.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE))  # as Excel's "Unicode"
    try:
        text = content.decode("utf-16" if wide else "utf-8-sig")
    except UnicodeError:
        raise BadInputError(f"{called} cannot be read: save it as CSV in UTF-8") from None
    lines = csv.DictReader(io.StringIO(text, newline=""), delimiter=_delimiter(text))
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


def _delimiter(text: str) -> str:
    """Comma, or the semicolon or tab of spreadsheets where a comma is the decimal point."""
    head = text.partition("\n")[0]
    return max(",;\t", key=head.count)


def _row(line: dict[str, str | None], where: str) -> Line:
    row = {column: (line.get(column) or "").strip() for column in COLUMNS}
    row["class"], row["view"] = row["class"].lower(), row["view"].lower()
    row["modality"] = row["modality"].upper()
    plain = row["file"].replace("\\", "/")
    if not plain or ".." in PurePosixPath(plain).parts or plain.startswith("/") or _DRIVE(plain):
        raise BadInputError(f"{where}: file must be a path below the list's folder")
    if row["class"] and not CLASS_NAME.fullmatch(row["class"]):
        raise BadInputError(f"{where}: a class may hold a-z, 0-9, - and _, as in kidney-stone")
    if row["view"] and row["view"] not in VIEWS:
        raise BadInputError(f"{where}: the view must be one of {', '.join(VIEWS)}")
    if row["modality"] and not MODALITY.fullmatch(row["modality"]):
        raise BadInputError(
            f"{where}: a modality may hold up to 16 letters, digits, - and _, as in CT"
        )
    try:
        parse_cell(row["findings"])
    except ValueError as error:
        raise BadInputError(f"{where}: {error}") from None
    return row
