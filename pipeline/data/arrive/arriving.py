"""How anything comes into the landing zone: hidden until it is whole, and never over a file."""

import errno
import fcntl
import hashlib
import os
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path

from pipeline.base.errors import BadInputError, TransientError
from pipeline.data.landing.lists import Line, list_text, merged, read_list
from pipeline.data.landing.zone import LIST_NAME

_HIDDEN = ".arriving-"  # ingest passes over names that begin with a dot
_NO_PLACE = (errno.ENOSPC, errno.EDQUOT, errno.EROFS)
_IN_THE_WAY = (errno.ENOTDIR, errno.EEXIST, errno.EISDIR, errno.ENAMETOOLONG)


@contextmanager
def arriving(landing: Path, path: str) -> Iterator[Path]:
    """An empty hidden file beside where `path` will lie; it is gone again at the end.

    Whoever renames it away before then has brought it.
    """
    folder = _folder(landing, path)
    hidden = folder / f"{_HIDDEN}{uuid.uuid4().hex}"
    with _alone(landing):
        handle = os.open(hidden, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o644)
        fcntl.flock(handle, fcntl.LOCK_EX)  # until this process ends, however it ends
    try:
        yield hidden
    finally:
        os.close(handle)
        hidden.unlink(missing_ok=True)


def settle(landing: Path, path: str, hidden: Path) -> bool:
    """Rename a whole hidden file to its name; False when something came to lie there meanwhile."""
    with _alone(landing):
        target = landing / path
        if target.is_symlink() or target.exists():
            return False
        hidden.rename(target)
        return True


def sweep(landing: Path, folders: set[str]) -> None:
    """Take away what killed processes left half copied in these folders of the landing zone."""
    with _alone(landing):
        for hidden in (
            file for folder in folders for file in (landing / folder).glob(_HIDDEN + "*")
        ):
            if hidden.is_symlink() or _is_nobodys(hidden):
                hidden.unlink(missing_ok=True)


def write_lines(landing: Path, lists: Mapping[str, list[Line]]) -> None:
    """Add rows to the lists of folders, such as "" and "stone/"; what lies there is merged.

    Raises:
        BadInputError: a list that lies there cannot be read.
    """
    for folder, lines in lists.items():
        file = _folder(landing, f"{folder}{LIST_NAME}") / LIST_NAME
        with _alone(landing):
            before = read_list(file, str(file)) if file.exists() else []
            after = merged(before, lines)
            if after == before:
                continue
            hidden = file.with_name(f"{_HIDDEN}{uuid.uuid4().hex}")
            try:
                hidden.write_text(list_text(after), encoding="utf-8", newline="")
                hidden.rename(file)
            finally:
                hidden.unlink(missing_ok=True)


def fingerprint(file: Path) -> str:
    """What a file's name is marked with when its own name is taken."""
    if file.is_symlink():
        return "~" + hashlib.sha256(os.fsencode(file.readlink())).hexdigest()[:8]
    with file.open("rb") as stream:
        return "~" + hashlib.file_digest(stream, "sha256").hexdigest()[:8]


@contextmanager
def disk_of(landing: Path) -> Iterator[None]:
    """Say what to do when the landing zone cannot be written.

    Raises:
        TransientError: its disk is full or read-only.
        BadInputError: it may not be written, or a name is in the way.
    """
    try:
        yield
    except OSError as error:
        if error.errno in _NO_PLACE:
            raise TransientError(
                f"the landing zone {landing} cannot be written: {error.strerror}. What was copied "
                "whole stays; make room and type the same again, and it goes on from there"
            ) from error
        if error.errno in (errno.EACCES, errno.EPERM):
            raise BadInputError(
                f"the landing zone {landing} cannot be written: {error.strerror}; let this user "
                "write there, or set MEDLOOM_LANDING to another folder"
            ) from error
        raise


def _folder(landing: Path, path: str) -> Path:
    """The folder that a path will lie in, made when missing, and inside the landing zone.

    Raises:
        BadInputError: a file or a link is in the way.
    """
    folder = (landing / path).parent
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        if error.errno not in _IN_THE_WAY:
            raise
        raise BadInputError(
            f"{folder} cannot be made ({error.strerror}): a file of that name is in the way"
        ) from error
    if not folder.resolve().is_relative_to(landing.resolve()):
        raise BadInputError(
            f"{folder} is a link that leads out of the landing zone; take it away first"
        )
    return folder


def _is_nobodys(hidden: Path) -> bool:
    with suppress(OSError):
        handle = os.open(hidden, os.O_RDONLY | os.O_NOFOLLOW)
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        finally:
            os.close(handle)
        return True
    return False


@contextmanager
def _alone(landing: Path) -> Iterator[None]:
    """No other process, and no other thread, does the same meanwhile; a kill ends it."""
    handle = os.open(landing, os.O_RDONLY | os.O_DIRECTORY)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)
