"""What a study found, on a page: of one reader, or of all."""

from collections.abc import Sequence
from typing import Any

import altair as alt
import streamlit as st

from app.wording import plain
from pipeline.study.course import Course
from pipeline.study.plan import CHANCE
from pipeline.study.results import ReaderResult, Results, results_of
from pipeline.study.statistics import Share
from pipeline.study.words import (
    gone_in_words,
    interval_in_words,
    pooled_in_words,
    share_in_words,
    state_in_words,
    verdict_in_words,
)

Row = tuple[str, float, float, float, str]
"""Name, value, low, high, and the count in words."""


def own(course: Course) -> None:
    """The results of the reader of a course, who is through."""
    found = results_of(course.study, course.gone)
    mine = next((one for one in found.readers if one.reader == course.reader), None)
    if mine is None or not mine.answered:
        st.info(
            "You answered nothing before it ended."
            if course.pending
            else "None of the images may be shown any more, so nothing was asked."
        )
        return
    st.markdown(f"**{verdict_in_words(mine.verdict, found.margin).capitalize()}.**")
    _figures(mine, found)
    _chart(
        [("all", *_ends(mine.accuracy)), *((k, *_ends(s)) for k, s in mine.by_class.items())],
        found.margin,
    )
    _legend(found.margin)
    if mine.skipped:
        st.caption(f"{mine.skipped} of {mine.trials} trials could not be shown any more.")


def everybody(found: Results) -> None:
    """The results of all readers."""
    st.subheader(f"Study {found.study}, version {found.version}")
    if not found.readers:
        st.info("Nobody has looked at it yet.")
        return
    st.markdown(f"**{pooled_in_words(found)}**")
    (st.warning if found.early else st.caption)(plain(state_in_words(found)))
    rows: list[Row] = [(one.reader, *_ends(one.accuracy)) for one in found.readers]
    if found.pooled:
        mean, told = found.pooled.accuracy, f"{found.pooled.answers} answers"
        rows.append(("all readers", mean.value, mean.low, mean.high, told))
    _chart([row for row in rows if row[1] == row[1]], found.margin)
    _legend(found.margin)
    if found.gone:
        st.caption(gone_in_words(found))
    st.table([_reader_row(one, found) for one in found.readers])
    st.markdown("**By class**, over all answers")
    st.table(
        [
            {"class": name, "accuracy": share_in_words(share)}
            for name, share in found.by_class.items()
        ]
    )
    for kind, table in found.confusion.items():
        st.markdown(f"**Class that readers saw**, {kind} images; rows are what was shown")
        st.table([{"class": name} | counts for name, counts in table.items()])


def _figures(mine: ReaderResult, found: Results) -> None:
    told, seconds, rated = mine.detection, mine.seconds, mine.ranking
    figures = [("Accuracy", mine.accuracy.value, _range(mine.accuracy.low, mine.accuracy.high))]
    if told:
        sensitivity, leaning = told.sensitivity, told.criterion
        figures.append(("d'", sensitivity.value, _range(sensitivity.low, sensitivity.high)))
        figures.append(("Criterion", leaning.value, _range(leaning.low, leaning.high)))
    if rated:
        figures.append(("ROC area", rated.value, _range(rated.low, rated.high)))
    cells = st.grid(min_column_width=150)
    for name, value, ends in figures:
        with cells.cell():
            st.metric(name, f"{round(value, 2) + 0.0:.2f}", border=True)
            st.caption(f"95 %: {ends}")
    if seconds:
        with cells.cell():
            st.metric("Median time", f"{seconds.value:.1f} s", border=True)
            st.caption(f"half of them {seconds.low:.1f} to {seconds.high:.1f} s")
    if mine.learning:
        with cells.cell():
            st.metric("Learning", f"{mine.learning.value:+.2f}", border=True)
            st.caption(
                f"second half less first; 95 %: {_range(mine.learning.low, mine.learning.high)}"
            )
    first = "the left one" if found.design == "pair" else "“real”"
    st.caption(
        f"{mine.accuracy.hits} of {mine.accuracy.count} right. d' is 0 for a reader who cannot "
        f"tell; a criterion above 0 is a leaning to say {first}."
    )


def _reader_row(one: ReaderResult, found: Results) -> dict[str, str]:
    told = one.detection
    skipped = f", {one.skipped} skipped" if one.skipped else ""
    row = {
        "reader": one.reader,
        "answered": f"{one.answered} of {one.trials}{skipped}",
        "accuracy": share_in_words(one.accuracy),
        "d'": interval_in_words(told.sensitivity if told else None),
        "criterion": interval_in_words(told.criterion if told else None),
    }
    if found.design == "single":
        row["ROC area"] = interval_in_words(one.ranking)
    return row | {
        "median time, s": f"{one.seconds.value:.1f}" if one.seconds else "–",
        "second half less first": interval_in_words(one.learning),
        "verdict": verdict_in_words(one.verdict, found.margin) if one.answered else "–",
    }


def _chart(rows: Sequence[Row], margin: float) -> None:
    """Accuracies with their intervals, chance, and the band within which they count as chance."""
    values = [dict(zip(("name", "value", "low", "high", "of"), row, strict=True)) for row in rows]
    names = [row[0] for row in rows]
    side = alt.X(
        "value:Q", title="accuracy", scale=alt.Scale(domain=[0, 1]), axis=alt.Axis(tickCount=5)
    )
    place = alt.Y("name:N", title=None, sort=names, axis=alt.Axis(labelLimit=200))
    base = alt.Chart(_data(values)).encode(
        y=place,
        tooltip=[
            alt.Tooltip("name:N"),
            alt.Tooltip("value:Q", format=".2f"),
            alt.Tooltip("low:Q", format=".2f"),
            alt.Tooltip("high:Q", format=".2f"),
            alt.Tooltip("of:N"),
        ],
    )
    band = alt.Chart(_data([{"a": CHANCE - margin, "b": CHANCE + margin}])).mark_rect(
        opacity=0.15, color="#7fb8d6"
    ).encode(x="a:Q", x2="b:Q")  # fmt: skip
    chance = alt.Chart(_data([{"a": CHANCE}])).mark_rule(
        strokeDash=[4, 4], color="#9aa3ab"
    ).encode(x="a:Q")  # fmt: skip
    ends = base.mark_rule(strokeWidth=2, color="#7fb8d6").encode(x="low:Q", x2="high:Q")
    dots = base.mark_point(filled=True, size=90, color="#7fb8d6", opacity=1).encode(x=side)
    told = "; ".join(
        f"{name} {value:.2f} [{low:.2f}, {high:.2f}]" for name, value, low, high, _ in rows
    )
    chart = alt.layer(band, chance, ends, dots).properties(
        height=60 + 34 * len(rows), description=f"Accuracy with 95 % intervals: {told}"
    )
    st.altair_chart(chart, width="stretch")


def _data(values: list[dict[str, Any]]) -> alt.Data:
    return alt.Data(values=values)


def _legend(margin: float) -> None:
    st.caption(
        f"Accuracy with intervals of 95 %. Dashed: chance. Shaded: {CHANCE - margin:.2f} to "
        f"{CHANCE + margin:.2f}, within which readers count as unable to tell; that is shown only "
        "if the interval of 90 % lies inside."
    )


def _ends(share: Share) -> tuple[float, float, float, str]:
    return share.value, share.low, share.high, f"{share.hits} of {share.count}"


def _range(low: float, high: float) -> str:
    return f"{low:.2f} to {high:.2f}"
