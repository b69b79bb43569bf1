"""Many concurrent promotions: check that the history stays serial and the aliases match it.

Ledger, journal and projection are the real ones. An SQLite file replaces MLflow's registry, without
locks between calls, like MLflow. The judge compares numbers.
"""

import json
import multiprocessing
import sqlite3
import tempfile
import time
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass, field
from multiprocessing.context import SpawnProcess
from multiprocessing.synchronize import Barrier
from pathlib import Path
from typing import Any

from pipeline.base.project import Project
from pipeline.ledger.chain import read_chain
from pipeline.ledger.journal import FOLDER, Journal, Record
from pipeline.ledger.ledger import Ledger
from pipeline.promotion.champion import Facts, champion_number, decide_once
from pipeline.registry.aliases import JournalPosition, Projection

_PATIENCE = 300.0
"""Seconds that the promoters wait for each other."""


@dataclass(frozen=True)
class RaceTable:
    """The result of a race.

    Attributes:
        rounds: how often all promoters started at once.
        processes: promoters per round, each with its own candidate.
        promotions: records that made a champion.
        retries: decisions that were repeated because another one came first.
        violations: broken promises, in words; none are expected.
    """

    rounds: int
    processes: int
    promotions: int
    retries: int
    violations: tuple[str, ...]
    seconds: float = field(compare=False)

    @property
    def fine(self) -> bool:
        """Whether every promise was kept, and decisions did collide."""
        return not self.violations and self.retries > 0

    @property
    def words(self) -> str:
        """The name of this row."""
        return f"{self.processes} promoters, {self.rounds} rounds"


def race(rounds: int, processes: int, folder: Path | None = None) -> RaceTable:
    """Let processes promote different candidates at once, in several rounds.

    Args:
        rounds: number of rounds.
        processes: number of promoters.
        folder: for ledger and registry; must not exist. Default: a temporary one.
    """
    if folder is None:
        with tempfile.TemporaryDirectory() as temporary:
            return race(rounds, processes, Path(temporary) / "race")
    started = time.monotonic()
    folder.mkdir(parents=True)
    project = Project.load({"MEDLOOM_STATE": str(folder / "state" / "race")})
    ledger, registry = Ledger(project), SqliteRegistry(folder / "registry.sqlite")
    spawn = multiprocessing.get_context("spawn")
    barrier = spawn.Barrier(processes)
    promoters = [
        spawn.Process(target=_promote, args=(folder, number, rounds, processes, barrier))
        for number in range(processes)
    ]
    _run(promoters)
    told = [row for number in range(processes) for row in _told(folder, number)]
    journal = Journal(ledger)
    return RaceTable(
        rounds=rounds,
        processes=processes,
        promotions=sum(record.action == "promoted" for record in journal.records),
        retries=sum(row["judged"] - 1 for row in told),
        violations=tuple(violations(ledger, registry, told, rounds * processes)),
        seconds=time.monotonic() - started,
    )


def _run(promoters: list[SpawnProcess]) -> None:
    for promoter in promoters:
        promoter.start()
    for promoter in promoters:
        promoter.join()


# -- one promoter ----------------------------------------------------------------------------------


def _promote(folder: Path, number: int, rounds: int, processes: int, barrier: Barrier) -> None:
    """Promote one candidate per round, in step with all others, and write down the decisions."""
    project = Project.load({"MEDLOOM_STATE": str(folder / "state" / "race")})
    ledger, registry = Ledger(project), SqliteRegistry(folder / "registry.sqlite")
    with _notes(folder, number).open("w") as notes:
        for turn in range(rounds):
            version, judged = 1 + turn * processes + number, 0

            def decide(journal: Journal, version: int = version) -> Facts:
                nonlocal judged
                judged += 1
                return _verdict(version, journal)

            barrier.wait(_PATIENCE)
            record = decide_once(ledger, registry, _key(version), decide)
            row = {"version": version, "judged": judged, "record": record.model_dump()}
            notes.write(json.dumps(row) + "\n")
            notes.flush()
            barrier.wait(_PATIENCE)


def _verdict(version: int, journal: Journal) -> Facts:
    """Promote a version that is better than the champion."""
    champion = champion_number(journal)
    better = champion is None or quality(version) > quality(champion)
    return {
        "action": "promoted" if better else "rejected",
        "version": version,
        "weights_sha256": f"{version:064x}",
        "run_key": _key(version),
        "predecessor": champion,
        "verdict": {"against": champion},
        "test_set": "race",
        "by": "gate",
        "reason": f"quality {quality(version)}",
    }


