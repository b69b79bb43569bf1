"""The local index: which file of the landing zone became what. It may be lost at any time.

It holds the source names, which no versioned file does, and lets the next ingest skip files that
did not change. It is written after the ledger has accepted a revision; an ingest that finds no
index reads the landing zone again and comes to the same outcomes.
"""

import os
import sqlite3
from collections.abc import Iterable, Iterator
from contextlib import closing, contextmanager
from dataclasses import astuple, dataclass, fields
from pathlib import Path

from pipeline.errors import BadInputError, TransientError
from pipeline.ingest.landing import scan
from pipeline.ingest.refusal import TRANSIENT

_VERSION = 1


@dataclass(frozen=True)
class Entry:
    """What became of one file of the landing zone.

    Attributes:
        path: relative to the landing zone, surrogate-escaped.
        size, mtime_ns: when it was read; another value means another file.
        outcome: ingested, duplicate or quarantined.
        label: class by its folder, or "".
        source_sha256: of the file's bytes, or "" when it was not read.
        image_id: of its pixels, or "" when they were not decoded.
        reason, detail: of a quarantined file; no names in them.
        batch: that brought the image, of an ingested file.
        rules: hash of the ingest section that it was judged by.
    """

    path: str
    size: int
    mtime_ns: int
    outcome: str
    label: str = ""
    source_sha256: str = ""
    image_id: str = ""
    reason: str = ""
    detail: str = ""
    batch: str = ""
    rules: str = ""


@dataclass(frozen=True)
class PendingFiles:
    """Files that no ingest has judged yet; times in seconds since 1970, None when count is 0."""

    count: int
    oldest_arrival: float | None
    newest_arrival: float | None


_COLUMNS = [field.name for field in fields(Entry)]


class LocalIndex:
    """A SQLite file, made when missing.

    Raises (any method):
        BadInputError: the file is not an index; delete it, the next ingest builds it again.
        TransientError: it is locked by another process, or the disk is full.
    """

    def __init__(self, file: Path) -> None:
        self.file = file

    def entries(self) -> dict[str, Entry]:
        """All entries by path."""
        with self._open() as connection:
            rows = connection.execute(f"SELECT {', '.join(_COLUMNS)} FROM files")  # noqa: S608
            entries = (Entry(os.fsdecode(path), *rest) for path, *rest in rows)
            return {entry.path: entry for entry in entries}

    def record(self, entries: Iterable[Entry]) -> None:
        """Remember entries, in one transaction; those that must be tried again are forgotten."""
        rows = [(os.fsencode(entry.path), *astuple(entry)[1:]) for entry in entries]
        reason = _COLUMNS.index("reason")
        marks = ", ".join("?" * len(_COLUMNS))
        with self._open() as connection, connection:
            connection.executemany("DELETE FROM files WHERE path = ?", [row[:1] for row in rows])
            connection.executemany(
                f"INSERT INTO files VALUES ({marks})",  # noqa: S608 - question marks only
                [row for row in rows if row[reason] not in TRANSIENT],
            )

    def forget(self, paths: Iterable[str]) -> None:
        """Remove entries so that nothing of them stays in the file."""
        with self._open() as connection:
            connection.execute("PRAGMA secure_delete = ON")
            with connection:
                connection.executemany(
                    "DELETE FROM files WHERE path = ?", [(os.fsencode(path),) for path in paths]
                )

    def pending(self, landing: Path) -> PendingFiles:
        """Files of the landing zone that are new or changed; nothing is opened."""
        with self._open() as connection:
            known = set(connection.execute("SELECT path, size, mtime_ns FROM files"))
        times = [
            found.arrived_ns / 1e9
            for found in scan(landing)[0]
            if (os.fsencode(found.path), found.size, found.mtime_ns) not in known
        ]
        return PendingFiles(len(times), min(times, default=None), max(times, default=None))

    @contextmanager
    def _open(self) -> Iterator[sqlite3.Connection]:
        self.file.parent.mkdir(parents=True, exist_ok=True)
        try:
            with closing(sqlite3.connect(self.file, timeout=30)) as connection:
                _prepare(connection)
                yield connection
        except sqlite3.OperationalError as error:  # locked, disk full
            raise TransientError(f"the local index {self.file}: {error}") from error
        except sqlite3.DatabaseError as error:
            raise BadInputError(
                f"the local index {self.file} cannot be used ({error}): delete it, and the next "
                "`medloom ingest` builds it again from the landing zone"
            ) from error


def _prepare(connection: sqlite3.Connection) -> None:
    """Make the table; one of another version is dropped, as it can be built again."""
    if _is_ours(connection):
        return
    with connection:
        # Asked again once nobody else can write: whoever came first has made the table, and may
        # have filled it. Without BEGIN, sqlite3 commits each of these statements by itself.
        connection.execute("BEGIN IMMEDIATE")
        if _is_ours(connection):
            return
        connection.execute("DROP TABLE IF EXISTS files")
        connection.execute(
            "CREATE TABLE files (path BLOB PRIMARY KEY, size INTEGER, mtime_ns INTEGER, "
            "outcome TEXT, label TEXT, source_sha256 TEXT, image_id TEXT, reason TEXT, "
            "detail TEXT, batch TEXT, rules TEXT)"
        )
        connection.execute(f"PRAGMA user_version = {_VERSION}")


def _is_ours(connection: sqlite3.Connection) -> bool:
    return bool(connection.execute("PRAGMA user_version").fetchone() == (_VERSION,))
