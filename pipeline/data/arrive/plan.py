"""What an ingest would bring into the landing zone, under which names, with what is told of it."""

import os
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from pathlib import Path
from urllib.parse import urlsplit

from pipeline.base.errors import BadInputError
from pipeline.data.arrive.arriving import fingerprint
from pipeline.data.arrive.fetched import Fetched, marked
from pipeline.data.arrive.local import LocalSource
from pipeline.data.arrive.patients import PatientsFrom, can_be_listed
from pipeline.data.arrive.source import Item, Source
from pipeline.data.arrive.stores import StoreSource
from pipeline.data.formats import SNIFF_BYTES, sniff
from pipeline.data.formats.sniff import ARCHIVES
from pipeline.data.landing.lists import COLUMNS, LONGEST, Line, by_path, parse_list
from pipeline.data.landing.zone import CLASS_NAME, LIST_NAME, is_ignored

_LONGEST_NAME = 240  # 255 is what file systems allow, and a mark or a hidden name takes some
_LONGEST_PATH = 4000
_LOOKED_AT = 100
_NOTHING = dict.fromkeys(COLUMNS, "")


@dataclass(frozen=True)
class Coming:
    """One file on its way.

    Attributes:
        item: of the source.
        path: where it belongs in the landing zone.
        mark: of its name there, when that name is taken by another content; see `marked`.
        lies: whether it lies there already; None when only fetching it tells.
        line: what lists and --patient-from tell of it, or None.
    """

    item: Item
    path: str = field(repr=False)
    mark: str = ""
    lies: bool | None = False
    line: Line | None = field(default=None, repr=False)

    @property
    def lines(self) -> dict[str, list[Line]]:
        """Its row in the list of its folder, under the name that it gets."""
        folder, slash, name = marked(self.path, self.mark).rpartition("/")
        return {f"{folder}{slash}": [self.line | {"file": name}]} if self.line else {}


@dataclass(frozen=True)
class Plan:
    """What would be brought from one source.

    Attributes:
        source: where from.
        coming: its files, sorted by path.
        lists: rows of the source's own lists that speak of no file of it, by folder.
        unsafe: names that cannot lie in a folder, and stay where they are.
        unused: files that the CSV of --patient-from names and the source does not hold.
    """

    source: Source
    coming: list[Coming]
    lists: dict[str, list[Line]] = field(repr=False)
    unsafe: list[str] = field(repr=False)
    unused: list[str] = field(repr=False)


def open_source(text: str) -> Source:
    """The source that a path or a URL names.

    Raises:
        BadInputError: there is none.
    """
    if "://" not in text:
        return LocalSource(Path(text))
    if urlsplit(text).scheme in ("file", "local"):
        from fsspec.implementations.local import LocalFileSystem

        return LocalSource(Path(LocalFileSystem._strip_protocol(text)))
    return StoreSource(text)


def make_plan(
    source: Source,
    landing: Path,
    *,
    label: str | None = None,
    patients: PatientsFrom | None = None,
    allow_unmatched: bool = False,
    fetched: Fetched | None = None,
) -> Plan:
    """Decide under which name each file would come; nothing is written.

    Args:
        source: where from.
        landing: the landing zone, which need not exist.
        label: class of all files; None: their first folder, list or archive tells it.
        patients: who they are of.
        allow_unmatched: take files of which `patients` tells nothing.
        fetched: what was fetched before.

    Raises:
        BadInputError: nothing tells a class, `patients` tells nothing of some files, or the names
            of `label` or of the source will not do. The message may name a file: it is for whoever
            typed the command.
        TransientError: the store is down.
    """
    inside = _inside(source, landing)
    if label is not None:
        label = _checked(label)
        if inside is not None:
            raise BadInputError(
                f"{source.shown} lies in the landing zone already, where the first folder is the "
                "class: leave --label out, or move it to the right folder"
            )
    front = f"{label}/" if label else f"{inside}/" if inside not in (None, ".") else ""
    items, unsafe = _safe(source.items(), landing / front)
    own = {item.path: item for item in items if item.path.rpartition("/")[2] == LIST_NAME}
    items = [item for item in items if item.path not in own]
    if not items:
        raise BadInputError(f"{source.shown} holds no file; give a folder of class folders")
    lists = {path.removesuffix(LIST_NAME): _lines(source, item) for path, item in own.items()}
    told, unused = _told(source, items, lists, patients, allow_unmatched=allow_unmatched)
    if inside is not None:  # its lists stay as they are
        told = {path: line for path, line in told.items() if patients and patients.of(path)}
    elif label:
        told = {path: line | {"class": ""} for path, line in told.items()}
    else:
        _check_classes(source, items, told)
    return Plan(
        source,
        [_coming(source, item, f"{front}{item.path}", told.get(item.path), landing, fetched)
         for item in items],
        {} if inside is not None else _left(lists, told, front, label),
        unsafe,
        unused,
    )  # fmt: skip


def told_again(plans: Iterable[Plan]) -> dict[str, str]:
    """Path in the landing zone -> patient, of files that lie there and are told of."""
    return {
        marked(coming.path, coming.mark): coming.line["patient"]
        for plan in plans
        for coming in plan.coming
        if coming.lies and coming.line and coming.line["patient"]
    }


