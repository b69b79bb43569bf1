"""The local index: which file of the landing zone became what. It may be lost at any time.

Files are called by pseudonyms (`pipeline.data.names`), since their names may be patients';
whoever may read the landing zone can tell which is which. The index lets the next ingest skip files
that did not change. It is written after the ledger has accepted a revision; an ingest that finds
no index reads the landing zone again and comes to the same outcomes.
"""

import sqlite3
from collections.abc import Iterable, Iterator
from contextlib import closing, contextmanager
from dataclasses import astuple, dataclass, fields
from pathlib import Path
from typing import Self

from pipeline.base.errors import BadInputError, TransientError
from pipeline.base.project import Project
from pipeline.data.landing.zone import LIST_MARK, scan
from pipeline.data.names import Pseudonyms
from pipeline.data.refusal import TRANSIENT

_VERSION = 3


@dataclass(frozen=True)
class Entry:
    """What became of one file of the landing zone, or of one image in a file of several.

    Attributes:
        file: pseudonym of the path in the landing zone.
        item: number of the image within the file, from 1; 0 of the file as a whole.
        size, mtime_ns: when it was read; another value means another file.
        outcome: ingested, duplicate or quarantined.
        label: class, or "".
        extension: of the name, as ".png", or "".
        source_sha256: of the file's bytes, or "" when it was not read.
        image_id: of its pixels, or "" when they were not decoded.
        reason, detail: of a quarantined file; no names in them.
        batch: that brought the image, of an ingested file.
        rules: hash of the ingest section that it was judged by.
        beside: hash of the files beside it that say where findings are, and of what a medloom.csv
            says; "" without any.
    """

    file: str
    item: int
    size: int
    mtime_ns: int
    outcome: str
    label: str = ""
    extension: str = ""
    source_sha256: str = ""
    image_id: str = ""
    reason: str = ""
    detail: str = ""
    batch: str = ""
    rules: str = ""
    beside: str = ""

    @property
    def key(self) -> tuple[str, int]:
        """What it is called: file and item."""
        return self.file, self.item


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

    def __init__(self, file: Path, names: Pseudonyms) -> None:
        self.file, self.names = file, names

    @classmethod
    def of(cls, project: Project) -> Self:
        """The index of a project.

        Raises:
            BadInputError: the key of the pseudonyms cannot be read.
        """
        return cls(project.index_file, Pseudonyms.load(project.patient_key, make=True))

    def entries(self) -> list[Entry]:
        """All entries, by file and item."""
        with self._open() as connection:
            rows = connection.execute(
                f"SELECT {', '.join(_COLUMNS)} FROM files ORDER BY file, item"  # noqa: S608
            )
            return [Entry(*row) for row in rows]

    def of_path(self, path: str) -> list[Entry]:
        """The entries of one file of the landing zone, by its path there."""
        name = self.names.file(path)
        return [entry for entry in self.entries() if entry.file == name]

    def record(self, entries: Iterable[Entry]) -> None:
        """Remember entries, in one transaction, in the place of all that is known of their files.

        A file of which something must be tried again is forgotten.
        """
        entries = list(entries)
        again = {entry.file for entry in entries if entry.reason in TRANSIENT}
        marks = ", ".join("?" * len(_COLUMNS))
        with self._open() as connection, connection:
            connection.executemany(
                "DELETE FROM files WHERE file = ?", {(entry.file,) for entry in entries}
            )
            connection.executemany(
                f"INSERT INTO files VALUES ({marks})",  # noqa: S608 - question marks only
                [astuple(entry) for entry in entries if entry.file not in again],
            )

    def forget(self, entries: Iterable[Entry]) -> None:
        """Remove entries so that nothing of them stays in the file."""
        with self._open() as connection:
            connection.execute("PRAGMA secure_delete = ON")
            with connection:
                connection.executemany(
                    "DELETE FROM files WHERE file = ? AND item = ?",
                    [entry.key for entry in entries],
                )

    def pending(self, landing: Path) -> PendingFiles:
        """Files of the landing zone that are new or changed; nothing is opened."""
        with self._open() as connection:
            known = {
                (file, size, mtime, beside.partition(LIST_MARK)[0])
                for file, size, mtime, beside in connection.execute(
                    "SELECT DISTINCT file, size, mtime_ns, beside FROM files"
                )
            }
        times = [
            max(found.arrived_ns, *(one.file.arrived_ns for one in found.beside), 0) / 1e9
            for found in scan(landing)[0]
            if (self.names.file(found.path), found.size, found.mtime_ns, found.beside_digest)
            not in known
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
            "CREATE TABLE files (file TEXT, item INTEGER, size INTEGER, mtime_ns INTEGER, "
            "outcome TEXT, label TEXT, extension TEXT, source_sha256 TEXT, image_id TEXT, "
            "reason TEXT, detail TEXT, batch TEXT, rules TEXT, beside TEXT, "
            "PRIMARY KEY (file, item))"
        )
        connection.execute(f"PRAGMA user_version = {_VERSION}")


def _is_ours(connection: sqlite3.Connection) -> bool:
    return bool(connection.execute("PRAGMA user_version").fetchone() == (_VERSION,))
