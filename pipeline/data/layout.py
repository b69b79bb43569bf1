"""Find which folder of a path is the class, for data sets that come in a wrapping folder.

In the landing zone, a fed folder and an archive the first folder is the class. Published data sets
often wrap the classes: in a folder of the set's name, or in folders of splits. A wrapping folder
that became a class would fix the project's classes for good, so what is ambiguous is refused.
"""

import re
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath

from pipeline.data.refusal import Refused

CLASS_NAME = re.compile(r"[a-z0-9][a-z0-9_-]*")
SPLIT_NAMES = frozenset(
    ("train", "training", "val", "valid", "validation", "dev", "test", "testing", "eval",
     "evaluation", "holdout")
)  # fmt: skip
_NO_CLASSES = frozenset(
    ("images", "image", "imgs", "img", "pictures", "photos", "jpegimages", "data", "dataset",
     "files", "labels", "annotations", "masks", "png", "jpg", "jpeg", "dicom", "dcm")
)  # fmt: skip
_WITHIN_A_CLASS = frozenset(("axial", "coronal", "sagittal", "oblique", "left", "right"))
_NO_IMAGE = frozenset(
    (".txt", ".csv", ".tsv", ".json", ".jsonl", ".xml", ".yaml", ".yml", ".md", ".html", ".pdf",
     ".doc", ".docx", ".xls", ".xlsx", ".py", ".ipynb", ".log", ".ini", ".cfg", ".db")
)  # fmt: skip
_MANY_ALIKE = 8
"""First folders named alike but for numbers that are taken for patients."""
_SHOWN = 6


class AmbiguousClassesError(Exception):
    """Nothing says which folder is the class.

    Attributes:
        what: a sentence without names of folders, except names of splits.
        names: folders to show where names may be shown.
        folder: number of the folder that may be the class, from 1; 0: none.
    """

    def __init__(self, what: str, names: Iterable[str], folder: int) -> None:
        super().__init__(what)
        self.what, self.folder = what, folder
        self.names = tuple(sorted(names))

    def shown(self) -> str:
        """The sentence with the names of the folders, for the terminal alone."""
        names = ", ".join(repr(name) for name in self.names[:_SHOWN])
        more = f" and {len(self.names) - _SHOWN} more" if len(self.names) > _SHOWN else ""
        return f"{self.what}: {names}{more}" if names else self.what


@dataclass(frozen=True)
class Layout:
    """Which folder of a path is the class.

    Attributes:
        folder: its number, from 1.
        known: classes of the project; if a path has such a folder, that is its class.
    """

    folder: int = 1
    known: frozenset[str] = frozenset()

    def find(self, path: str) -> int:
        """Index of the class folder among the parts of a path.

        Raises:
            Refused: the path has no such folder.
        """
        names = [normalised(part) for part in path.split("/")[:-1]]
        if len(names) < self.folder:
            raise Refused("no-class", "the file is in no class folder; put it into <class>/")
        inside = [index for index, name in enumerate(names) if name in self.known]
        if names[0] in self.known or len({names[index] for index in inside}) != 1:
            return self.folder - 1
        return inside[0]

    def label(self, path: str) -> str:
        """The class of a path.

        Raises:
            Refused: it has no class folder, or its name is not allowed.
        """
        name = normalised(path.split("/")[self.find(path)])
        if not CLASS_NAME.fullmatch(name):
            detail = "the class folder's name is not allowed: a-z, 0-9, - and _, as in kidney-stone"
            raise Refused("bad-class", detail)
        return name


def normalised(folder: str) -> str:
    """A folder's name as a class: in lower case, without spaces at its ends."""
    return folder.strip().lower()


def find_layout(paths: Iterable[str], known: Collection[str] = (), folder: int = 0) -> Layout:
    """Find the class folder of a set of files.

    Args:
        paths: of the files, with "/" between the parts.
        known: classes of the project, if it has any: they decide.
        folder: number of the class folder, if the user gives it; 0: find it.

    Raises:
        AmbiguousClassesError: nothing says which folder is the class.
    """
    if folder:
        return Layout(folder)
    if known:
        return Layout(1, frozenset(known))
    folders = {
        PurePosixPath(path).parts[:-1]
        for path in paths
        if "/" in path and PurePosixPath(path).suffix.lower() not in _NO_IMAGE
    }
    if not folders:
        return Layout()
    level = _wrappers(folders)
    names = {parts[level] for parts in folders if len(parts) > level}
    _require_no_splits(names, folders, level)
    if level:
        return Layout(_below_wrappers(names, folders, level))
    _require_classes(names, folders)
    return Layout()


