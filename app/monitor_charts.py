"""Charts of the monitor's records over time."""

from collections.abc import Iterator, Sequence
from typing import Any

import altair as alt
import pandas as pd
import streamlit as st

from pipeline.monitor import series
from pipeline.monitor.record import MonitorRecord

_CLASSES = ["#7fb8d6", "#e6a15c", "#8fc98b", "#d68fb3", "#c7b86a", "#a79be0"]
_ALARM, _CALM, _FLOOR = "#ff6b5e", "#8fc98b", "#9aa3ab"
_OUTCOMES = {
    "the same, pixel for pixel": _CALM,
    "drawn for the first time": "#7fb8d6",
    "accepted as the new reference": "#c7b86a",
    "drawn differently": _ALARM,
    "could not be drawn": "#d68fb3",
}
_HEIGHT = 200
_TIME = alt.X("time:T", title=None, axis=alt.Axis(grid=False, labelOverlap=True))


def drift(records: Sequence[MonitorRecord], name: str, title: str) -> None:
    """A figure of drift, one chart a class, beside what chance reaches."""
    rows = _shown(series.drift_rows(records, name))
    if not rows:
        _nothing("Nothing has been compared yet: no class has enough landed images and patients.")
        return
    for label, part in _classes(rows):
        base = _chart(part).encode(x=_TIME)
        floor = base.mark_line(strokeDash=[4, 3], color=_FLOOR).encode(
            y=alt.Y("floor:Q", title=None), tooltip=["time:T", "floor:Q"]
        )
        line = base.mark_line(color=_CLASSES[0]).encode(y="value:Q")
        points = base.mark_point(filled=True, size=45).encode(
            y="value:Q",
            color=_colours("finding", {"as before": _CLASSES[0], "beyond chance": _ALARM}),
            tooltip=["time:T", "value:Q", "floor:Q", "p:Q", "landed:Q"],
        )
        shown = floor + line + points
        if name == "intensity":  # signed: its floor is of the absolute value
            shown += floor.transform_calculate(floor="-datum.floor")
        _show(shown, f"{title} of {label} over time, beside its floor")


def flags(records: Sequence[MonitorRecord]) -> None:
    """Share of judged images found flawed, one chart a class, with intervals."""
    rows = _shown(series.flag_rows(records))
    if not rows:
        _nothing("Nobody has judged the champion's images yet.")
        return
    for label, part in _classes(rows):
        tooltip = ["time:T", *_percent("share", "low", "high"), "judged:Q"]
        _show(_banded(part, tooltip), f"Share of judged images of {label} found flawed, over time")


def refused(records: Sequence[MonitorRecord], limit: float) -> None:
    """Share refused, with its interval and limit."""
    rows = _shown(series.refused_rows(records))
    if not rows:
        _nothing("Nothing has arrived since the champion's data.")
        return
    tooltip = ["time:T", *_percent("share", "low", "high"), "of:Q"]
    _show(_banded(rows, tooltip) + _limit(limit), "Share refused, with its interval, over time")


def age(records: Sequence[MonitorRecord], limit: float) -> None:
    """Age of the champion in days, and the limit."""
    rows = _shown(series.champion_rows(records))
    if not rows:
        _nothing("There was no champion yet.")
        return
    line = (
        _chart(rows)
        .mark_line(point=True)
        .encode(
            x=_TIME,
            y=alt.Y("days:Q", title=None),
            color=_by_name("version"),
            tooltip=["time:T", "version:N", "days:Q", "landed:Q"],
        )
    )
    _show(line + _limit(limit) if limit else line, "Age of the champion over time")


def redraw(records: Sequence[MonitorRecord]) -> None:
    """Outcome of each redraw."""
    rows = _shown(series.redraw_rows(records))
    if not rows:
        _nothing("Nothing was drawn again yet.")
        return
    # One below the other: they are long, and pages may be narrow.
    legend = alt.Legend(title=None, orient="bottom", columns=1)
    outcomes = {
        name: one for name, one in _OUTCOMES.items() if name in {row["outcome"] for row in rows}
    }
    points = (
        _chart(rows)
        .mark_square(size=110)
        .encode(
            x=_TIME,
            y=alt.Y("host:N", title=None),
            color=_colours("outcome", outcomes, legend),
            tooltip=["time:T", "outcome:N", "differing:Q", "images:Q", "host:N"],
        )
    )
    _show(points, "Outcome of each redraw over time")


def draws(records: Sequence[MonitorRecord]) -> None:
    """Images drawn from one run to the next."""
    rows = _shown(series.draw_rows(records))
    if not rows:
        _nothing("No image was drawn between two runs yet.")
        return
    bars = (
        _chart(rows)
        .mark_bar()
        .encode(
            x=alt.X("yearmonthdate(time):O", title=None, axis=alt.Axis(labelOverlap=True)),
            y=alt.Y("images:Q", title=None),
            color=_by_name("class"),
            tooltip=["time:T", "class:N", "images:Q"],
        )
    )
    _show(bars, "Images drawn between two runs, by class")


def _shown(rows: series.Rows) -> series.Rows:
    """Rows whose time is shown as it is, in UTC, wherever the browser is."""
    return [row | {"time": row["time"][:19]} for row in rows]


def _chart(rows: series.Rows) -> alt.Chart:
    # Of plain values, Streamlit's browser complains on the way.
    return alt.Chart(pd.DataFrame(rows))


def _classes(rows: series.Rows) -> Iterator[tuple[str, series.Rows]]:
    """Each class and its rows, in a column of its own."""
    labels = sorted({row["class"] for row in rows})
    columns = st.columns(min(len(labels), 4))
    for place, label in enumerate(labels):
        with columns[place % len(columns)]:
            st.caption(f"**{label}**")
            yield label, [row for row in rows if row["class"] == label]


def _banded(rows: series.Rows, tooltip: list[Any]) -> Any:
    """A share over time in its interval."""
    base = _chart(rows).encode(x=_TIME)
    scale = alt.Scale(domain=[0, 1])
    band = base.mark_area(opacity=0.3, color=_CLASSES[0]).encode(
        y=alt.Y("low:Q", title=None, axis=alt.Axis(format="%"), scale=scale), y2="high:Q"
    )
    return band + base.mark_line(point=True, color=_CLASSES[0]).encode(y="share:Q", tooltip=tooltip)


def _by_name(field: str) -> alt.Color:
    legend = alt.Legend(title=None, orient="bottom")
    return alt.Color(f"{field}:N", scale=alt.Scale(range=_CLASSES), legend=legend)


def _colours(field: str, by_value: dict[str, str], legend: alt.Legend | None = None) -> alt.Color:
    scale = alt.Scale(domain=list(by_value), range=list(by_value.values()))
    return alt.Color(f"{field}:N", scale=scale, legend=legend)


def _percent(*names: str) -> list[alt.Tooltip]:
    return [alt.Tooltip(f"{name}:Q", format=".0%") for name in names]


def _limit(value: float) -> Any:
    chart = _chart([{"limit": value}]).mark_rule(strokeDash=[4, 3], color=_ALARM)
    return chart.encode(y="limit:Q")


def _show(chart: Any, about: str, height: int = _HEIGHT) -> None:
    """Show a chart; `about` is read to those who do not see it."""
    st.altair_chart(chart.properties(height=height, description=about), width="stretch")


def _nothing(text: str) -> None:
    st.caption(text)
