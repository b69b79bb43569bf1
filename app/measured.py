"""What was measured of the images on screen, as charts beside their floors."""

from collections.abc import Sequence
from typing import Any

import altair as alt
import numpy as np
import streamlit as st

from app.wording import plain
from pipeline.evaluation.copy_test import CopyTest, Resemblance
from pipeline.evaluation.measure import Distance, Measured, Share

_DRAWN, _REAL = "these images", "real images"
_RANGE = ["#f0a35e", "#7fb8d6"]
_COLOURS = alt.Scale(domain=[_DRAWN, _REAL], range=_RANGE)
_HEIGHT = 110


def distance(found: Distance | None) -> None:
    """Kernel distance to held-out real images, beside that of training images."""
    st.markdown("**Distance from real images**")
    if found is None:
        st.caption("One image has no distance to a set; draw two or more.")
        return
    ends = (found.value, found.value) if found.low is None else (found.low, found.high)
    ranges(
        [
            interval(_DRAWN, found.value, *ends),
            interval(_REAL, found.floor, found.floor_low, found.floor_high),
        ],
        "kernel distance",
        f"Kernel distance {found.value:.3g}, of real images {found.floor_low:.3g} to "
        f"{found.floor_high:.3g}",
    )
    st.caption(
        f"{found.in_words} Bars: 95 % interval over patients and drawn images; 95 % of sets of "
        f"{found.n_floor} training images; both to {found.n_real} held-out images of the class."
    )


def own_class(mine: Share | None, theirs: Share | None, label: str) -> None:
    """Share of images that are nearest to their own class, beside that of real ones."""
    st.markdown(f"**Drawn as {plain(label)}**")
    if mine is None or theirs is None:
        st.caption("There is no second class with enough real images to tell it from.")
        return
    rows = [
        interval(who, one.value, *one.interval) for who, one in ((_DRAWN, mine), (_REAL, theirs))
    ]
    ranges(
        rows,
        "share",
        f"{mine.count} of {mine.total} images are nearest to {label}, of real ones "
        f"{theirs.count} of {theirs.total}",
        [0, 1],
    )
    st.caption(
        f"{mine.count} of {mine.total} are nearest to the training images of {plain(label)}; of "
        f"held-out real ones {theirs.count} of {theirs.total} are. The measure is simple, so "
        "compare with real images, not with 1."
    )


def copies(found: Measured, test: CopyTest) -> None:
    """How alike each image is to a training image, beside held-out images and the limit."""
    st.markdown("**Copies of training images**")
    _ticks(
        [one.resemblance.correlation for one in found.images],
        test,
        f"{len(found.copies)} of {len(found.images)} images are above {test.limit:.3f}",
    )
    highest = max(one.resemblance.correlation for one in found.images)
    held_out, training = len(test.held_out), len(test.training.labels)
    st.caption(
        f"{len(found.copies)} of {len(found.images)} are copies. The most alike has {highest:.3f}; "
        f"a copy has more than {test.limit:.3f} (dashed), and of {held_out} held-out real images "
        f"the most alike has {test.highest:.3f}. Compared with {training} training images, shifted "
        "by up to 2 px; a mirrored or turned copy is not found."
    )


def alike(one: Resemblance, test: CopyTest) -> None:
    """How much one image resembles its nearest training image, beside held-out images."""
    value, held_out = one.correlation, test.held_out
    more = int((held_out > value).sum())
    _ticks([value], test, f"Correlation {value:.3f}; of held-out images up to {test.highest:.3f}")
    st.caption(
        f"Correlation {value:.3f}"
        + (", **a copy**" if one.copy else "")
        + f". Of {len(held_out)} held-out real images {more} are more alike to a training image; "
        f"their median is {np.median(held_out):.3f}, the most alike has {test.highest:.3f}. A copy "
        f"has more than {test.limit:.3f} (dashed)."
    )


def of_one(found: Measured, number: int) -> str:
    """What was measured of one image, as a caption."""
    one = found.images[number]
    words = [f"no. {number}"]
    if one.resemblance.copy:
        words.append("**a copy**")
    if one.nearest_class not in ("", found.label):
        words.append(f"nearer to {one.nearest_class}")
    return " · ".join([*words, f"farther than {one.farness:.0%} of real"])


def order_of(found: Measured, how: str) -> Sequence[int]:
    """The numbers of the images in an order of `ORDERS`."""
    numbers = range(len(found.images))
    if how == "Most unusual first":
        return sorted(numbers, key=lambda number: -found.images[number].farness)
    if how == "Most alike first":
        return sorted(numbers, key=lambda number: -found.images[number].resemblance.correlation)
    return numbers


ORDERS = ("As drawn", "Most unusual first", "Most alike first")


def _ticks(values: Sequence[float], test: CopyTest, text: str) -> None:
    """Correlations of drawn images and of held-out ones, one tick each, and a copy's limit."""
    seen = [*values, *map(float, test.held_out)]
    whose = [_DRAWN] * len(values) + [_REAL] * len(test.held_out)
    rows = [{"of": of, "value": value} for of, value in zip(whose, seen, strict=True)]
    ticks = (
        alt.Chart(alt.Data(values=rows))
        .mark_tick(thickness=2, opacity=0.6)
        .encode(
            x=alt.X("value:Q", title="correlation", scale=_scale([*seen, test.limit])),
            y=alt.Y("of:N", title=None, sort=[_DRAWN, _REAL], axis=_labels()),
            color=alt.Color("of:N", scale=_COLOURS, legend=None),
        )
    )
    limit = alt.Chart(alt.Data(values=[{"value": test.limit}])).mark_rule(
        strokeDash=[4, 3], color="#d93025"
    )
    _draw(ticks + limit.encode(x="value:Q"), text)


def interval(of: str, value: float, low: float | None, high: float | None) -> dict[str, Any]:
    """One row of `ranges`."""
    return {"of": of, "value": value, "low": low, "high": high}


def ranges(rows: list[dict[str, Any]], title: str, text: str, domain: Sequence[float] = ()) -> None:
    """A point with an interval for each of two that are compared, such as images and real ones.

    Args:
        rows: of `interval`; the first is what the page is about.
        title: of the axis; "": none.
        text: what it shows, for those who do not see it.
        domain: ends of the axis; (): from 0.
    """
    names = [row["of"] for row in rows]
    ends = [row[end] for row in rows for end in ("low", "high") if row[end] is not None]
    scale = _scale(domain or [0, *ends])
    base = alt.Chart(alt.Data(values=rows)).encode(
        y=alt.Y("of:N", title=None, sort=names, axis=_labels()),
        color=alt.Color("of:N", scale=alt.Scale(domain=names, range=_RANGE), legend=None),
    )
    bars = base.mark_bar(height=8, opacity=0.35, cornerRadius=4).encode(
        x=alt.X("low:Q", title=title or None, scale=scale), x2="high:Q"
    )
    points = base.mark_point(filled=True, size=90, opacity=1).encode(
        x=alt.X("value:Q", title=title or None, scale=scale)
    )
    _draw(bars + points, text)


def _scale(values: Sequence[float]) -> alt.Scale:
    """From the least value to the most. Vega warns of scales that it finds in data to come."""
    return alt.Scale(domain=[min(values), max(values)], nice=True)


def _labels() -> alt.Axis:
    return alt.Axis(labelLimit=90, ticks=False, domain=False)


def _draw(chart: alt.LayerChart, text: str) -> None:
    st.altair_chart(chart.properties(height=_HEIGHT), width="stretch", alt=text)
