"""Write files into the landing zone: hidden until complete, and never over another file."""

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
from pipeline.data.passed_over import LIST_NAME

_HIDDEN = ".arriving-"  # ingest ignores names that begin with a dot
_NO_PLACE = (errno.ENOSPC, errno.EDQUOT, errno.EROFS)
_IN_THE_WAY = (errno.ENOTDIR, errno.EEXIST, errno.EISDIR, errno.ENAMETOOLONG)


@contextmanager
def hidden_file(landing: Path, path: str) -> Iterator[Path]:
    """Create an empty hidden file in the folder of `path`; the context removes it on exit.

    The caller fills it and renames it to its final name before then.
    """
    folder = _folder(landing, path)
    hidden = folder / f"{_HIDDEN}{uuid.uuid4().hex}"
    with _locked(landing):
        handle = os.open(hidden, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o644)
        fcntl.flock(handle, fcntl.LOCK_EX)  # until this process ends, however it ends
    try:
        yield hidden
    finally:
        os.close(handle)
        hidden.unlink(missing_ok=True)


def publish(landing: Path, path: str, hidden: Path) -> bool:
    """Rename a complete hidden file to its final name; False when that name is taken."""
    with _locked(landing):
        target = landing / path
        if target.is_symlink() or target.exists():
            return False
        hidden.rename(target)
        return True


def remove_partial(landing: Path, folders: set[str]) -> None:
    """Remove partial copies that killed processes left in these folders of the landing zone."""
    with _locked(landing):
        for hidden in (
            file for folder in folders for file in (landing / folder).glob(_HIDDEN + "*")
        ):
            if hidden.is_symlink() or _is_abandoned(hidden):
                hidden.unlink(missing_ok=True)


def write_lists(landing: Path, lists: Mapping[str, list[Line]]) -> None:
    """Merge rows into the lists of folders such as "" and "stone/".

    Raises:
        BadInputError: an existing list cannot be read.
    """
    for folder, lines in lists.items():
        file = _folder(landing, f"{folder}{LIST_NAME}") / LIST_NAME
        with _locked(landing):
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
    """Suffix for a file whose name is taken: ~ and 8 hex digits of its hash."""
    if file.is_symlink():
        return "~" + hashlib.sha256(os.fsencode(file.readlink())).hexdigest()[:8]
    with file.open("rb") as stream:
        return "~" + hashlib.file_digest(stream, "sha256").hexdigest()[:8]


@contextmanager
def explain_disk_errors(landing: Path) -> Iterator[None]:
    """Turn errors of writing to the landing zone into errors that say what to do.

    Raises:
        TransientError: the disk is full or read-only.
        BadInputError: the user may not write there.
    """
    try:
        yield
    except OSError as error:
        if error.errno in _NO_PLACE:
            raise TransientError(
                f"the landing zone {landing} cannot be written: {error.strerror}. Complete files "
                "stay; free some space and run the same command again to continue"
            ) from error
        if error.errno in (errno.EACCES, errno.EPERM):
            raise BadInputError(
                f"the landing zone {landing} cannot be written: {error.strerror}; give this "
                "user write access, or set MEDLOOM_LANDING to another folder"
            ) from error
        raise


def _folder(landing: Path, path: str) -> Path:
    """Create the folder of a path when missing; it must be inside the landing zone.

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
            f"{folder} cannot be created ({error.strerror}): a file of that name is in the way"
        ) from error
    if not folder.resolve().is_relative_to(landing.resolve()):
        raise BadInputError(
            f"{folder} is a link that leads out of the landing zone; remove it first"
        )
    return folder


def _is_abandoned(hidden: Path) -> bool:
    """Whether no running process holds the lock of a hidden file."""
    with suppress(OSError):
        handle = os.open(hidden, os.O_RDONLY | os.O_NOFOLLOW)
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        finally:
            os.close(handle)
        return True
    return False


@contextmanager
def _locked(landing: Path) -> Iterator[None]:
    """Hold the lock of the landing zone against other processes and threads; a kill frees it."""
    handle = os.open(landing, os.O_RDONLY | os.O_DIRECTORY)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)
