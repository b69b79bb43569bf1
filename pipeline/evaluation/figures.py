"""Draw the pictures of an evaluation as PNG files, with the same bytes for the same content."""

import csv
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import NullFormatter
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from model.metrics import CanonicalStatistics
from pipeline.evaluation.record import Statistic

Images = NDArray[np.uint8]
Curve = NDArray[Any]

_SHOWN_SIDE = 96  # least side of a shown image, in pixels
_GAP, _MIDDLE = 3, 14  # pixels between images, and between the halves of a grid
_LINES = 4  # most rows of a grid
_LEAST_POWER = (
    1e-8  # of the largest; smaller values are rounding, or ranks beyond the number of images
)
_INK, _COLOURS = "#1c2733", ("#0b6e63", "#b3541e", "#3c5a99", "#8a3b6e", "#5b6b2f")


def draw_grids(
    out: Path,
    classes: tuple[str, ...],
    real: tuple[Images, NDArray[np.int64]],
    fake: tuple[Images, NDArray[np.int64]],
    columns: int,
) -> list[Path]:
    """Write grid-<class>.png for each class: real held-out images left, generated ones right.

    Args:
        out: folder.
        classes: names in label order.
        real, fake: uint8 [N, H, W] and class index [N]; equally many of each are shown, evenly
            spaced over the arrays, so that nobody picks them.
        columns: images per row of each half; a half has at most four rows.
    """
    files = []
    for label, name in enumerate(classes):
        sides = [images[labels == label] for images, labels in (real, fake)]
        fewest = min(len(side) for side in sides)
        if fewest:
            left, right = (_tile(_spread(s, min(fewest, columns * _LINES)), columns) for s in sides)
            gap = np.full((left.shape[0], _MIDDLE), 255, np.uint8)
            files.append(out / f"grid-{name}.png")
            Image.fromarray(np.hstack([left, gap, right])).save(files[-1], optimize=True)
    return files


def draw_rows(file: Path, rows: Sequence[Images]) -> None:
    """Write rows of images that belong together, column by column.

    Args:
        file: PNG to write.
        rows: uint8 [N, H, W] each.
    """
    sheets = [_tile(images, len(images)) for images in rows]
    gap = np.full((_GAP, sheets[0].shape[1]), 255, np.uint8)
    stacked = [part for sheet in sheets for part in (sheet, gap)][:-1]
    Image.fromarray(np.vstack(stacked)).save(file, optimize=True)


