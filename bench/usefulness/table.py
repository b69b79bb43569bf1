"""The table of `medloom bench usefulness`."""

from bench.interval import with_interval
from bench.usefulness.measure import PAINTED, Usefulness
from model.utility.record import UtilityReport
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
        estimates = [*(one.dice[arm] for arm in found.arms), one.difference]
        if one.over_painted is not None:
            estimates.append(one.over_painted)
        table.add_row(one.kind, str(one.test_images), *map(with_interval, estimates))
    return table


def shown_table(found: UtilityReport) -> FitTable:
    """Balanced accuracy of the classifiers by what they were trained on, and the differences."""
    table = FitTable(
        title=f"With a finding or without: {found.n_test} real test images of {found.test_groups} "
        "groups"
    )
    for name in ("trained on", "real images", "balanced accuracy", "AUC", "less real alone"):
        table.add_column(name, justify="left" if name == "trained on" else "right")
    gains = {one.treated: one.difference for one in found.contrasts}
    for one in found.arms:
        gain = gains.get(one.arm)
        table.add_row(
            one.arm.name, str(max(one.real_images)), with_interval(one.balanced_accuracy),
            f"{one.macro_auc:.3f}", with_interval(gain) if gain else "",
        )  # fmt: skip
    plain = with_interval(found.control.balanced_accuracy)
    table.add_row("grey levels alone", str(found.n_train), plain, "", "")
    return table
