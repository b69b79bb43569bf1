"""The table of `medloom bench scale`, for a terminal and as Markdown."""

from collections.abc import Iterable

from bench.scale.row import ScaleRow
from pipeline.base.terminal import FitTable

_HEAD = ("question", "size", "data", "seconds", "least to most", "what came out")


def scale_table(rows: Iterable[ScaleRow]) -> FitTable:
    """A row a question."""
    table = FitTable(*_HEAD, title="what a lab waits for")
    for row in rows:
        table.add_row(*_cells(row))
    return table


def scale_markdown(rows: Iterable[ScaleRow]) -> str:
    """The same as a table of Markdown, for docs/scale.md."""
    lines = [_HEAD, ("---",) * len(_HEAD), *map(_cells, rows)]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _cells(row: ScaleRow) -> tuple[str, ...]:
    middle = "" if row.median is None else seconds_text(row.median)
    ends = ""
    if len(row.seconds) > 1:
        ends = f"{seconds_text(min(row.seconds))} to {seconds_text(max(row.seconds))}"
    return row.question, row.size, row.data, middle, ends, row.told


def seconds_text(seconds: float) -> str:
    """Two digits below ten seconds, then whole seconds."""
    return f"{seconds:.0f}" if seconds >= 10 else f"{seconds:.2g}"
