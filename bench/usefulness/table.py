"""The table of `medloom bench usefulness`."""

from bench.usefulness.measure import PAINTED, Usefulness
from model.utility.record import Estimate
from pipeline.base.terminal import FitTable


def usefulness_table(found: Usefulness) -> FitTable:
    """The Dice coefficient of each kind by what the network was trained on."""
    title = f"Dice on {found.test_images} real test images of {found.test_groups} groups"
    table = FitTable(title=f"{title}, trained on {found.pairs} images")
    differences = ["generated minus real"]
    if PAINTED in found.arms:
        differences.append("generated minus painted")
    for name in ("kind", "test images with it", *found.arms, *differences):
        table.add_column(name, justify="left" if name == "kind" else "right")
    for one in found.kinds:
        cells = [_estimate(one.dice[arm]) for arm in found.arms] + [_estimate(one.difference)]
        if one.over_painted is not None:
            cells.append(_estimate(one.over_painted))
        table.add_row(one.kind, str(one.test_images), *cells)
    return table


def _estimate(one: Estimate) -> str:
    if one.low is None or one.high is None:
        return f"{one.value:.3f}"
    return f"{one.value:.3f} [{one.low:.3f}, {one.high:.3f}]"