def _inside(source: Source, landing: Path) -> str | None:
    """Where in the landing zone a local source lies, if it does."""
    if not isinstance(source, LocalSource):
        return None
    landing, folder = landing.resolve(), source.folder
    if folder != landing and landing.is_relative_to(folder) and source.path.is_dir():
        raise BadInputError(
            f"{source.shown} holds the landing zone {landing} itself; give a folder beside it"
        )
    return str(folder.relative_to(landing)) if folder.is_relative_to(landing) else None


def _checked(label: str) -> str:
    if not CLASS_NAME.fullmatch(label.strip().lower()):
        raise BadInputError(
            f"--label {label!r} is no class: allowed are a-z, 0-9, - and _, as in kidney-stone"
        )
    return label.strip().lower()


def _safe(items: Iterable[Item], below: Path) -> tuple[list[Item], list[str]]:
    """The files to take, hidden ones left out, and names that cannot lie below a folder."""
    items = [item for item in items if not _is_hidden(item.path)]
    folders = {
        "/".join(parts[:depth])
        for parts in (item.path.split("/") for item in items)
        for depth in range(1, len(parts))
    }
    # A store may hold "a" and "a/b"; a folder cannot.
    good = [i for i in items if _can_lie(i.path, below) and i.path not in folders]
    taken = {item.path for item in good}
    return good, [item.path for item in items if item.path not in taken]


def _is_hidden(path: str) -> bool:
    return any(part.startswith(".") and part not in (".", "..") for part in path.split("/"))


def _can_lie(path: str, below: Path) -> bool:
    parts = path.split("/")
    return (
        not any(part in ("", ".", "..") or "\0" in part for part in parts)
        and all(len(os.fsencode(part)) <= _LONGEST_NAME for part in parts)
        and len(os.fsencode(below / path)) <= _LONGEST_PATH
    )


def _lines(source: Source, item: Item) -> list[Line]:
    return parse_list(source.read(item, LONGEST + 1), f"{source.shown}: {item.path}")


def _told(
    source: Source,
    items: list[Item],
    lists: dict[str, list[Line]],
    patients: PatientsFrom | None,
    *,
    allow_unmatched: bool,
) -> tuple[dict[str, Line], list[str]]:
    """Path -> what its nearest list and --patient-from tell, and CSV rows that match nothing."""
    paths = {item.path for item in items}
    told = {path: line for path, line in by_path(lists).items() if path in paths}
    if patients is None:
        return told, []
    unmatched = []
    for path in sorted(paths):
        if (line := patients.of(path)) is not None:
            told[path] = told.get(path, _NOTHING) | {
                name: line[name] for name in line if line[name]
            }
            if not can_be_listed(path.rpartition("/")[2]):
                raise BadInputError(
                    f"{path!a}: a list cannot speak of a name that begins or ends with a "
                    "space, or that is not UTF-8; rename the file"
                )
        elif not is_ignored(path):
            unmatched.append(path)
    if unmatched and not allow_unmatched:
        raise BadInputError(
            f"--patient-from tells no patient of {len(unmatched)} of {len(paths)} files of "
            f"{source.shown}, such as {unmatched[0]!a}. Patterns are searched in the path "
            "below what was given, and an archive is one file; mend the pattern or the CSV, or "
            "type --allow-unmatched to group those files by what they look like"
        )
    return told, sorted(set(patients.lines) - paths)


def _check_classes(source: Source, items: list[Item], told: dict[str, Line]) -> None:
    """Hold that a class is told at all: by a folder, a list, an archive or an NPZ."""
    tells = any("/" in item.path for item in items) or any(line["class"] for line in told.values())
    if tells or any(_may_tell_its_class(source, item) for item in items[:_LOOKED_AT]):
        return
    raise BadInputError(
        f"{source.shown} holds no folder, and nothing else tells the class: give --label CLASS, or "
        f"a folder that holds one folder a class, as in {source.shown}/stone/0001.png"
    )


def _may_tell_its_class(source: Source, item: Item) -> bool:
    return sniff(source.read(item, SNIFF_BYTES)) in (*ARCHIVES, "NPZ")


def _coming(
    source: Source, item: Item, path: str, line: Line | None, landing: Path, fetched: Fetched | None
) -> Coming:
    coming = Coming(item, path, line=line)
    if fetched and (found := fetched.find(source, item, landing, path)) is not None:
        return replace(coming, mark=found, lies=True)
    target = landing / path
    if not (target.is_symlink() or target.exists()):
        return coming
    if (lies := source.same(item, target)) is not False:
        return replace(coming, lies=lies)
    if (place := source.place(item)) is None:
        return replace(coming, lies=None)
    mark = fingerprint(place)
    target = landing / marked(path, mark)
    return replace(coming, mark=mark, lies=target.is_symlink() or target.exists())


def _left(
    lists: dict[str, list[Line]], told: dict[str, Line], front: str, label: str | None
) -> dict[str, list[Line]]:
    """Rows of the source's lists that speak of none of its files: they may come later."""
    left = defaultdict(list)
    for folder, lines in lists.items():
        for line in lines:
            if f"{folder}{line['file']}" not in told:
                left[f"{front}{folder}"].append(line | ({"class": ""} if label else {}))
    return dict(left)
