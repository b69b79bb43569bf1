"""Plan a feed: which files go into the landing zone, under which names, with which list rows."""

import os
from collections import Counter, defaultdict
from collections.abc import Collection, Iterable
from dataclasses import dataclass, field, replace
from pathlib import Path
from urllib.parse import urlsplit

from pipeline.base.errors import BadInputError
from pipeline.data.arrive.class_folders import check_classes, class_first
from pipeline.data.arrive.fetched import FetchLog, marked
from pipeline.data.arrive.local import LocalSource
from pipeline.data.arrive.patient_from import PatientsFrom, can_be_listed
from pipeline.data.arrive.source import Item, Source
from pipeline.data.arrive.stores import StoreSource
from pipeline.data.arrive.writing import fingerprint
from pipeline.data.ingest.account import Notice, passed_over_notice, respelled_notice
from pipeline.data.landing.beside import TRUTH_SUFFIX, find_beside
from pipeline.data.landing.lists import COLUMNS, LONGEST, Line, Matched, match, parse_list
from pipeline.data.layout import CLASS_NAME
from pipeline.data.passed_over import LIST_NAME, passed_over

_LONGEST_NAME = 240  # file systems allow 255 bytes; a mark or a hidden name needs some
_LONGEST_PATH = 4000
_NOTHING = dict.fromkeys(COLUMNS, "")


@dataclass(frozen=True)
class PlannedFile:
    """One file to copy.

    Attributes:
        item: the file in the source.
        path: its path in the landing zone.
        mark: suffix of its name there, when the name is taken by other content; see `marked`.
        present: whether it is there already; None when only fetching it can tell.
        line: its row by lists and --patient-from, or None.
    """

    item: Item
    path: str = field(repr=False)
    mark: str = ""
    present: bool | None = False
    line: Line | None = field(default=None, repr=False)

    @property
    def lines(self) -> dict[str, list[Line]]:
        """Its row for the list of its folder, under its final name."""
        folder, slash, name = marked(self.path, self.mark).rpartition("/")
        return {f"{folder}{slash}": [self.line | {"file": name}]} if self.line else {}


@dataclass(frozen=True)
class FeedPlan:
    """What a feed would copy from one source.

    Attributes:
        source: where the files come from.
        files: the files, sorted by path.
        lists: rows of the source's own lists that match none of its files, by folder.
        unsafe: paths that are not valid in the landing zone; these files are not copied.
        unused: files that the CSV of --patient-from names and the source lacks.
        passed_over: number of files that are not copied, by kind (`data.passed_over`).
        lost: rows of the source's own lists that match none of its files, as "LIST: row N".
        respelled: number of files whose row in the source's own lists spells the path otherwise.
    """

    source: Source
    files: list[PlannedFile]
    lists: dict[str, list[Line]] = field(repr=False)
    unsafe: list[str] = field(repr=False)
    unused: list[str] = field(repr=False)
    passed_over: Counter[str] = field(default_factory=Counter)
    respelled: int = 0
    lost: tuple[str, ...] = field(default=(), repr=False)


def open_source(text: str) -> Source:
    """Open the source that a path or a URL names.

    Raises:
        BadInputError: it does not exist.
    """
    if "://" not in text:
        return LocalSource(Path(text))
    if urlsplit(text).scheme in ("file", "local"):
        from fsspec.implementations.local import LocalFileSystem

        return LocalSource(Path(LocalFileSystem._strip_protocol(text)))
    return StoreSource(text)


