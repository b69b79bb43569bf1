"""The account of an ingest: what was passed over, guessed or could not be used, with counts.

Notices hold no names of files or folders, as they are stored with the data revision.
"""

import json
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from pipeline.data.ingest.patient_tokens import find_tokens
from pipeline.data.landing.lists import Matched
from pipeline.data.landing.zone import LandedFile
from pipeline.data.layout import normalised
from pipeline.data.manifest import Row
from pipeline.data.names import PIXELS_PREFIX
from pipeline.data.passed_over import FOLDER_KINDS

NOTICES_FILE = Path("data/notices.json")
_ROWS_SHOWN = 5


@dataclass(frozen=True)
class Notice:
    """Something that ingest passed over, guessed or could not use.

    Attributes:
        name: a short name for machines, such as rows-without-file.
        count: how many files, images or rows it concerns.
        text: a sentence that says what it means and what to do.
    """

    name: str
    count: int
    text: str


def listing_notices(
    before: Sequence[LandedFile], after: Sequence[LandedFile], matched: Matched
) -> list[Notice]:
    """Notices about the files as listed, before any is opened.

    Args:
        before: with their class by folder.
        after: the same files with the lists applied.
        matched: rows and files of the lists.
    """
    found = [
        Notice(
            "rows-without-file",
            len(matched.unused),
            f"rows of medloom.csv that match no file: {_rows(matched.unused)}. Correct their "
            "paths, which are relative to the list's folder",
        ),
        *respelled_notice(len(matched.respelled)),
        Notice(
            "files-without-row",
            len(matched.unnamed),
            f"files below a medloom.csv that no row names: {len(matched.unnamed)}. No list gives "
            "their patients",
        ),
    ]
    moved = sum(
        bool(old.label and new.label != old.label) for old, new in zip(before, after, strict=True)
    )
    below = sum(
        "/" in new.path and new.label == old.label != "" and not _is_first(old)
        for old, new in zip(before, after, strict=True)
    )
    found += [
        Notice(
            "class-by-list",
            moved,
            f"{_files(moved)} got the class of a medloom.csv, against the folder's",
        ),
        Notice(
            "class-below-first-folder",
            below,
            f"{_files(below)} got the class of a folder below the first "
            "(ingest.class_folder sets its number)",
        ),
    ]
    return [notice for notice in found if notice.count]


def respelled_notice(count: int) -> list[Notice]:
    """The notice about files whose row spells the path otherwise; none without such files."""
    text = (
        "files matched to a row of medloom.csv that spells the path otherwise (slashes, upper and "
        f"lower case, Unicode form): {count}"
    )
    return [Notice("rows-respelled", count, text)] if count else []


def passed_over_notice(passed_over: Mapping[str, int]) -> list[Notice]:
    """The notice about folders of thumbnails, bins and systems; none without such folders."""
    kinds = {kind: passed_over[kind] for kind in FOLDER_KINDS if passed_over.get(kind)}
    if not kinds:
        return []
    words = ", ".join(f"{kind} {count}" for kind, count in kinds.items())
    count = sum(kinds.values())
    text = (
        f"{_files(count)} that look like thumbnails, deleted or system files passed over: {words}"
    )
    return [Notice("passed-over", count, text)]


def group_notices(added: Collection[Row], paths: Mapping[str, str]) -> list[Notice]:
    """Notices about images whose patient is not known; none if all are.

    Args:
        added: rows of the new images.
        paths: of new images in the landing zone, by image id.
    """
    guessed = [row for row in added if row.group.startswith(PIXELS_PREFIX) and not row.study]
    if not guessed:
        return []
    groups = len({row.group for row in guessed})
    text = (
        f"{len(guessed)} of {len(added)} new images name no patient and form {groups} groups of "
        "similar images: one patient may be in two splits. `--patient-from` or a medloom.csv gives "
        "the patients"
    )
    found = [Notice("patients-guessed", len(guessed), text)]
    if hint := find_tokens(paths[row.id] for row in guessed if row.id in paths):
        text = (
            f"names of {_files(hint.files)} look as if they held patients, such as {hint.example}: "
            f"{hint.patients} patients by `--patient-from '{hint.pattern}'`. As a group never "
            "changes, use it in a new project (--project)"
        )
        found.append(Notice("patients-in-names", hint.files, text))
    return found


def write_notices(workspace: Path, notices: Iterable[Notice]) -> Path:
    """Write data/notices.json; returns the file."""
    file = workspace / NOTICES_FILE
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(json.dumps([asdict(notice) for notice in notices], indent=1) + "\n")
    return file


def parse_notices(text: str) -> list[Notice]:
    """The notices of a data/notices.json; an empty text holds none."""
    names = ("name", "count", "text")
    return [Notice(*(one[name] for name in names)) for one in json.loads(text or "[]")]


def _is_first(found: LandedFile) -> bool:
    return normalised(found.path.split("/")[0]) == found.label


def _rows(places: Sequence[tuple[str, int]]) -> str:
    numbers = ", ".join(str(number) for _, number in places[:_ROWS_SHOWN])
    more = f" and {len(places) - _ROWS_SHOWN} more" if len(places) > _ROWS_SHOWN else ""
    return f"{len(places)} (row {numbers}{more})"


def _files(count: int) -> str:
    return "1 file" if count == 1 else f"{count} files"
