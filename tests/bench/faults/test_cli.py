"""`medloom bench faults`: what it says of what held, and of what did not."""

import json
from collections.abc import Iterator
from typing import Any

import pytest
import typer
from typer.testing import CliRunner

from bench.faults import cli
from bench.faults.crashes import Crash
from bench.faults.outages import Outage
from bench.faults.race import RaceTable
from bench.faults.storm import StormTable
from bench.faults.tables import TABLES
from bench.faults.tamper import Tampered
from pipeline.base.errors import BadInputError
from pipeline.base.terminal import Terminal

GOOD: dict[str, Any] = {
    "race": RaceTable(2, 3, 4, 1, (), 1.0),
    "crashes": Crash("promote", "before git push (2)", True, (), ("git push",), ()),
    "outages": Outage("ingest", "remote full", 75, "medloom: no space left"),
    "tamper": Tampered("tag in the registry", True, ("version 1: tag",)),
    "storm": StormTable(5, 4, 20, 2, (), 60.0),
}
BAD: dict[str, Any] = {
    "race": RaceTable(2, 3, 4, 1, ("the chain is broken",), 1.0),
    "crashes": Crash("promote", "before git push (2)", True, ("objects: 1 is 2",), (), ()),
    "outages": Outage("ingest", "remote full", 1, "Traceback"),
    "tamper": Tampered("tag in the registry", False, ()),
    "storm": StormTable(5, 4, 20, 4, (), 60.0),
}
SAYS = {
    "race": "the chain is broken", "crashes": "objects: 1 is 2", "outages": "Traceback",
    "tamper": "MISSED", "storm": "4",
}  # fmt: skip


@pytest.fixture
def app() -> typer.Typer:
    made = typer.Typer()
    made.command()(cli.faults)
    return made


def test_every_part_has_rows_of_both_kinds_here() -> None:
    assert set(cli.PARTS) == set(TABLES) == set(GOOD) == set(BAD)


@pytest.mark.parametrize("part", cli.PARTS)
def test_a_broken_promise_is_told_and_is_the_exit_code(
    app: typer.Typer, part: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows: list[Any] = []

    def made(*_: object) -> Iterator[Any]:
        yield from rows

    monkeypatch.setattr(cli, "_rows", made)
    monkeypatch.setattr(cli, "Terminal", lambda: Terminal(width=200))
    rows.append(GOOD[part])
    assert CliRunner().invoke(app, [part]).exit_code == 0
    rows.append(BAD[part])
    found = CliRunner().invoke(app, [part])
    assert found.exit_code == 1
    assert SAYS[part] in found.stdout
    told = CliRunner().invoke(app, [part, "--json"])
    assert [row["fine"] for row in json.loads(told.stdout)[part]] == [True, False]


def test_a_real_race_through_the_command(app: typer.Typer) -> None:
    found = CliRunner().invoke(
        app, ["race", "--rounds", "2", "--processes", "2", "--json"], catch_exceptions=False
    )
    (row,) = json.loads(found.stdout)["race"]
    assert (row["rounds"], row["processes"], row["violations"]) == (2, 2, [])
    assert found.exit_code == (0 if row["retries"] else 1)


def test_an_unknown_part_is_refused_by_name(app: typer.Typer) -> None:
    found = CliRunner().invoke(app, ["rase"])
    assert isinstance(found.exception, BadInputError)
    assert "rase" in str(found.exception)
    assert "race, crashes" in str(found.exception)
