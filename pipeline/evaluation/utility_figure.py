"""Draw the picture of a utility run: accuracy by kind of training images."""

from collections.abc import Sequence
from pathlib import Path

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from model.utility.record import ArmScore, UtilityReport

_INK = "#1c2733"
_COLOURS = {"real": "#0b6e63", "classic": "#3c5a99", "synthetic": "#b3541e"}
_MIXED = ("#8a3b6e", "#c07aa6", "#5b6b2f", "#a8895c")
_GREY = "#7b8794"
_STEP = 0.006  # of the axis, between arms of one share, so that intervals do not overlap


def draw_utility(report: UtilityReport, file: Path) -> None:
    """Write balanced accuracy against the share of real groups: one line per arm, 95 % bands.

    Synthetic images alone have no share and are a horizontal line, as are guessing and the
    control by grey levels and border. The same report gives the same bytes.

    Args:
        report: with at least one arm.
        file: PNG to write.
    """
    with mpl.rc_context({"font.size": 8, "axes.edgecolor": "#9aa5b1", "text.color": _INK}):
        figure = Figure(figsize=(7.2, 3.9), dpi=130, layout="constrained")
        axes = figure.subplots()
        for place, (kind, ratio) in enumerate(_lines(report)):
            scores = [s for s in report.arms if (s.arm.kind, s.arm.ratio) == (kind, ratio)]
            if kind == "synthetic":
                _across(axes, scores[0])
            else:
                _line(axes, scores, kind, _colour(report, kind, ratio), place * _STEP)
        _baselines(axes, report)
        axes.set_xlim(-0.03, 1.06)
        axes.set_xticks(
            sorted(report.config.shares),
            [f"{100 * share:g} %" for share in sorted(report.config.shares)],
        )
        axes.set_xlabel("share of the real training groups")
        tested = f"{report.n_test} test images of {report.test_groups} groups"
        axes.set_title(f"balanced accuracy on {tested}", loc="left", fontsize=8)
        axes.spines[["top", "right"]].set_visible(False)
        axes.grid(alpha=0.25, linewidth=0.5, axis="y")
        figure.legend(loc="outside right upper", frameon=False, fontsize=7)
        figure.savefig(file, metadata={"Software": None})


def _lines(report: UtilityReport) -> list[tuple[str, float]]:
    """Kind and ratio of each line, in order of the plan."""
    return list(dict.fromkeys((score.arm.kind, score.arm.ratio) for score in report.arms))


def _colour(report: UtilityReport, kind: str, ratio: float) -> str:
    if kind != "mixed":
        return _COLOURS[kind]
    return _MIXED[sorted(report.config.ratios).index(ratio) % len(_MIXED)]


def _line(axes: Axes, scores: Sequence[ArmScore], kind: str, colour: str, aside: float) -> None:
    scores = sorted(scores, key=lambda score: score.arm.share)
    label = {"real": "real", "classic": "real, classic augmentation"}.get(
        kind, f"real + synthetic × {scores[0].arm.ratio:g}"
    )
    x = [score.arm.share + aside for score in scores]
    axes.plot(
        x,
        [score.balanced_accuracy.value for score in scores],
        color=colour,
        linewidth=1.4,
        marker="o",
        markersize=3.5,
        label=label,
    )
    known = [
        (place, score.balanced_accuracy.low, score.balanced_accuracy.high)
        for place, score in zip(x, scores, strict=True)
        if score.balanced_accuracy.low is not None and score.balanced_accuracy.high is not None
    ]
    if known:
        places, low, high = zip(*known, strict=True)
        axes.fill_between(places, low, high, color=colour, alpha=0.08, linewidth=0)
        axes.vlines(places, low, high, color=colour, linewidth=0.8, alpha=0.6)


def _across(axes: Axes, score: ArmScore) -> None:
    reached, colour = score.balanced_accuracy, _COLOURS["synthetic"]
    axes.axhline(
        reached.value, color=colour, linewidth=1.4, linestyle="--", label="synthetic alone"
    )
    if reached.low is not None and reached.high is not None:
        axes.axhspan(reached.low, reached.high, color=colour, alpha=0.08, linewidth=0)


def _baselines(axes: Axes, report: UtilityReport) -> None:
    """Draw what is reached without any anatomy: the floor of every line."""
    control = report.control
    axes.axhline(
        control.balanced_accuracy.value,
        color=_GREY,
        linewidth=1,
        linestyle="-.",
        label="grey levels and border alone",
    )
    axes.axhline(control.chance, color=_GREY, linewidth=0.8, linestyle=":", label="guessing")
