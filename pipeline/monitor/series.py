"""The monitor's records as rows over time, for charts: dicts of plain values."""

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

from pipeline.monitor.record import MonitorRecord

Rows = list[dict[str, Any]]
MOST = 156
"""Records that are shown: three years of weeks."""
_REDRAWN = {
    "first": "drawn for the first time",
    "accepted": "accepted as the new reference",
    "equal": "the same, pixel for pixel",
    "differs": "drawn differently",
    "failed": "could not be drawn",
}


def drift_rows(records: Sequence[MonitorRecord], name: str) -> Rows:
    """A figure of drift by class: value, floor by chance, and whether it is beyond."""
    return [
        {
            "time": record.time, "class": one.label, "value": figure.value, "floor": figure.floor,
            "p": figure.p, "landed": one.landed,
            "finding": "beyond chance" if figure.beyond else "as before",
        }
        for record in records
        for one in record.drift
        for figure in one.figures
        if figure.name == name
    ]  # fmt: skip


def flag_rows(records: Sequence[MonitorRecord]) -> Rows:
    """Share of judged images found flawed, by class, with its interval."""
    return [
        {
            "time": record.time, "class": one.label, "share": one.flawed.value,
            "low": one.flawed.low, "high": one.flawed.high, "judged": one.flawed.of,
        }
        for record in records
        for one in record.flags
    ]  # fmt: skip


def refused_rows(records: Sequence[MonitorRecord]) -> Rows:
    """Share refused of what arrived since the champion's data, with its interval."""
    return [
        {"time": record.time, "share": one.value, "low": one.low, "high": one.high, "of": one.of}
        for record in records
        if (one := record.refused) and one.of
    ]


def champion_rows(records: Sequence[MonitorRecord]) -> Rows:
    """Age of the champion, and what landed since."""
    return [
        {
            "time": record.time, "version": f"version {one.version}", "days": one.days,
            "landed": one.landed,
        }
        for record in records
        if (one := record.champion)
    ]  # fmt: skip


def redraw_rows(records: Sequence[MonitorRecord]) -> Rows:
    """Outcome of each redraw, in words."""
    return [
        {
            "time": record.time, "outcome": _REDRAWN.get(one.state, one.state),
            "images": len(one.pixels), "differing": len(one.differing),
            "host": one.host.get("name", "?"),
        }
        for record in records
        if (one := record.redraw)
    ]  # fmt: skip


def draw_rows(records: Sequence[MonitorRecord]) -> Rows:
    """Images drawn between two runs, by class; the counts of another host begin anew."""
    found: Rows = []
    for before, record in pairwise(records):
        was, now = _drawn(before), _drawn(record)
        found += [
            {"time": record.time, "class": label, "images": count - was.get(label, 0)}
            for label, count in sorted(now.items())
            if count > was.get(label, 0)
        ]
    return found


def _drawn(record: MonitorRecord) -> dict[str, int]:
    sums: dict[str, int] = {}
    for one in record.draws:
        sums[one.label] = sums.get(one.label, 0) + one.images
    return sums
