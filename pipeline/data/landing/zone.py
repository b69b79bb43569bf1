"""List and read the landing zone, `<landing>/<class>/**/<file>`; it is never changed.

Archives, and files named by a list, may lie outside class folders (`landing.lists`).
"""

import hashlib
import os
import stat
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import IO

from pipeline.base.errors import BadInputError
from pipeline.data.landing.beside import TRUTH_SUFFIX, Beside, Form, find_beside
from pipeline.data.landing.marks import Marks
from pipeline.data.layout import Layout
from pipeline.data.passed_over import file_kind, folder_kind, passed_over
from pipeline.data.refusal import Refused
from pipeline.synthetic.png import SIDECAR_SUFFIX

LIST_MARK = "+"
"""Between the hash of the files beside an image and that of what lists say."""
_NO_CLASS = ("bad-class", "no-class")
Listing = tuple[list["LandedFile"], Counter[str]]
"""Files of a landing zone, and the number of files passed over by kind."""


@dataclass(frozen=True)
class LandedFile:
    """One file of the landing zone, as it was when listed.

    Attributes:
        path: relative to the landing zone; bytes that are not UTF-8 are surrogate-escaped.
        size, mtime_ns: by lstat.
        arrived_ns: time of arrival, by the inode's change time: a copy may keep the modification
            time of its original.
        label: class by folder or list; "" when neither gives one.
        refused: why it is not opened; None when it may be.
        sidecar: whether a sidecar file marks the image as synthetic.
        patient: the patient by a list; "" without one.
        view: the view by a list; "" without one.
        at: where its bytes are, when not yet in the landing zone (`landed_as`).
        beside: files that say where its findings are.
        marks: what a list says of its findings, read once for many images; None without one.
        pair: what the two files of a pair have in common, by the list; "" without one.
        modality: by the list, as DICOM calls it; "" without one.
    """

    path: str
    size: int
    mtime_ns: int
    label: str = ""
    refused: Refused | None = None
    sidecar: bool = False
    arrived_ns: int = 0
    patient: str = field(default="", repr=False)
    view: str = ""
    at: Path | None = field(default=None, repr=False)
    beside: tuple["Sidecar", ...] = field(default=(), repr=False)
    marks: Marks | None = field(default=None, repr=False)
    pair: str = field(default="", repr=False)
    modality: str = ""

    @property
    def beside_digest(self) -> str:
        """A hash of the state of all files beside it; "" without any. No names go into it."""
        if not self.beside:
            return ""
        facts = [(one.form, one.kind, one.file.size, one.file.mtime_ns) for one in self.beside]
        return _digest(facts)

    @property
    def said_digest(self) -> str:
        """`beside_digest`, and a hash of what lists say of its findings."""
        said = f"{LIST_MARK}{_digest(self.marks)}" if self.marks is not None else ""
        return self.beside_digest + said


@dataclass(frozen=True)
class Sidecar:
    """A file beside an image, as listed; see `landing.beside.Beside`."""

    form: Form
    kind: str
    file: LandedFile


def _digest(facts: object) -> str:
    return hashlib.sha256(repr(facts).encode()).hexdigest()[:16]


def scan(landing: Path) -> Listing:
    """Every file sorted by path, and the number of files passed over (`data.passed_over`).

    Files that say where findings of an image are belong to it and are counted as passed over.

    Raises:
        BadInputError: `landing` is not a folder that can be listed.
    """
    return with_beside(*list_all(landing))


def with_beside(files: Iterable[LandedFile], skipped: Counter[str]) -> Listing:
    """Files with what lies beside them, and what was passed over, as `list_all` returns them."""
    files = list(files)
    by_path = {
        found.path: found
        for found in files
        if found.refused is None or found.refused.reason in _NO_CLASS
    }
    beside, sidecars = find_beside(by_path)
    truths = {found.path for found in files if found.path.lower().endswith(TRUTH_SUFFIX)}
    images = [
        replace(found, beside=_sidecars(beside[found.path], by_path))
        if found.path in beside
        else found
        for found in files
        if found.path not in sidecars | truths
    ]
    return images, skipped + Counter(sidecar=len(sidecars | truths))


def _sidecars(beside: Iterable[Beside], files: Mapping[str, LandedFile]) -> tuple[Sidecar, ...]:
    return tuple(Sidecar(one.form, one.kind, files[one.path]) for one in beside)


def is_listed(path: str) -> bool:
    """Whether `list_all` lists a path, or else passes it over."""
    return not passed_over(path) or _is_truth(path)


def _is_truth(path: str) -> bool:
    folders, _, name = path.rpartition("/")
    return name.lower().endswith(TRUTH_SUFFIX) and not passed_over(f"{folders}/_")


def list_all(landing: Path) -> Listing:
    """Every file, those beside images too; else as `scan`."""
    if not landing.is_dir():
        raise BadInputError(
            f"the landing zone {landing} is not a folder: create it with one folder per class, or "
            "set MEDLOOM_LANDING to another folder"
        )
    found: list[LandedFile] = []
    skipped: Counter[str] = Counter()
    for entry in _walk(landing, ""):
        if isinstance(entry, LandedFile):
            found.append(entry)
        else:
            skipped.update(entry)
    return sorted(found, key=lambda entry: os.fsencode(entry.path)), skipped


