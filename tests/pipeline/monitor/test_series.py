"""Records as rows over time."""

from pipeline.monitor.record import Draws, MonitorRecord, Redraw
from pipeline.monitor.series import draw_rows, redraw_rows


def record(number: int, *, images: int = 0, state: str = "") -> MonitorRecord:
    drawn = [Draws(source=source, version=1, label="stone", images=images) for source in "ab"]
    redraw = Redraw(state=state, version=1, weights_sha256="w", host={"name": "h"})
    return MonitorRecord(
        sequence=number, previous="", time=f"2026-01-{number:02d}T09:00:00+00:00",
        draws=drawn if images else [], redraw=redraw if state else None,
    )  # fmt: skip


def test_draws_are_those_between_two_runs_and_never_negative() -> None:
    """The counts of another host, or of a lost folder, are less than they were."""
    told = [record(n, images=count) for n, count in enumerate((5, 8, 8, 2, 3), 1)]
    assert [(row["time"][8:10], row["images"]) for row in draw_rows(told)] == [("02", 6), ("05", 2)]
    assert draw_rows(told[:1]) == []


def test_an_outcome_of_a_later_version_is_shown_as_it_is() -> None:
    told = [record(1, state="first"), record(2), record(3, state="postponed")]
    assert [row["outcome"] for row in redraw_rows(told)] == [
        "drawn for the first time", "postponed",
    ]  # fmt: skip