def plan_feed(
    source: Source,
    landing: Path,
    *,
    label: str | None = None,
    patients: PatientsFrom | None = None,
    allow_unmatched: bool = False,
    fetched: FetchLog | None = None,
    classes: Collection[str] = (),
    class_folder: int = 0,
) -> FeedPlan:
    """Decide under which name each file would be copied; nothing is written.

    Args:
        source: where the files come from.
        landing: the landing zone, which need not exist.
        label: class of all files; None: their first folder, list or archive gives it.
        patients: patients of the files.
        allow_unmatched: accept files without a patient in `patients`.
        fetched: record of earlier fetches.
        classes: of the project, if it has any.
        class_folder: number of the folder in each path that is the class, from 1; 0: find it.

    Raises:
        BadInputError: nothing gives a class, or says which folder is the class, `patients` lacks
            some files, or a name is not allowed. The message may name a file: it is for the user
            who typed the command.
        TransientError: the store is down.
    """
    inside = _inside(source, landing)
    if label is not None:
        label = _valid_label(label)
        if inside is not None:
            raise BadInputError(
                f"{source.shown} is in the landing zone already, where the first folder is the "
                "class: leave --label out, or move it to the right folder"
            )
    front = f"{label}/" if label else f"{inside}/" if inside not in (None, ".") else ""
    items, skipped = _wanted(source.items())
    items, unsafe = _safe(items, landing / front)
    own = {item.path: item for item in items if item.path.rpartition("/")[2] == LIST_NAME}
    items = [item for item in items if item.path not in own]
    if not items:
        raise BadInputError(f"{source.shown} holds no file; give a folder of class folders")
    sidecars = _sidecars(items)
    images = [item for item in items if item.path not in sidecars]
    lists = {path.removesuffix(LIST_NAME): _lines(source, item) for path, item in own.items()}
    matched = match(lists, [item.path for item in images])
    rows, unused = _list_rows(source, images, matched, patients, allow_unmatched=allow_unmatched)
    if inside is not None:  # its lists stay as they are
        rows = {path: line for path, line in rows.items() if patients and patients.of(path)}
    elif label:
        rows = {path: line | {"class": ""} for path, line in rows.items()}
    else:
        check_classes(source, images, rows)
    targets = {item.path: f"{front}{item.path}" for item in items}
    if label is None and inside is None:
        targets = class_first(source, targets, rows, classes, class_folder, sidecars)
    return FeedPlan(
        source,
        [_planned(source, item, targets[item.path], rows.get(item.path), landing, fetched)
         for item in items],
        {} if inside is not None else _unmatched_rows(lists, matched, front, label),
        unsafe,
        unused,
        skipped,
        len(matched.respelled),
        tuple(f"{folder}{LIST_NAME}: row {number}" for folder, number in matched.unused),
    )  # fmt: skip


def plan_notices(plans: Iterable[FeedPlan]) -> list[Notice]:
    """What the plans pass over or guess, for the account of the ingest that follows."""
    skipped: Counter[str] = Counter()
    respelled = 0
    for plan in plans:
        skipped.update(plan.passed_over)
        respelled += plan.respelled
    return passed_over_notice(skipped) + respelled_notice(respelled)


def present_patients(plans: Iterable[FeedPlan]) -> dict[str, str]:
    """Path in the landing zone -> patient, of planned files that are there already."""
    return {
        marked(planned.path, planned.mark): planned.line["patient"]
        for plan in plans
        for planned in plan.files
        if planned.present and planned.line and planned.line["patient"]
    }


def _inside(source: Source, landing: Path) -> str | None:
    """Path of a local source inside the landing zone; None when it is outside."""
    if not isinstance(source, LocalSource):
        return None
    landing, folder = landing.resolve(), source.folder
    if folder != landing and landing.is_relative_to(folder) and source.path.is_dir():
        raise BadInputError(
            f"{source.shown} contains the landing zone {landing}; give a folder outside it"
        )
    return str(folder.relative_to(landing)) if folder.is_relative_to(landing) else None


def _valid_label(label: str) -> str:
    if not CLASS_NAME.fullmatch(label.strip().lower()):
        raise BadInputError(
            f"--label {label!r} is not a class: allowed are a-z, 0-9, - and _, as in kidney-stone"
        )
    return label.strip().lower()


def _wanted(items: Iterable[Item]) -> tuple[list[Item], Counter[str]]:
    """Files to copy, and how many are passed over by kind; lists and sidecars are copied."""
    kinds = [(item, passed_over(item.path)) for item in items]
    wanted = [item for item, kind in kinds if kind in ("", "list", "sidecar")]
    return wanted, Counter(kind for _, kind in kinds if kind not in ("", "list", "sidecar"))


