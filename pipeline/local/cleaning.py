"""Finding and removing files that no run needs any more.

Workspaces and checkpoints are checked and removed under their leases, because a training may not
write to its workspace for days. Those without a lease, or with one that may be held on another
host, are kept and listed.
"""

import os
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path

from rich.filesize import decimal

from pipeline.base.project import Project
from pipeline.base.terminal import FitTable
from pipeline.ledger.journal import Journal
from pipeline.ledger.lease import hold_if_idle, lease_of
from pipeline.ledger.ledger import Ledger

_OLD_SECONDS = 30 * 24 * 3600


@dataclass(frozen=True)
class Leftover:
    """One kind of leftover: its paths, size in bytes, and whether it can be removed."""

    kind: str
    why: str
    paths: tuple[Path, ...]
    bytes: int
    removable: bool


def find_leftovers(project: Project) -> list[Leftover]:
    """Find old workspaces, checkpoints and logs, and the cache."""
    decided = _decided_runs(project)
    workspaces = _children(project.workspaces)
    checkpoints = [each for each in _children(project.checkpoints) if each.name in decided]
    kept = {each: _why_kept(project, each) for each in (*workspaces, *checkpoints)}
    return [
        _leftover("workspaces", "of killed tries", [each for each in workspaces if not kept[each]]),
        _leftover(
            "checkpoints", "of judged runs", [each for each in checkpoints if not kept[each]]
        ),
        *(
            _leftover(str(each.relative_to(project.state)), f"kept: {why}", [each], removable=False)
            for each, why in kept.items()
            if why
        ),
        _leftover("logs and runs", "older than 30 days", _old(project)),
        _leftover(
            "cache", "kept: it saves work and can be rebuilt", [project.cache], removable=False
        ),
    ]


def remove(project: Project, leftovers: list[Leftover]) -> list[Leftover]:
    """Remove the removable; returns the leftovers without paths that came into use meanwhile."""
    return [
        replace(item, paths=tuple(path for path in item.paths if _remove(project, path)))
        if item.removable
        else item
        for item in leftovers
    ]


def clean_table(leftovers: list[Leftover], *, dry_run: bool) -> FitTable:
    """The leftovers as a table."""
    table = FitTable("what", "why", "places", "size", "would go" if dry_run else "removed")
    for item in leftovers:
        goes = "yes" if item.removable and item.paths else "no"
        table.add_row(item.kind, item.why, str(len(item.paths)), decimal(item.bytes), goes)
    return table


def _leftover(kind: str, why: str, paths: list[Path], *, removable: bool = True) -> Leftover:
    return Leftover(kind, why, tuple(paths), sum(_size(path) for path in paths), removable)


def _decided_runs(project: Project) -> set[str]:
    if not project.state.is_dir():
        return set()
    return {record.run_key for record in Journal(Ledger(project)).records}


def _why_kept(project: Project, path: Path) -> str:
    with _reserved(project, path) as why:
        return why


def _remove(project: Project, path: Path) -> bool:
    with _reserved(project, path) as why:
        if not why:
            shutil.rmtree(path) if path.is_dir() else path.unlink(missing_ok=True)
    return not why


@contextmanager
def _reserved(project: Project, path: Path) -> Iterator[str]:
    """Hold the lease that protects a path; yields "", or the reason to keep the path."""
    if path.parent == project.checkpoints:
        lease: str | None = f"run-{path.name}"
    elif path.parent == project.workspaces:
        lease = lease_of(path.name)
    else:
        yield ""
        return
    if lease is None:
        yield "it has no known lease; if it is not in use, remove it by hand"
        return
    with hold_if_idle(project.leases, lease, "clean") as why:
        yield why


def _old(project: Project) -> list[Path]:
    limit = time.time() - _OLD_SECONDS
    found = [*_children(project.runs), *_children(project.logs / "tasks")]
    return [path for path in found if _newest(path) < limit]


def _children(folder: Path) -> list[Path]:
    return sorted(folder.iterdir()) if folder.is_dir() else []


def _newest(path: Path) -> float:
    return max((p.lstat().st_mtime for p in [path, *path.rglob("*")]), default=0.0)


def _size(path: Path) -> int:
    """Size in bytes of a file or a folder, which other processes may be changing."""
    below = (Path(folder, name) for folder, _, names in os.walk(path) for name in names)
    total = 0
    for file in [path] if path.is_file() else below:
        with suppress(FileNotFoundError):
            total += file.lstat().st_size
    return total
