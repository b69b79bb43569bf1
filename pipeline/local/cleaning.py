"""What old work takes, and removing what no run needs any more.

Whether a workspace or a checkpoint is worked on is asked of its lease, and it is removed under that
lease: a training may be silent in its workspace for days. What has no lease, or one of which nobody
here can tell whether it is held, is kept and named.
"""

import os
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path

from rich.filesize import decimal
from rich.table import Table

from pipeline.base.settings import Settings
from pipeline.ledger.journal import Journal
from pipeline.ledger.lease import hold_if_idle, lease_of
from pipeline.ledger.ledger import Ledger

_OLD_SECONDS = 30 * 24 * 3600


@dataclass(frozen=True)
class Leftover:
    """One kind of leftover: where it lies, what it takes, and whether it may go."""

    kind: str
    why: str
    paths: tuple[Path, ...]
    bytes: int
    removable: bool


def find_leftovers(settings: Settings) -> list[Leftover]:
    """Old workspaces, checkpoints, logs and the cache, with their sizes in bytes."""
    decided = _decided_runs(settings)
    workspaces = _children(settings.workspaces)
    checkpoints = [each for each in _children(settings.checkpoints) if each.name in decided]
    kept = {each: _why_kept(settings, each) for each in (*workspaces, *checkpoints)}
    return [
        _leftover("workspaces", "of tries that were killed", _idle(workspaces, kept)),
        _leftover("checkpoints", "of runs that have their verdict", _idle(checkpoints, kept)),
        *(
            _leftover(
                str(each.relative_to(settings.state)), f"kept: {why}", [each], removable=False
            )
            for each, why in kept.items()
            if why
        ),
        _leftover("logs and runs", "older than 30 days", _old(settings)),
        _leftover(
            "cache", "kept: it saves work and can be built again", [settings.cache], removable=False
        ),
    ]


def remove(settings: Settings, leftovers: list[Leftover]) -> list[Leftover]:
    """Remove what may go; returns the same without what somebody has begun to use meanwhile."""
    return [
        replace(item, paths=tuple(path for path in item.paths if _remove(settings, path)))
        if item.removable
        else item
        for item in leftovers
    ]


def clean_table(leftovers: list[Leftover], *, dry_run: bool) -> Table:
    """What there was, for a person."""
    table = Table("what", "why", "places", "size", "would go" if dry_run else "removed")
    for item in leftovers:
        goes = "yes" if item.removable and item.paths else "no"
        table.add_row(item.kind, item.why, str(len(item.paths)), decimal(item.bytes), goes)
    return table


def _leftover(kind: str, why: str, paths: list[Path], *, removable: bool = True) -> Leftover:
    return Leftover(kind, why, tuple(paths), sum(_size(path) for path in paths), removable)


def _decided_runs(settings: Settings) -> set[str]:
    if not settings.state.is_dir():
        return set()
    return {record.run_key for record in Journal(Ledger(settings)).records}


def _idle(folders: list[Path], kept: dict[Path, str]) -> list[Path]:
    return [folder for folder in folders if not kept[folder]]


def _why_kept(settings: Settings, path: Path) -> str:
    with _reserved(settings, path) as why:
        return why


def _remove(settings: Settings, path: Path) -> bool:
    with _reserved(settings, path) as why:
        if not why:
            shutil.rmtree(path) if path.is_dir() else path.unlink(missing_ok=True)
    return not why


@contextmanager
def _reserved(settings: Settings, path: Path) -> Iterator[str]:
    """Hold the lease that a path is worked on under; yields why it must stay, or an empty text."""
    if path.parent == settings.checkpoints:
        lease: str | None = f"run-{path.name}"
    elif path.parent == settings.workspaces:
        lease = lease_of(path.name)
    else:
        yield ""
        return
    if lease is None:
        yield "no lease tells who works there; where nobody does, remove it by hand"
        return
    with hold_if_idle(settings.leases, lease, "clean") as why:
        yield why


def _old(settings: Settings) -> list[Path]:
    limit = time.time() - _OLD_SECONDS
    found = [*_children(settings.runs), *_children(settings.logs / "tasks")]
    return [path for path in found if _newest(path) < limit]


def _children(folder: Path) -> list[Path]:
    return sorted(folder.iterdir()) if folder.is_dir() else []


def _newest(path: Path) -> float:
    return max((p.lstat().st_mtime for p in [path, *path.rglob("*")]), default=0.0)


def _size(path: Path) -> int:
    """Bytes of a file or of all below a folder, in which others may work meanwhile."""
    below = (Path(folder, name) for folder, _, names in os.walk(path) for name in names)
    total = 0
    for file in [path] if path.is_file() else below:
        with suppress(FileNotFoundError):
            total += file.lstat().st_size
    return total