def _sidecars(items: Iterable[Item]) -> frozenset[str]:
    """Files that say where findings of images are, and truths; they need no patient and no row."""
    paths = [item.path for item in items]
    truths = (path for path in paths if path.lower().endswith(TRUTH_SUFFIX))
    return find_beside(paths)[1].union(truths)


def _safe(items: Iterable[Item], below: Path) -> tuple[list[Item], list[str]]:
    """Files to copy, and paths that are not valid below a folder."""
    items = list(items)
    folders = {
        "/".join(parts[:depth])
        for parts in (item.path.split("/") for item in items)
        for depth in range(1, len(parts))
    }
    # A store may hold "a" and "a/b"; a folder cannot.
    good = [i for i in items if _is_valid(i.path, below) and i.path not in folders]
    taken = {item.path for item in good}
    return good, [item.path for item in items if item.path not in taken]


def _is_valid(path: str, below: Path) -> bool:
    parts = path.split("/")
    return (
        not any(part in ("", ".", "..") or "\0" in part for part in parts)
        and all(len(os.fsencode(part)) <= _LONGEST_NAME for part in parts)
        and len(os.fsencode(below / path)) <= _LONGEST_PATH
    )


def _lines(source: Source, item: Item) -> list[Line]:
    return parse_list(source.read(item, LONGEST + 1), f"{source.shown}: {item.path}")


def _list_rows(
    source: Source,
    items: list[Item],
    matched: Matched,
    patients: PatientsFrom | None,
    *,
    allow_unmatched: bool,
) -> tuple[dict[str, Line], list[str]]:
    """Path -> row by its nearest list and --patient-from, and CSV rows that match no file."""
    paths = {item.path for item in items}
    rows = dict(matched.rows)
    if patients is None:
        return rows, []
    patients = patients.spelled_as(paths)
    unmatched = []
    for path in sorted(paths):
        if (line := patients.of(path)) is not None:
            rows[path] = rows.get(path, _NOTHING) | {
                name: line[name] for name in line if line[name]
            }
            if not can_be_listed(path.rpartition("/")[2]):
                raise BadInputError(
                    f"{path!a}: a list cannot hold a name that begins or ends with a space, "
                    "or that is not UTF-8; rename the file"
                )
        elif not passed_over(path):
            unmatched.append(path)
    if unmatched and not allow_unmatched:
        raise BadInputError(
            f"--patient-from gives no patient for {len(unmatched)} of {len(paths)} files of "
            f"{source.shown}, such as {unmatched[0]!a}. Patterns are searched in the path "
            "below the source, and an archive is one file; correct the pattern or the CSV, or add "
            "--allow-unmatched to group those files by similarity"
        )
    return rows, sorted(set(patients.lines) - paths)


def _planned(
    source: Source,
    item: Item,
    path: str,
    line: Line | None,
    landing: Path,
    fetched: FetchLog | None,
) -> PlannedFile:
    planned = PlannedFile(item, path, line=line)
    if fetched and (found := fetched.find(source, item, landing, path)) is not None:
        return replace(planned, mark=found, present=True)
    target = landing / path
    if not (target.is_symlink() or target.exists()):
        return planned
    if (present := source.same(item, target)) is not False:
        return replace(planned, present=present)
    if (place := source.place(item)) is None:
        return replace(planned, present=None)
    mark = fingerprint(place)
    target = landing / marked(path, mark)
    return replace(planned, mark=mark, present=target.is_symlink() or target.exists())


def _unmatched_rows(
    lists: dict[str, list[Line]], matched: Matched, front: str, label: str | None
) -> dict[str, list[Line]]:
    """Rows of the source's lists that match none of its files; the files may come later."""
    left = defaultdict(list)
    for folder, number in matched.unused:
        line = lists[folder][number - 1]
        left[f"{front}{folder}"].append(line | ({"class": ""} if label else {}))
    return dict(left)
