"""Tables and progress of `medloom bench gate`."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console, Group, RenderableType
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.text import Text

from bench.gate import GateBench
from bench.gate_rows import CONFIDENCE, DecisionRate
from pipeline.base.terminal import FitTable

_VERDICT = {True: Text("kept", "green"), False: Text("broken", "red"), None: Text("–")}


@contextmanager
def gate_bars(console: Console) -> Iterator[Callable[[str, int, int], None]]:
    """A progress bar for each activity."""
    name = TextColumn("{task.description:<32}")
    columns = (name, BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=console) as bars:
        known = {}

        def tell(what: str, done: int, total: int) -> None:
            if what not in known:
                known[what] = bars.add_task(what, total=total)
            bars.update(known[what], completed=done)

        yield tell


def gate_tables(bench: GateBench) -> RenderableType:
    """Tables of promotions at the margin, promotions of improvements, and rejections."""
    margin = _table("promoted at a true difference equal to the margin", "pair", "margin", "groups")
    gain = _table("promoted when better, 15 test groups, default rules", "champion", "true gain")
    refused = _table("refused as a first model", "generator", "trials")
    for row in bench.rows:
        if row.part == "comparison":
            margin.add_row(row.case, f"{row.margin:g}", str(row.groups), *_found(row))
        elif row.part == "improvement":
            gain.add_row(row.case, f"{row.difference:.4f}", *_found(row))
        else:
            refused.add_row(row.case, str(row.trials), *_found(row))
    return Group(margin, gain, refused)


def _table(title: str, first: str, *more: str) -> FitTable:
    table = FitTable(title=title)
    table.add_column(first, no_wrap=True)
    for name in (*more, "share", f"{CONFIDENCE:.0%} interval", "stated", ""):
        table.add_column(name, justify="right", no_wrap=True)
    return table


def _found(row: DecisionRate) -> tuple[str | Text, ...]:
    low, high = row.interval
    sign = {"at most": "≤", "at least": "≥", None: ""}[row.bound]
    promised = f"{sign} {row.stated:.1%}" if row.bound else ""
    interval = f"{100 * low:.2f}–{100 * high:.2f} %"
    return f"{row.share:.2%}", interval, promised, _VERDICT[row.kept]
