"""`medloom bench faults`: inject faults and check medloom's promises."""

import tempfile
from collections.abc import Callable, Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.text import Text

from pipeline.base.errors import BadInputError
from pipeline.base.terminal import Terminal

PARTS = ("race", "crashes", "outages", "tamper", "storm")
console = Terminal(stderr=True)


def faults(
    parts: Annotated[
        list[str] | None, typer.Argument(help=f"Out of {', '.join(PARTS)}. Default: all of them.")
    ] = None,
    only: Annotated[
        str, typer.Option(help="Only crashes, outages and tampering whose name contains this.")
    ] = "",
    rounds: Annotated[int, typer.Option(min=1, help="Rounds of the race.")] = 20,
    processes: Annotated[int, typer.Option(min=2, help="Promoters that race.")] = 8,
    events: Annotated[int, typer.Option(min=1, help="Events of the storm.")] = 50,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON, for machines.")] = False,
) -> None:
    """Inject faults into temporary projects and check that medloom keeps its promises.

    race: many processes promote at once; the history must stay serial.
    crashes: SIGKILL before every external call of every command; the next run must repair it.
    outages: a store is down, full or read-only; exit code 75, and nothing half done.
    tamper: every store is changed without medloom; `audit verify` must find it.
    storm: images arrive during a run of the real scheduler; few runs must train on all of them.

    Crashes and storm take long. Prints one table per part; exit code 1 when a promise is broken.
    """
    chosen = parts or list(PARTS)
    if unknown := sorted(set(chosen) - set(PARTS)):
        raise BadInputError(f"no part {', '.join(unknown)}; known: {', '.join(PARTS)}")
    from bench.faults.tables import TABLES

    def wanted(words: str) -> bool:
        return only in words

    numbers = {"rounds": rounds, "processes": processes, "events": events}
    found: dict[str, list[Any]] = {}
    for part in chosen:
        with tempfile.TemporaryDirectory(prefix="medloom-faults-") as folder:
            rows = _told(part, _rows(part, Path(folder), wanted, numbers))
        found[part] = rows
        if not as_json:
            Terminal().print(TABLES[part](rows))
    if as_json:
        told = {part: [asdict(row) | {"fine": row.fine} for row in found[part]] for part in found}
        Terminal().print_json(data=told, default=str)
    if not all(row.fine for rows in found.values() for row in rows):
        raise typer.Exit(1)


def _rows(
    part: str, folder: Path, only: Callable[[str], bool], numbers: dict[str, int]
) -> Iterator[Any]:
    from bench.faults import scenario
    from bench.faults.race import race
    from bench.faults.storm import storm
    from bench.faults.tiny import TinyCheckout

    if part == "race":
        yield race(numbers["rounds"], numbers["processes"], folder / "race")
    elif part == "crashes":
        yield from scenario.crash_matrix(scenario.make_scenario(folder), only)
    elif part == "outages":
        yield from scenario.outage_matrix(scenario.make_scenario(folder), only)
    elif part == "tamper":
        yield from scenario.tamper_all(scenario.make_scenario(folder), only)
    else:
        yield storm(TinyCheckout.make(folder / "medloom"), numbers["events"])


def _told(part: str, rows: Iterator[Any]) -> list[Any]:
    """All rows; each is printed at once, since the next may take minutes."""
    found = []
    for row in rows:
        found.append(row)
        state = Text("") if row.fine else Text("  BROKEN", "red")
        console.print(Text(f"{part}: {row.words}") + state, soft_wrap=True)
    return found
