"""An index of the ledger's listings, so that "who used this image" is answered at once.

It is a SQLite file in the cache and never the truth: it may be deleted at any time. What it keeps
of the ledger's objects goes by their git ids, whose content cannot change, and stays; what the
branches and the journal say is written anew, in one transaction, whenever one of them has moved.
"""

import csv
import fcntl
import hashlib
import io
import json
import sqlite3
from collections.abc import Callable, Iterable, Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from pipeline.audit.history import History
from pipeline.base.errors import BadInputError, TransientError
from pipeline.base.settings import Settings
from pipeline.ledger.journal import VERDICTS, Journal, Record, champions

Say = Callable[[str, int, int], None]
T = TypeVar("T")

_VERSION = 1
_AT_ONCE = 50  # batches held in memory together
_COLUMNS = ("id", "sha256", "source_sha256", "label", "group", "split")
_SCHEMA = f"""
CREATE TABLE made_of (heads TEXT NOT NULL);
CREATE TABLE blobs (blob INTEGER PRIMARY KEY, oid TEXT NOT NULL UNIQUE);
CREATE TABLE images (
    blob INTEGER NOT NULL, id BLOB NOT NULL, stored BLOB NOT NULL, source BLOB NOT NULL,
    label TEXT NOT NULL, grp TEXT NOT NULL, split TEXT NOT NULL);
CREATE INDEX by_id ON images (id);
CREATE INDEX by_stored ON images (stored);
CREATE INDEX by_source ON images (source);
CREATE INDEX by_group ON images (grp);
CREATE TABLE listings (listing TEXT, blob INTEGER, PRIMARY KEY (listing, blob)) WITHOUT ROWID;
CREATE INDEX by_blob ON listings (blob);
CREATE TABLE run_heads (head TEXT PRIMARY KEY, data TEXT NOT NULL, trained INTEGER NOT NULL);
CREATE TABLE run_listings (head TEXT, listing TEXT, PRIMARY KEY (head, listing)) WITHOUT ROWID;
CREATE INDEX by_listing ON run_listings (listing);
CREATE TABLE revisions (
    number INTEGER PRIMARY KEY, data TEXT NOT NULL, time TEXT NOT NULL, listing TEXT);
CREATE INDEX revisions_by_listing ON revisions (listing);
CREATE TABLE runs (key TEXT PRIMARY KEY, head TEXT NOT NULL);
CREATE INDEX runs_by_head ON runs (head);
CREATE TABLE versions (key TEXT PRIMARY KEY, version INTEGER NOT NULL, verdict TEXT NOT NULL);
CREATE TABLE tenures (version INTEGER NOT NULL, since TEXT NOT NULL, until TEXT);
PRAGMA user_version = {_VERSION};
"""


def quiet(what: str, done: int, total: int) -> None:
    """Tell nobody."""


@dataclass(frozen=True)
class Index:
    """The index, up to date with the ledger as it was read.

    Attributes:
        history: the ledger that it is of.
        rows: its tables.
    """

    history: History
    rows: sqlite3.Connection


def index_file(settings: Settings) -> Path:
    """Where a ledger's index lies: projects may share a cache."""
    name = hashlib.sha256(settings.ledger.encode()).hexdigest()[:12]
    return settings.cache / f"audit-{name}.sqlite"


def ask(
    settings: Settings, question: Callable[[Index], T], say: Say = quiet, *, anew: bool = False
) -> T:
    """Put a question to the index, after what came to the ledger since was read into it.

    It is made again when it is missing, damaged or of another version of medloom, or `anew` is
    asked for.

    Args:
        settings: of the project.
        question: its answer is returned.
        say: told what is read: (what, done, to do).
        anew: forget what is there.

    Raises:
        BadInputError: the journal is broken, or a listing is none.
        TransientError: the ledger cannot be reached, or the index cannot be written.
    """
    file = index_file(settings)
    file.parent.mkdir(parents=True, exist_ok=True)
    with file.with_suffix(".lock").open("a") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        history = History(settings)
        try:
            return _answer(file, history, question, say, anew=anew)
        except sqlite3.DatabaseError:
            try:
                return _answer(file, history, question, say, anew=True)
            except sqlite3.DatabaseError as error:
                raise TransientError(f"the index {file} cannot be made: {error}") from error


def describe(settings: Settings, say: Say = quiet, *, anew: bool = False) -> dict[str, int | str]:
    """What the index holds, and the commits that it is of; as `ask` otherwise."""
    counts = {
        "data revisions": "revisions",
        "batches": "blobs",
        "rows of batches": "images",
        "runs": "runs",
        "versions with a verdict": "versions",
    }

    def count(index: Index) -> dict[str, int | str]:
        return {
            what: int(index.rows.execute(f"SELECT count(*) FROM {table}").fetchone()[0])  # noqa: S608
            for what, table in counts.items()
        } | {f"of {name}": index.history.heads.get(name, "none") for name in ("data", "journal")}

    return ask(settings, count, say, anew=anew)


def _answer(
    file: Path, history: History, question: Callable[[Index], T], say: Say, *, anew: bool
) -> T:
    if anew or not _is_ours(file):
        for suffix in ("", "-journal"):
            file.with_name(file.name + suffix).unlink(missing_ok=True)
    with closing(sqlite3.connect(file, isolation_level=None)) as rows:
        _update(rows, history, say)
        return question(Index(history, rows))


def _is_ours(file: Path) -> bool:
    with closing(sqlite3.connect(file)) as rows:
        return bool(rows.execute("PRAGMA user_version").fetchone() == (_VERSION,))


# -- from the ledger -------------------------------------------------------------------------------


