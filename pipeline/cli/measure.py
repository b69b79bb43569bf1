"""`medloom measure`: a few images of a version beside real ones."""

from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Group
from rich.table import Column
from rich.text import Text

from pipeline.base.terminal import FitTable, Terminal
from pipeline.cli.project import existing_project

if TYPE_CHECKING:
    from pipeline.evaluation.measure import Measured, Share

console = Terminal()


def measure(
    label: Annotated[str, typer.Option(help="Class of the images.")],
    count: Annotated[int, typer.Option("-n", min=1, max=600, help="How many.")] = 64,
    seed: Annotated[int, typer.Option(min=0, help="The same seed gives the same images.")] = 0,
    version: Annotated[str, typer.Option(help="Version number or alias.")] = "champion",
    truncation: Annotated[
        float, typer.Option(min=0, max=2, help="Under 1: more typical, less varied images.")
    ] = 1.0,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON, for machines.")] = False,
) -> None:
    """Measure a few images as they would be drawn: distance, class, copies, how typical each is.

    Each figure has its floor, which real images reach at the same number, and it is said when so
    few images mean nothing. `medloom evaluate` is the full measurement. Nothing is decided.

    Example: medloom measure --label stone -n 64 --seed 7
    """
    from dataclasses import asdict

    from pipeline.cli.tables import bars_of_steps
    from pipeline.promotion.measuring import measure_order
    from pipeline.registry.order import Order

    order = Order(version, label, count, seed, truncation)
    with bars_of_steps(Terminal(stderr=True)) as tell:
        found = measure_order(existing_project(), order, tell)
    if as_json:
        console.print_json(data=asdict(found))
    else:
        console.print(measured_table(found))


def measured_table(measured: "Measured") -> Group:
    """What was measured of a few images, and what it says."""
    kept = Column("value [interval]", no_wrap=True)
    table = FitTable("figure", kept, "real images", title=f"{measured.label}, synthetic")
    said: list[str] = []
    if one := measured.distance:
        ends = None if one.low is None or one.high is None else (one.low, one.high)
        floor = _ranged(one.floor, (one.floor_low, one.floor_high))
        table.add_row("kernel distance", _ranged(one.value, ends), f"{floor}, {one.n_floor} each")
        said.append(one.in_words)
    if measured.own_class and measured.own_class_real:
        mine, theirs = measured.own_class, measured.own_class_real
        table.add_row("nearest to its class", _share(mine), _share(theirs))
    number = len(measured.images)
    table.add_row("farther than 99 of 100 real", f"{len(measured.atypical)} of {number}", "")
    table.add_row("copies of training images", f"{len(measured.copies)} of {number}", "none")
    if measured.atypical:
        said.append(f"Far from real images: no. {_listed(measured.atypical)}.")
    if measured.copies:
        said.append(
            f"Copies: no. {_listed(measured.copies)}. Say so with `medloom feedback give --tag "
            "looks-copied`, which measures again and blocks the version."
        )
    return Group(table, *map(Text, said))


def _ranged(value: float, ends: tuple[float, float] | None) -> str:
    return f"{value:.4g}" + (f"  [{ends[0]:.4g}, {ends[1]:.4g}]" if ends else "")


def _share(share: "Share") -> str:
    return f"{share.count} of {share.total}: {_ranged(share.value, share.interval)}"


def _listed(numbers: list[int]) -> str:
    return ", ".join(map(str, numbers))