def laid_out(files: Iterable[LandedFile], layout: Layout) -> list[LandedFile]:
    """Files with their class by the layout; those that are refused for another reason stay."""
    return [_classified(found, layout) for found in files]


def _classified(found: LandedFile, layout: Layout) -> LandedFile:
    if "/" not in found.path or (found.refused and found.refused.reason != "bad-class"):
        return found
    try:
        return replace(found, label=layout.label(found.path), refused=None)
    except Refused as refused:
        return replace(found, label="", refused=refused)


@contextmanager
def open_stable(landing: Path, found: LandedFile) -> Iterator[IO[bytes]]:
    """Open a file for reading, if it has not changed since it was listed.

    Raises:
        Refused: growing or unreadable; also on exit, when the file changed while it was read.
    """
    listed = (found.size, found.mtime_ns)
    try:
        # O_NOFOLLOW and O_NONBLOCK: it may have become a link or a pipe since it was listed.
        place = found.at or landing / found.path
        handle = os.open(place, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    except FileNotFoundError:
        raise Refused("growing", "the file was removed while it was read") from None
    except OSError as error:
        raise _unreadable(error) from error
    with os.fdopen(handle, "rb") as stream:
        if _facts(stream) != listed:
            raise _growing()
        yield stream
        if _facts(stream) != listed:
            raise _growing()


def read_whole(stream: IO[bytes], found: LandedFile, max_bytes: int) -> bytes:
    """All bytes of a file that `open_stable` opened.

    Raises:
        Refused: growing, unreadable or too-large.
    """
    if found.size > max_bytes:
        raise Refused("too-large", f"{found.size} bytes; allowed are {max_bytes}")
    try:
        data = stream.read(max_bytes + 1)
    except OSError as error:
        raise _unreadable(error) from error
    if len(data) != found.size:
        raise _growing()
    return data


def landed_as(path: str, at: Path, *, sidecar: bool) -> LandedFile:
    """The entry of a file at `at`, as if it were at `path` of the landing zone."""
    return replace(_entry(path, at.lstat(), sidecar), at=at)


def _facts(stream: IO[bytes]) -> tuple[int, int]:
    status = os.fstat(stream.fileno())
    return status.st_size, status.st_mtime_ns


def _unreadable(error: OSError) -> Refused:
    reason = error.strerror or type(error).__name__
    return Refused("unreadable", f"the file cannot be read: {reason}")


def _growing() -> Refused:
    return Refused(
        "growing", "the file was being written while it was read; the next ingest tries it again"
    )


def _walk(landing: Path, folder: str) -> Iterator[LandedFile | dict[str, int]]:
    """Entries below `folder`, depth first; for what is passed over, the number of files by kind."""
    try:
        with os.scandir(landing / folder) as listing:
            entries = sorted(listing, key=lambda entry: os.fsencode(entry.name))
    except OSError as error:
        yield _unlistable(landing, folder, error)
        return
    names = {entry.name for entry in entries}
    for entry in entries:
        path = f"{folder}{entry.name}"
        is_folder = entry.is_dir(follow_symlinks=False)
        kind = (folder_kind if is_folder else file_kind)(entry.name)
        if kind and not (kind == "sidecar" and entry.name.lower().endswith(TRUTH_SUFFIX)):
            yield {kind: _count(Path(entry.path)) if is_folder else 1}
        elif is_folder:
            yield from _walk(landing, f"{path}/")
        else:
            sidecar = f"{entry.name}{SIDECAR_SUFFIX}" in names
            try:
                yield _entry(path, entry.stat(follow_symlinks=False), sidecar)
            except FileNotFoundError:  # a writer's temporary file, renamed since
                continue


def _entry(path: str, status: os.stat_result, sidecar: bool) -> LandedFile:
    label, refused = "", _refusal(status.st_mode)
    if refused is None and "/" in path:
        try:
            label = Layout().label(path)
        except Refused as error:
            refused = error
    return LandedFile(
        path, status.st_size, status.st_mtime_ns, label, refused, sidecar, status.st_ctime_ns
    )


def _refusal(mode: int) -> Refused | None:
    if stat.S_ISLNK(mode):
        detail = "a symbolic link; links are never followed: put the file itself there"
        return Refused("symlink", detail)
    if not stat.S_ISREG(mode):
        return Refused("special-file", "a pipe, socket or device; allowed are regular files")
    return None


def _count(folder: Path) -> int:
    """Number of files below a folder; what cannot be listed counts as none."""
    return sum(len(names) for _, _, names in os.walk(folder))


def _unlistable(landing: Path, folder: str, error: OSError) -> LandedFile:
    if not folder:
        raise BadInputError(f"the landing zone {landing} cannot be listed: {error.strerror}")
    detail = f"the folder cannot be listed: {error.strerror}"
    return LandedFile(folder.rstrip("/"), 0, 0, refused=Refused("unreadable", detail))
