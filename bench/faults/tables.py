"""The tables of `medloom bench faults`, one per part."""

from collections.abc import Callable, Mapping, Sequence
from textwrap import shorten
from typing import Any

from rich.text import Text

from bench.faults.crashes import Crash
from bench.faults.outages import Outage
from bench.faults.race import RaceTable
from bench.faults.storm import StormTable
from bench.faults.tamper import Tampered
from pipeline.base.terminal import FitTable

_MOST = 100  # characters of a command's message; --json has all of them
_FINE = {True: Text("kept", "green"), False: Text("BROKEN", "red")}


def _table(title: str, *columns: str) -> FitTable:
    table = FitTable(title=title)
    for name in columns:
        table.add_column(name, overflow="fold")
    return table


def race_table(rows: Sequence[RaceTable]) -> FitTable:
    """Rounds, decisions and broken promises."""
    table = _table("race", "rounds", "promoters", "promotions", "decided again", "broken", "took")
    for row in rows:
        numbers = (row.rounds, row.processes, row.promotions, row.retries)
        broken = "; ".join(row.violations) or "nothing"
        table.add_row(*map(str, numbers), broken, f"{row.seconds:.0f} s")
    return table


def crash_table(rows: Sequence[Crash]) -> FitTable:
    """Each kill and the state after the next run."""
    table = _table(
        "crashes: SIGKILL, then the next run", "command", "killed", "still running", "state"
    )
    for row in rows:
        what = "; ".join((*row.differences, *(f"late: {late}" for late in row.late)))
        state = _FINE[row.fine] + (", as without the kill" if row.fine else f" {what}")
        killed = row.point if row.killed else f"{row.point}: never reached"
        table.add_row(row.action, killed, "; ".join(row.orphans) or "nothing", state)
    return table


def outage_table(rows: Sequence[Outage]) -> FitTable:
    """Each fault, the command's message, and what was left half done."""
    table = _table("outages", "command", "fault", "exit code", "message", "state")
    for row in rows:
        what = "; ".join((*row.half_done, *row.after)) or row.skipped or _FINE[row.fine]
        code = "not tried" if row.skipped else str(row.exit_code)
        table.add_row(row.action, row.fault, code, shorten(row.said, _MOST), what)
    return table


def tamper_table(rows: Sequence[Tampered]) -> FitTable:
    """Each change and the first broken links found by `audit verify`."""
    table = _table("tamper: `audit verify --all`", "change", "found", "first broken links")
    for row in rows:
        first = shorten("; ".join(row.broken), _MOST)
        table.add_row(row.harm, "named" if row.fine else Text("MISSED", "red"), first)
    return table


def storm_table(rows: Sequence[StormTable]) -> FitTable:
    """Events, images and the runs that took them in."""
    table = _table("storm", "events", "during a run", "images", "runs after", "lost", "took")
    for row in rows:
        numbers = (row.events, row.during, row.images, row.runs)
        table.add_row(*map(str, numbers), ", ".join(row.lost) or "none", f"{row.seconds:.0f} s")
    return table


TABLES: Mapping[str, Callable[[Any], FitTable]] = {
    "race": race_table,
    "crashes": crash_table,
    "outages": outage_table,
    "tamper": tamper_table,
    "storm": storm_table,
}
