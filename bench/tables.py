"""Tables and progress of `medloom bench`."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

from bench.contest import Standing
from bench.faithful import Faithful
from bench.trial import Outcome
from model.progress import Progress as Training
from pipeline.base.terminal import FitTable


@contextmanager
def training_bars(console: Console) -> Iterator[Callable[[str, Training], None]]:
    """One progress bar per training, by name."""
    columns = (
        TextColumn("{task.description:<32}", markup=False),
        BarColumn(),
        TextColumn("{task.fields[speed]:5.0f} img/s"),
        TextColumn("{task.fields[kimg]:6.1f} kimg"),
        TimeElapsedColumn(),
    )
    with Progress(*columns, console=console) as bars:
        known = {}

        def tell(name: str, training: Training) -> None:
            if name not in known:
                known[name] = bars.add_task(name, total=1.0, speed=0.0, kimg=0.0)
            bars.update(
                known[name],
                completed=training.images_seen / training.images_total,
                speed=training.images_per_second,
                kimg=training.images_seen / 1000,
            )

        yield tell


def ablation_table(outcomes: Sequence[Outcome]) -> FitTable:
    """Rows by rank: kernel distance to the validation split, diversity, speed."""
    table = FitTable(title="ablation, best first (validation split)")
    for name in ("row", "kernel distance", "MS-SSIM worst class (real)", "kimg", "img/s"):
        table.add_column(name, justify="left" if name == "row" else "right")
    for outcome in outcomes:
        table.add_row(
            outcome.name,
            "–" if outcome.validation is None else f"{outcome.validation:.3f}",
            f"{outcome.ms_ssim or 0:.2f} ({outcome.ms_ssim_real or 0:.2f})",
            f"{outcome.images_seen / 1000:.1f}",
            f"{outcome.speed:.0f}",
        )
    return table


def contest_table(standings: Sequence[Standing]) -> FitTable:
    """Each contestant with its interval and floor, and medloom's ratios to it."""
    table = FitTable(title="same data, same minutes (test split)")
    for name in (
        "contestant", "kernel distance", "over floor", "medloom is", "MS-SSIM (real)",
        "img/s", "medloom is", "medloom passes it after",
    ):  # fmt: skip
        table.add_column(name, justify="left" if name == "contestant" else "right")
    for one in standings:
        scored = one.kernel_distance is not None
        table.add_row(
            one.name,
            f"{one.kernel_distance:.3f} [{one.low:.3f}, {one.high:.3f}]" if scored else "–",
            "–" if one.over_floor is None else f"{one.over_floor:.3f}",
            "" if one.distance_ratio is None else f"{one.distance_ratio:.2f} of it",
            f"{one.ms_ssim:.2f} ({one.ms_ssim_real:.2f})" if scored else "–",
            f"{one.speed:.0f}",
            "" if one.speed_ratio is None else f"{one.speed_ratio:.1f} x",
            _when(one),
        )
    return table


def faithful_table(standings: Sequence[Standing]) -> FitTable:
    """Whether images are of their class: a row a figure, a column a contestant.

    An interval has a row of its own, so that the table is narrow enough for four contestants.
    """
    scored = [one for one in standings if one.faithful]
    table = FitTable(
        title="are images of their class? (test split; real: the same of real images)",
        collapse_padding=True,
    )
    for name in ("figure", "real", *(one.name for one in scored)):
        table.add_column(name, justify="left" if name == "figure" else "right", no_wrap=True)
    for name in dict.fromkeys(name for one in scored for name in one.faithful):
        cells = [one.faithful.get(name) for one in scored]
        floor = next((cell.floor for cell in cells if cell and cell.floor is not None), None)
        values = ["–" if cell is None else _number(cell.value) for cell in cells]
        table.add_row(name, "–" if floor is None else _number(floor), *values)
        intervals = [_interval(cell) for cell in cells]
        if any(intervals):
            table.add_row("  95 % interval", "", *intervals)
    return table


def _interval(one: Faithful | None) -> str:
    if one is None or one.low is None or one.high is None:
        return ""
    return f"[{_number(one.low)},{_number(one.high)}]"


def _number(value: float) -> str:
    """Three decimals, without the zero in front: 0.813 is .813."""
    return f"{value:.3f}".replace("0.", ".", 1) if abs(value) < 1 else f"{value:.3f}"


def _when(one: Standing) -> str:
    if one.distance_ratio is None:
        return ""
    return "never" if one.overtaken_minutes is None else f"{one.overtaken_minutes:.1f} min"
