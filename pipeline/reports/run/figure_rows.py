"""Rows of the page's figures over all classes, by the question that they answer."""

from typing import Any

from pipeline.evaluation.record import COMPOSITION, REPEATS, Evaluation, Figure
from pipeline.reports.page import number, share
from pipeline.reports.run.figure_texts import CHAPTERS, PAIRED, SHARES, FigureText

_ONE_SIDED = frozenset({REPEATS, COMPOSITION})
"""Figures that are at fault on one side of their floor alone: nearer to it is not better."""


def chapters(evaluation: Evaluation) -> list[dict[str, Any]]:
    """The figures in chapters (title, rows), each row with the baseline's; no missing ones."""
    found = _over_all(evaluation)
    beside = _over_all(evaluation.baseline) if evaluation.baseline else {}
    chapters = []
    for chapter in (*PAIRED, *CHAPTERS):
        rows = [
            _row(found[metric], words)
            | _baseline(found[metric], beside.get(metric))
            | {"gain": _gain(found.get(f"{metric}_gain"))}
            for metric, words in chapter.figures.items()
            if metric in found
        ]
        if rows:
            chapters.append({"title": chapter.title, "rows": rows})
    return chapters


def _over_all(evaluation: Evaluation) -> dict[str, Figure]:
    return {figure.metric: figure for figure in evaluation.figures if figure.label is None}


def _row(figure: Figure, words: FigureText) -> dict[str, Any]:
    show = share if figure.metric in SHARES else number
    return {
        "title": words.title,
        "meaning": words.meaning,
        "floor_is": words.floor,
        "floor": None if figure.floor is None else show(figure.floor),
        "halves": None if figure.halves is None else show(figure.halves),
        "protocol": figure.protocol,
        "counts": f"{figure.n_fake} generated, {figure.n_real} real"
        if figure.n_fake
        else f"{figure.n_real} held out",
        "strip": _strip(figure),
    } | _texts(figure)


def _texts(figure: Figure) -> dict[str, Any]:
    """The value, and the interval if there is one, as text."""
    show = share if figure.metric in SHARES else number
    interval = None
    if figure.low is not None and figure.high is not None:
        interval = f"{show(figure.low)} to {show(figure.high)}"
    return {"value": show(figure.value), "interval": interval}


def _baseline(figure: Figure, beside: Figure | None) -> dict[str, Any]:
    """The baseline's figure as text, and which of the two is nearer to the floor."""
    if beside is None:
        return {"baseline": None, "nearer": ""}
    return {"baseline": _texts(beside), "nearer": _nearer(figure, beside)}


def _gain(figure: Figure | None) -> dict[str, Any] | None:
    """By how much results are better than the rival's, image by image."""
    return None if figure is None else _texts(figure)


def _nearer(figure: Figure, beside: Figure) -> str:
    """Which is nearer to the floor, value or baseline; "" if their intervals cannot say."""
    if figure.floor is None or figure.metric in _ONE_SIDED or _overlap(figure, beside):
        return ""
    here, there = (abs(one.value - figure.floor) for one in (figure, beside))
    if here == there:
        return ""
    return "value" if here < there else "baseline"


def _overlap(one: Figure, other: Figure) -> bool:
    if None in (one.low, one.high, other.low, other.high):
        return False
    return bool(one.low <= other.high and other.low <= one.high)  # type: ignore[operator]


def _strip(figure: Figure) -> dict[str, float]:
    """Positions of value, floor and interval on a line that includes 0, in percent."""
    named = {"value": figure.value, "floor": figure.floor, "low": figure.low, "high": figure.high}
    points = {name: value for name, value in named.items() if value is not None}
    least = min(*points.values(), 0.0) * 1.12
    length = max(points.values()) * 1.12 - least or 1.0
    return {name: round(100 * (value - least) / length, 2) for name, value in points.items()}