def quality(version: int) -> int:
    """The quality of a candidate: distinct, and better for later versions up to some disorder."""
    return version * 1000 + (version * 7919) % 30011


def _key(version: int) -> str:
    return f"candidate-{version}"


def _notes(folder: Path, number: int) -> Path:
    return folder / f"promoter-{number}.jsonl"


def _told(folder: Path, number: int) -> list[dict[str, Any]]:
    """The decisions that a promoter wrote down; none if it did not start."""
    file = _notes(folder, number)
    return [json.loads(line) for line in file.read_text().splitlines()] if file.exists() else []


# -- what must hold --------------------------------------------------------------------------------


def violations(
    ledger: Ledger, registry: "SqliteRegistry", told: list[dict[str, Any]], expected: int
) -> Iterator[str]:
    """Every broken promise, in words.

    Args:
        ledger: after the race.
        registry: after the race.
        told: the decisions that the promoters wrote down.
        expected: number of decisions.
    """
    journal = Journal(ledger)
    files = ledger.read_folder(journal.commit, FOLDER) if journal.commit else {}
    if found := read_chain(files, Record)[1]:
        yield f"the chain is broken at {found.file}: {found.why}"
    yield from _not_serial(journal.records)
    decided = [record.version for record in journal.records]
    if sorted(decided, key=str) != sorted((row["version"] for row in told), key=str):
        yield f"decisions were lost or doubled: {sorted(decided, key=str)}"
    if len(decided) != expected:
        yield f"{expected} candidates were promoted, and {len(decided)} decisions are recorded"
    known = {record.sequence: record.model_dump() for record in journal.records}
    for row in told:
        if known.get(row["record"]["sequence"]) != row["record"]:
            yield f"the decision on version {row['version']} is not in the journal as reported"
    wanted, shown = Projection.of(journal), registry.projected()
    if shown != wanted:
        yield f"the registry has {shown}, the journal {wanted}"


def _not_serial(records: list[Record]) -> Iterator[str]:
    """Violations of: each verdict is against the champion at that point of the journal."""
    champion: int | None = None
    for record in records:
        if record.predecessor != champion or record.verdict.get("against") != champion:
            yield f"record {record.sequence} names {record.predecessor}, champion was {champion}"
        better = champion is None or quality(record.number) > quality(champion)
        if (record.action == "promoted") != better:
            yield f"record {record.sequence} is {record.action} against the order of quality"
        champion = record.version if record.action == "promoted" else champion


# -- the registry's double -------------------------------------------------------------------------


class SqliteRegistry:
    """Aliases and tags in a file; like MLflow, single calls are atomic and sequences are not."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self._do("CREATE TABLE IF NOT EXISTS facts (name TEXT PRIMARY KEY, value TEXT)")

    def aliases(self) -> dict[str, int]:
        """Alias -> version."""
        return {name: int(value) for name, value in self._facts("alias:")}

    def journal_position(self) -> JournalPosition | None:
        """Where the journal stood when it was last projected."""
        tags = dict(self._facts("tag:"))
        return JournalPosition(tags["head"], int(tags["records"])) if "records" in tags else None

    def apply(self, projection: Projection) -> None:
        """Set aliases and tags to the projection, by one call each."""
        now = self.aliases()
        wanted = projection._asdict()
        for name in ("champion", "previous", "challenger"):
            if wanted[name] is None and name in now:
                self._do("DELETE FROM facts WHERE name = ?", f"alias:{name}")
            elif wanted[name] is not None and now.get(name) != wanted[name]:
                self._set(f"alias:{name}", wanted[name])
        self._set("tag:head", projection.journal.head)
        self._set("tag:records", projection.journal.records)

    def projected(self) -> Projection | None:
        """What was projected, read back; None: nothing."""
        now, position = self.aliases(), self.journal_position()
        if position is None:
            return None
        return Projection(now.get("champion"), now.get("previous"), now.get("challenger"), position)

    def _set(self, name: str, value: object) -> None:
        self._do("INSERT OR REPLACE INTO facts VALUES (?, ?)", name, str(value))

    def _facts(self, kind: str) -> list[tuple[str, str]]:
        found = self._do("SELECT name, value FROM facts WHERE name LIKE ?", f"{kind}%")
        return [(name.removeprefix(kind), value) for name, value in found]

    def _do(self, statement: str, *values: str) -> list[tuple[str, str]]:
        with closing(sqlite3.connect(self._file, timeout=60)) as database, database:
            return database.execute(statement, values).fetchall()
