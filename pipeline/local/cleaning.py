"""What old work takes, and removing what no run needs any more."""

import shutil
import time
from dataclasses import dataclass
from pathlib import Path

from rich.filesize import decimal
from rich.table import Table

from pipeline.base.settings import Settings
from pipeline.ledger.journal import Journal
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


def what_lies_around(settings: Settings) -> list[Leftover]:
    """Old workspaces, checkpoints, logs and the cache, with their sizes in bytes."""
    decided = _decided_runs(settings)
    return [
        _leftover("workspaces", "of tries that were killed", _idle(settings.workspaces)),
        _leftover(
            "checkpoints",
            "of runs that have their verdict",
            [folder for folder in _children(settings.checkpoints) if folder.name in decided],
        ),
        _leftover("logs and runs", "older than 30 days", _old(settings)),
        _leftover(
            "cache", "kept: it saves work and can be built again", [settings.cache], removable=False
        ),
    ]


def remove(leftovers: list[Leftover]) -> None:
    """Remove what may go."""
    for path in (path for item in leftovers if item.removable for path in item.paths):
        shutil.rmtree(path) if path.is_dir() else path.unlink(missing_ok=True)


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


def _idle(workspaces: Path) -> list[Path]:
    """Workspaces that nothing has written to for an hour: no task is in them."""
    idle = time.time() - 3600
    return [folder for folder in _children(workspaces) if _newest(folder) < idle]


def _old(settings: Settings) -> list[Path]:
    limit = time.time() - _OLD_SECONDS
    found = [*_children(settings.runs), *_children(settings.logs / "tasks")]
    return [path for path in found if _newest(path) < limit]


def _children(folder: Path) -> list[Path]:
    return sorted(folder.iterdir()) if folder.is_dir() else []


def _newest(path: Path) -> float:
    return max((p.lstat().st_mtime for p in [path, *path.rglob("*")]), default=0.0)


def _size(path: Path) -> int:
    files = [path] if path.is_file() else path.rglob("*")
    return sum(file.lstat().st_size for file in files if file.is_file())
