"""Bringing files into the landing zone as any sender should: whole files, none overwritten."""

import hashlib
import os
import shutil
import stat
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from pipeline.errors import BadInputError


@dataclass(frozen=True)
class Fed:
    """How many files were copied, and how many lay there already."""

    copied: int
    present: int


def feed(
    source: Path, landing: Path, *, on_progress: Callable[[int, int], None] | None = None
) -> Fed:
    """Copy a folder of class folders into the landing zone; the source is only read.

    Symbolic links are copied as links (ingest will refuse them and say so); pipes and devices
    stay where they are. A file of the same name but another content comes in beside the one that
    lies there, under a name with a piece of its hash.

    Raises:
        BadInputError: the source is missing, is no folder, holds no class folder, or lies inside
            the landing zone.
    """
    source = source.expanduser()
    if not source.is_dir():
        raise BadInputError(f"{source} is not a folder; give a folder of class folders of images")
    source = source.resolve()
    if source == landing.resolve() or source.is_relative_to(landing.resolve()):
        return Fed(0, sum(1 for _ in _files(source)))
    if not any(entry.is_dir() for entry in source.iterdir()):
        raise BadInputError(
            f"{source} holds no folder; it must hold one folder a class, "
            f"as in {source}/stone/0001.png"
        )
    files = list(_files(source))
    copied = 0
    for number, file in enumerate(files, 1):
        copied += _bring(file, landing / file.relative_to(source))
        if on_progress:
            on_progress(number, len(files))
    return Fed(copied, len(files) - copied)


def _files(folder: Path) -> Iterator[Path]:
    """Files and links below `folder`, sorted; links to folders are not entered."""
    for here, folders, names in os.walk(folder):
        folders.sort()
        links = [name for name in folders if (Path(here) / name).is_symlink()]
        for name in sorted([*names, *links]):
            path = Path(here) / name
            if stat.S_ISREG(path.lstat().st_mode) or path.is_symlink():
                yield path


def _bring(file: Path, target: Path) -> bool:
    """Copy one file; False when it lies there already."""
    if target.is_symlink() or target.exists():
        if _same(file, target):
            return False
        target = target.with_name(f"{target.stem}~{_fingerprint(file)}{target.suffix}")
        if target.is_symlink() or target.exists():
            return False
    target.parent.mkdir(parents=True, exist_ok=True)
    # Hidden until it is whole: ingest passes over names that begin with a dot.
    temporary = target.with_name(f".arriving-{uuid.uuid4().hex}")
    shutil.copy2(file, temporary, follow_symlinks=False)
    temporary.replace(target)
    return True


def _same(file: Path, target: Path) -> bool:
    if file.is_symlink() or target.is_symlink():
        return file.is_symlink() == target.is_symlink() and file.readlink() == target.readlink()
    mine, theirs = file.stat(), target.stat()
    if (mine.st_size, mine.st_mtime_ns) == (theirs.st_size, theirs.st_mtime_ns):
        return True
    return mine.st_size == theirs.st_size and file.read_bytes() == target.read_bytes()


def _fingerprint(file: Path) -> str:
    content = os.fsencode(file.readlink()) if file.is_symlink() else file.read_bytes()
    return hashlib.sha256(content).hexdigest()[:8]
