"""The tables of `medloom bench ingest`."""

from collections.abc import Sequence

from bench.reading.adding import MOST_MEBIBYTES, MOST_SECONDS, Adding
from bench.reading.speed import PROCESSES, Speed
from pipeline.base.terminal import FitTable


def speed_table(found: Sequence[Speed]) -> FitTable:
    """Files a second of each kind."""
    one = found[0]
    title = f"{one.files} files of {one.side} px, {PROCESSES} processes, files a second"
    table = FitTable("kind", title=title)
    for column in ("decoded by Pillow", "ingest", "share"):
        table.add_column(column, justify="right")
    for speed in found:
        table.add_row(speed.kind, f"{speed.bare:.0f}", f"{speed.ingest:.0f}", f"{speed.ratio:.0%}")
    start = max(speed.start for speed in found)
    table.caption = f"besides {start:.1f} s until the reading processes run, once an ingest"
    return table


def adding_table(found: Adding) -> FitTable:
    """Both ingests of one project."""
    table = FitTable("new images", title="ingest of a project")
    table.add_column("seconds", justify="right")
    table.add_column("of them decoding", justify="right")
    table.add_column("most memory, MiB", justify="right")
    table.add_row(str(found.many), f"{found.first_seconds:.0f}", "", f"{found.first_mebibytes:.0f}")
    few = f"{found.seconds:.1f}", f"{found.decoding:.1f}", f"{found.mebibytes:.0f}"
    table.add_row(f"{found.few} more", *few)
    table.caption = f"promised: {MOST_SECONDS:.0f} s more than decoding, {MOST_MEBIBYTES:.0f} MiB"
    return table
