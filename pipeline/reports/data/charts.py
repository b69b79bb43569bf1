"""Draw the charts of the data report as PNG: the same facts give the same bytes."""

import io
from collections.abc import Sequence
from itertools import pairwise

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from pipeline.reports.data.data_facts import Groups, Levels, Tally

_INK = "#1c2733"
_COLOURS = ("#0b6e63", "#b3541e", "#3c5a99", "#8a3b6e", "#5b6b2f", "#7b8794")
_LINES = ("-", "--", ":")
_MOST_SIZES = 12


def draw_sizes(sizes: Sequence[Tally], classes: Sequence[str]) -> bytes:
    """The most common sizes as bars, by class; the rest as one bar."""
    rows = list(sizes[:_MOST_SIZES])
    names = [f"{size.name.replace('x', ' × ')} px" for size in rows]
    parts = [size.by_class for size in rows]
    if rest := sizes[_MOST_SIZES:]:
        names.append(f"{len(rest)} other sizes")
        parts.append({at: sum(size.by_class.get(at, 0) for size in rest) for at in classes})
    with mpl.rc_context({"font.size": 8, "axes.edgecolor": "#9aa5b1", "text.color": _INK}):
        figure = Figure(figsize=(8.6, 0.7 + 0.24 * len(names)), dpi=130, layout="constrained")
        axes = figure.subplots()
        left = np.zeros(len(names))
        for place, label in enumerate(classes):
            counts = np.array([part.get(label, 0) for part in parts])
            axes.barh(names, counts, left=left, color=_colour(place), label=label, height=0.7)
            left += counts
        axes.invert_yaxis()
        axes.set_xlabel("images")
        _clean_axes(axes, "x")
        axes.legend(frameon=False, fontsize=7, loc="lower right")
        return _png(figure)


def draw_levels(levels: Sequence[Levels]) -> bytes:
    """Per class, the range of the images' mean grey levels and a histogram of all pixels.

    Args:
        levels: of classes of one bit depth.
    """
    with mpl.rc_context({"font.size": 8, "axes.edgecolor": "#9aa5b1", "text.color": _INK}):
        figure = Figure(figsize=(9.2, 1.5 + 0.42 * max(len(levels), 3)), dpi=130,
                        layout="constrained")  # fmt: skip
        left, right = figure.subplots(1, 2, width_ratios=(1, 1.25))
        _ranges(left, levels)
        _histograms(right, levels)
        return _png(figure)


def draw_groups(groups: Groups) -> bytes:
    """Histogram of group sizes, with bins that double."""
    edges = [0, *(2**n for n in range(max(groups.sizes).bit_length() + 1))]
    counts, names = [], []
    for low, high in pairwise(edges):
        count = sum(n for size, n in groups.sizes.items() if low < size <= high)
        counts.append(count)
        names.append(f"{high}" if high <= 2 else f"{low + 1}–{high}")
    while not counts[-1]:
        del counts[-1], names[-1]
    with mpl.rc_context({"font.size": 8, "axes.edgecolor": "#9aa5b1", "text.color": _INK}):
        figure = Figure(figsize=(5.2, 2.1), dpi=130, layout="constrained")
        axes = figure.subplots()
        bars = axes.bar(names, counts, color=_COLOURS[0], width=0.8)
        axes.bar_label(bars, labels=[str(count) if count else "" for count in counts], fontsize=7)
        axes.set_xlim(-0.6, max(len(names), 5) - 0.4)
        axes.yaxis.set_major_locator(MaxNLocator(integer=True))
        axes.set_xlabel("images in a group")
        axes.set_ylabel("groups")
        _clean_axes(axes, "y")
        return _png(figure)


def _ranges(axes: Axes, levels: Sequence[Levels]) -> None:
    places = np.arange(len(levels))
    for place, one in enumerate(levels):
        low, quarter, middle, three_quarters, high = one.mean_grey
        colour = _colour(place)
        axes.hlines(place, low, high, colour, linewidth=1.2)
        axes.hlines(place, quarter, three_quarters, colour, linewidth=6, alpha=0.55)
        axes.plot(middle, place, "o", color=colour, markersize=5)
        axes.annotate(f"{middle:.0f}", (middle, place), (0, 7), textcoords="offset points",
                      ha="center", fontsize=7)  # fmt: skip
    axes.set_yticks(places, [one.label for one in levels])
    axes.set_ylim(len(levels) - 0.5, -0.6)
    axes.set_title("mean grey level of an image: median, half, 90 %", loc="left", fontsize=8)
    axes.set_xlabel(f"grey level, of 0 to {2 ** levels[0].bits - 1:,}")
    _clean_axes(axes, "x")


def _histograms(axes: Axes, levels: Sequence[Levels]) -> None:
    for place, one in enumerate(levels):
        edges = np.linspace(0, one.top, len(one.histogram) + 1)
        line = _LINES[place // len(_COLOURS) % len(_LINES)]
        axes.stairs(one.histogram, edges, color=_colour(place), linewidth=1.2, linestyle=line,
                    label=one.label)  # fmt: skip
    # Most of a slice is black, and bins may be empty.
    axes.set_yscale("symlog", linthresh=1e-3)
    axes.set_ylim(bottom=0)
    axes.set_title("all pixels of a class: share in each part", loc="left", fontsize=8)
    axes.set_xlabel("grey level")
    _clean_axes(axes, "y")
    axes.legend(frameon=False, fontsize=7)


def _clean_axes(axes: Axes, along: str) -> None:
    axes.spines[["top", "right"]].set_visible(False)
    axes.set_axisbelow(True)
    axes.grid(alpha=0.25, linewidth=0.5, axis="x" if along == "x" else "y")


def _colour(place: int) -> str:
    return _COLOURS[place % len(_COLOURS)]


def _png(figure: Figure) -> bytes:
    stream = io.BytesIO()
    figure.savefig(stream, format="png", metadata={"Software": None})
    return stream.getvalue()