def draw_nearest(file: Path, fakes: Images, train: Images, ssim: NDArray[np.float64]) -> None:
    """Write pairs (generated above, nearest training image below) with their SSIM.

    Args:
        file: PNG to write.
        fakes, train: uint8 [N, H, W], pair by pair.
        ssim: [N].
    """
    columns = [
        np.vstack([_shown(a), np.full((_GAP, _shown(a).shape[1]), 255, np.uint8), _shown(b)])
        for a, b in zip(fakes, train, strict=True)
    ]
    height, width = columns[0].shape
    canvas = Image.new("L", ((width + _GAP) * len(columns) - _GAP, height + 24), 255)
    pen, font = ImageDraw.Draw(canvas), ImageFont.load_default(16)
    for place, (column, score) in enumerate(zip(columns, ssim, strict=True)):
        left = place * (width + _GAP)
        canvas.paste(Image.fromarray(column), (left, 0))
        pen.text((left + width // 2, height + 5), f"{score:.3f}", fill=30, font=font, anchor="mt")
    canvas.save(file, optimize=True)


def draw_curves(tables: Sequence[Path], file: Path) -> bool:
    """Write the training curves, one small panel per column of the tables (CSV).

    The x axis is the column `images_seen`; every other numeric column that varies is drawn.
    Returns False, and writes nothing, when there is no curve.
    """
    curves = [curve for table in tables for curve in _curves(table)]
    if not curves:
        return False
    across = min(3, len(curves))
    down = -(-len(curves) // across)
    with mpl.rc_context({"font.size": 8, "axes.edgecolor": "#9aa5b1", "text.color": _INK}):
        figure = Figure(figsize=(2.9 * across, 1.75 * down), dpi=130, layout="constrained")
        panels = figure.subplots(down, across, squeeze=False).ravel()
        for place, (name, x, y) in enumerate(curves):
            _panel(panels[place], name, x, y, _COLOURS[place % len(_COLOURS)])
        for empty in panels[len(curves) :]:
            empty.set_axis_off()
        figure.savefig(file, metadata={"Software": None})
    return True


def draw_statistics(
    file: Path,
    real: CanonicalStatistics,
    fake: CanonicalStatistics,
    singles: Sequence[Statistic],
) -> None:
    """Write the canonical statistics: four curves of the ensemble, and per-image ones as dots.

    Args:
        file: PNG to write.
        real, fake: of the test split and of the generated images.
        singles: per-image statistics, each with its floor.
    """
    lags = np.arange(len(real.autocovariance))
    ranks = np.arange(1, len(real.eigenvalues) + 1)
    curves = (
        ("grey levels", "grey level", np.arange(256), real.histogram, fake.histogram, "symlog"),
        ("power spectrum", "cycles a pixel", real.frequency, real.spectrum, fake.spectrum, "log"),
        ("autocovariance", "lag, pixels", lags, real.autocovariance, fake.autocovariance, ""),
        ("eigenvalues", "rank", ranks, real.eigenvalues, fake.eigenvalues, "log"),
    )
    with mpl.rc_context({"font.size": 8, "axes.edgecolor": "#9aa5b1", "text.color": _INK}):
        figure = Figure(figsize=(9.2, 4.6), dpi=130, layout="constrained")
        grid = figure.add_gridspec(2, 3, width_ratios=(1, 1, 1.25))
        for place, (title, unit, x, left, right, scale) in enumerate(curves):
            axes = figure.add_subplot(grid[place // 2, place % 2])
            _plot_both(axes, x, left, right, scale)
            axes.set_title(title, loc="left", fontsize=8)
            axes.set_xlabel(unit)
        _dots(figure.add_subplot(grid[:, 2]), singles)
        figure.savefig(file, metadata={"Software": None})


def _plot_both(axes: Axes, x: Curve, real: Curve, fake: Curve, scale: str) -> None:
    axes.plot(x, real, color=_COLOURS[0], linewidth=1.3, label="held out")
    axes.plot(x, fake, color=_COLOURS[1], linewidth=1.3, label="generated")
    if scale == "symlog":  # grey levels: black is most of an image, and shares may be zero
        axes.set_yscale("symlog", linthresh=1e-3)
    elif scale:
        axes.set_yscale("log")
    if scale == "log":
        axes.set_ylim(bottom=max(real.max(), fake.max()) * _LEAST_POWER)
    if x[0] > 0:
        axes.set_xscale("log")
        axes.xaxis.set_minor_formatter(NullFormatter())
    axes.spines[["top", "right"]].set_visible(False)
    axes.grid(alpha=0.25, linewidth=0.5)
    axes.legend(frameon=False, fontsize=7)


def _dots(axes: Axes, singles: Sequence[Statistic]) -> None:
    rows = sorted(singles, key=lambda one: one.ks)
    places = np.arange(len(rows))
    axes.hlines(places, [one.floor for one in rows], [one.ks for one in rows], "#c3ccd4", zorder=1)
    axes.scatter(
        [one.floor for one in rows], places, 22, _COLOURS[0], marker="|", label="training images"
    )
    axes.scatter([one.ks for one in rows], places, 18, _COLOURS[1], label="generated")
    axes.set_yticks(places, [one.name.replace("_", " ") for one in rows])
    axes.set_xlim(-0.02, 1.02)
    axes.set_title("single images: distance to the test images (KS)", loc="left", fontsize=8)
    axes.spines[["top", "right"]].set_visible(False)
    axes.grid(alpha=0.25, linewidth=0.5, axis="x")
    axes.legend(frameon=False, fontsize=7, loc="lower right")


def _panel(
    axes: Axes, name: str, x: NDArray[np.float64], y: NDArray[np.float64], colour: str
) -> None:
    axes.plot(x, y, color=colour, linewidth=1.1, marker="o" if len(x) < 20 else "", markersize=3)
    axes.set_title(name.replace("_", " "), loc="left", fontsize=8)
    axes.set_xlabel("thousand images seen")
    axes.spines[["top", "right"]].set_visible(False)
    axes.grid(alpha=0.25, linewidth=0.5)


def _curves(table: Path) -> list[tuple[str, NDArray[np.float64], NDArray[np.float64]]]:
    """Name, thousands of images seen, and values of each curve that varies."""
    columns = _read_columns(table)
    seen = columns.pop("images_seen", np.zeros(0))
    what = "held out: " if table.stem == "validation" else ""
    return [
        (what + name, seen / 1000, values)
        for name, values in columns.items()
        if len(seen) > 1 and np.ptp(values) > 0
    ]


def _read_columns(history: Path) -> dict[str, NDArray[np.float64]]:
    """The columns that hold finite numbers throughout."""
    if not history.exists():
        return {}
    with history.open(newline="") as lines:
        rows = list(csv.DictReader(lines))
    columns = {}
    for name in rows[0] if rows else []:
        try:
            values = np.array([float(row[name]) for row in rows])
        except (TypeError, ValueError):
            continue
        if np.isfinite(values).all():
            columns[name] = values
    return columns


def _spread(images: Images, count: int) -> Images:
    """At most `count` images, evenly spaced over the array."""
    chosen = np.linspace(0, len(images) - 1, min(count, len(images))).round().astype(int)
    spread: Images = images[chosen]
    return spread


def _tile(images: Images, columns: int) -> Images:
    """Images [N, S, S] in rows with white gaps; an incomplete last row stays white."""
    shown = [_shown(image) for image in images]
    height, width = shown[0].shape
    lines = -(-len(shown) // columns)
    shape = (lines * (height + _GAP) - _GAP, columns * (width + _GAP) - _GAP)
    sheet = np.full(shape, 255, np.uint8)
    for place, image in enumerate(shown):
        top, left = place // columns * (height + _GAP), place % columns * (width + _GAP)
        sheet[top : top + height, left : left + width] = image
    return sheet


def _shown(image: Images) -> Images:
    """Enlarge a small image by a whole factor, without interpolation."""
    factor = max(1, -(-_SHOWN_SIDE // image.shape[0]))
    return image.repeat(factor, axis=0).repeat(factor, axis=1)