def _wrappers(folders: Collection[tuple[str, ...]]) -> int:
    """Number of folders that hold everything, each in the one before."""
    level = 0
    while (
        len({parts[: level + 1] for parts in folders}) == 1 and len(min(folders, key=len)) > level
    ):
        level += 1
    return level


def _below_wrappers(
    names: Collection[str], folders: Collection[tuple[str, ...]], level: int
) -> int:
    """Number of the class folder where one folder, or several in each other, holds everything."""
    plain = {normalised(name) for name in names}
    if level == 1 and (not names or any(len(parts) == 1 for parts in folders)):
        return 1  # one class, with or without folders in it
    if level == 1 and plain <= _WITHIN_A_CLASS:
        return 1
    alike = len(plain) > 1 and len({re.sub(r"\d+", "#", name) for name in plain}) == 1
    if len(plain) < 2 or alike or plain & _NO_CLASSES:
        what = (
            f"all images are in one folder, with {len(names)} folder(s) in it that may be classes "
            "or not" if names else f"all images are in one folder, {level} folders deep"
        )  # fmt: skip
        raise AmbiguousClassesError(what, names or next(iter(folders)), level + bool(names))
    return level + 1


def _require_no_splits(
    names: Collection[str], folders: Collection[tuple[str, ...]], level: int
) -> None:
    splits = sorted(normalised(name) for name in names if normalised(name) in SPLIT_NAMES)
    if not splits:
        return
    below = {
        parts[level + 1]
        for parts in folders
        if len(parts) > level + 1 and normalised(parts[level]) in SPLIT_NAMES
    }
    what = f"{', '.join(splits)}: names of splits, not of classes"
    if below and not {normalised(name) for name in below} <= _NO_CLASSES:
        raise AmbiguousClassesError(f"{what}. Below them are the folders", below, level + 2)
    raise AmbiguousClassesError(what, (), 0)


def _require_classes(names: Collection[str], folders: Collection[tuple[str, ...]]) -> None:
    """Check several first folders: none wraps classes that others are, nor are they patients."""
    plain = {normalised(name) for name in names}
    if plain <= _NO_CLASSES:
        raise AmbiguousClassesError("the first folders name no class", names, 0)
    inside = {normalised(part) for parts in folders for part in parts[1:]} & plain
    wraps = {parts[0] for parts in folders if {normalised(p) for p in parts[1:]} & inside}
    if wraps:
        raise AmbiguousClassesError(
            "some first folders hold folders with the names of other first folders", wraps, 0
        )
    alike = len({re.sub(r"\d+", "#", name) for name in plain}) == 1
    if alike and len(plain) >= _MANY_ALIKE:
        what = f"{len(plain)} first folders differ only in a number and look like patients"
        raise AmbiguousClassesError(what, names, 1)


def advice_on(error: AmbiguousClassesError, *, option: bool) -> str:
    """What to type about ambiguous classes.

    Args:
        error: what was found.
        option: for a command with options, not the parameters of a project.
    """
    label = "give one class at a time with --label CLASS" if option else "move the class folders up"
    if not error.folder:
        return label
    how = f"--class-folder {error.folder}" if option else f"ingest.class_folder: {error.folder}"
    own = (
        " (medloom splits by patient; a given split is not used)" if "splits" in error.what else ""
    )
    return f"if folder {error.folder} of each path is the class, add {how}{own}; else {label}"


def parts_with_class_first(parts: Sequence[str], index: int, wrappers: int) -> list[str]:
    """A path's parts with the class folder first, without the folders that wrap everything."""
    return [parts[index], *parts[wrappers:index], *parts[index + 1 :]]


def wrappers_of(paths: Iterable[str]) -> int:
    """Number of folders that hold all paths, each in the one before."""
    folders = {tuple(path.split("/")[:-1]) for path in paths}
    return _wrappers(folders) if folders else 0
