"""Promoters that race: the history stays serial, and a broken one is told from a whole one."""

from pathlib import Path
from typing import Any

import pytest

from bench.faults import race as faults_race
from bench.faults.race import SqliteRegistry, race, violations
from pipeline.base.project import Project
from pipeline.ledger.journal import Journal
from pipeline.ledger.ledger import Ledger
from pipeline.registry.aliases import update_aliases


@pytest.mark.timeout(300)
def test_promoters_at_once_make_one_history(tmp_path: Path) -> None:
    table = race(3, 4, tmp_path / "race")
    assert table.violations == ()
    assert table.promotions >= 3, "the best candidate of each round is better than all before"
    assert table.retries > 0, "nobody raced, so nothing was shown"


@pytest.fixture
def registry(tmp_path: Path) -> SqliteRegistry:
    return SqliteRegistry(tmp_path / "registry.sqlite")


def decide(ledger: Ledger, version: int, **changes: Any) -> dict[str, Any]:
    journal = Journal(ledger)
    record = journal.append(**faults_race._verdict(version, journal) | changes)
    assert record
    return {"version": version, "judged": 1, "record": record.model_dump()}


def test_a_whole_history_has_no_violation(project: Project, registry: SqliteRegistry) -> None:
    ledger = Ledger(project)
    told = [decide(ledger, version) for version in (1, 2)]
    update_aliases(ledger, registry)
    assert list(violations(ledger, registry, told, 2)) == []


def test_broken_promises_are_found(project: Project, registry: SqliteRegistry) -> None:
    ledger = Ledger(project)
    told = [decide(ledger, version) for version in (1, 2)]
    stale = update_aliases(ledger, registry)
    told.append(decide(ledger, 3, predecessor=1))
    told.append({**told[-1], "version": 9})
    found = "\n".join(violations(ledger, registry, told, 4))
    assert "record 3 names 1, champion was 2" in found
    assert "the registry has" in found
    assert "lost or doubled" in found
    assert "4 candidates were promoted, and 3" in found
    assert len(stale.records) == 2