def _update(rows: sqlite3.Connection, history: History, say: Say) -> None:
    """Bring the index to where the ledger is, in one transaction."""
    rows.execute("BEGIN IMMEDIATE")
    if rows.execute("PRAGMA user_version").fetchone() != (_VERSION,):
        for statement in _SCHEMA.split(";"):
            rows.execute(statement)
    now = json.dumps(history.heads, sort_keys=True)
    if rows.execute("SELECT heads FROM made_of").fetchone() != (now,):
        _follow(rows, history, say)
        _replace(rows, "made_of", [(now,)])
    rows.execute("COMMIT")


def _follow(rows: sqlite3.Connection, history: History, say: Say) -> None:
    """Read what the ledger holds and the index does not; forget what the ledger forgot."""
    records = Journal(history.ledger).records
    revisions = history.revisions()
    listings = history.manifests(revision.id for revision in revisions)
    numbered = enumerate(zip(revisions, listings, strict=True), 1)
    _replace(rows, "revisions", ((n, one.id, one.time, listing) for n, (one, listing) in numbered))
    _replace(rows, "runs", history.run_heads.items())
    verdicts = {record.run_key: record for record in records if record.action in VERDICTS}
    _replace(rows, "versions", ((key, r.number, r.action) for key, r in verdicts.items()))
    _replace(rows, "tenures", champions(records))
    _add_runs(rows, history)
    _add_lost_runs(rows, history, verdicts)
    _add_listings(rows, history, say)


def _add_runs(rows: sqlite3.Connection, history: History) -> None:
    """Which listings each run lay on, and whether it has come to weights."""
    rows.execute("DELETE FROM run_heads WHERE head NOT IN (SELECT head FROM runs)")
    rows.execute("DELETE FROM run_listings WHERE head NOT IN (SELECT head FROM runs)")
    query = "SELECT key FROM runs WHERE head NOT IN (SELECT head FROM run_heads) ORDER BY key"
    if not (keys := [key for (key,) in rows.execute(query)]):
        return
    runs = list(history.runs(keys))
    heads = ((run.head, run.data, "train" in run.stages) for run in runs)
    rows.executemany("INSERT OR REPLACE INTO run_heads VALUES (?, ?, ?)", heads)
    _lay_on(rows, history, [(run.head, commit.id) for run in runs for commit in run.commits])


def _add_lost_runs(rows: sqlite3.Connection, history: History, verdicts: dict[str, Record]) -> None:
    """A version whose run's branch is gone learned from the data that its verdict names."""
    lost = {key: record.data for key, record in verdicts.items() if key not in history.run_heads}
    heads = {key: f"gone:{key}" for key in lost}
    rows.executemany("INSERT INTO runs VALUES (?, ?)", heads.items())
    named = ((heads[key], data, True) for key, data in lost.items())
    rows.executemany("INSERT OR REPLACE INTO run_heads VALUES (?, ?, ?)", named)
    _lay_on(rows, history, [(heads[key], data) for key, data in lost.items() if data])


def _lay_on(rows: sqlite3.Connection, history: History, work: list[tuple[str, str]]) -> None:
    """Keep the listing of each commit as one that the run (its head) lay on."""
    listings = history.manifests(commit for _, commit in work)
    found = {(head, at) for (head, _), at in zip(work, listings, strict=True) if at}
    rows.executemany("INSERT OR IGNORE INTO run_listings VALUES (?, ?)", found)


def _add_listings(rows: sqlite3.Connection, history: History, say: Say) -> None:
    """The rows of every listing that is not known yet."""
    query = (
        "SELECT listing FROM revisions WHERE listing IS NOT NULL "
        "UNION SELECT listing FROM run_listings EXCEPT SELECT listing FROM listings"
    )
    new = [listing for (listing,) in rows.execute(query)]
    batches = dict(zip(new, history.batches(new), strict=True))
    known = dict(rows.execute("SELECT oid, blob FROM blobs"))
    missing = sorted({blob for blobs in batches.values() for blob in blobs} - known.keys())
    for start in range(0, len(missing), _AT_ONCE):
        oids = missing[start : start + _AT_ONCE]
        for oid, content in zip(oids, history.git.contents(oids), strict=True):
            known[oid] = len(known) + 1
            rows.execute("INSERT INTO blobs VALUES (?, ?)", (known[oid], oid))
            rows.executemany("INSERT INTO images VALUES (?, ?, ?, ?, ?, ?, ?)",
                             _images(known[oid], oid, content))  # fmt: skip
        say("batches", start + len(oids), len(missing))
    pairs = ((listing, known[blob]) for listing, blobs in batches.items() for blob in blobs)
    rows.executemany("INSERT OR IGNORE INTO listings VALUES (?, ?)", pairs)


def _images(number: int, oid: str, content: bytes | None) -> Iterator[tuple[object, ...]]:
    """A batch's rows as the table has them."""
    try:
        lines = csv.reader(io.StringIO((content or b"").decode(), newline=""))
        header = next(lines)
        at = [header.index(name) for name in _COLUMNS]
        for line in lines:
            id_, stored, source, label, group, split = (line[column] for column in at)
            hashes = (bytes.fromhex(text) for text in (id_, stored, source))
            yield (number, *hashes, label, group, split)
    except (ValueError, IndexError, StopIteration) as error:
        raise BadInputError(
            f"the ledger's object {oid} is no manifest of a batch: {error}; "
            "`medloom audit verify` says which revision it belongs to"
        ) from error


def _replace(rows: sqlite3.Connection, table: str, content: Iterable[tuple[object, ...]]) -> None:
    """Give a table other rows."""
    lines = list(content)
    rows.execute(f"DELETE FROM {table}")  # noqa: S608 - a name of ours
    if lines:
        holes = ", ".join("?" * len(lines[0]))
        rows.executemany(f"INSERT INTO {table} VALUES ({holes})", lines)  # noqa: S608
