"""The table of `medloom bench enlarge`."""

from collections.abc import Sequence

from bench.enlarge.chain import Chain
from bench.enlarge.measure import Enlarged
from bench.interval import with_interval
from pipeline.base.terminal import FitTable
from pipeline.evaluation.record import KERNEL, Evaluation

_COLUMNS = {"psnr": ("PSNR, dB", 2), "ssim": ("SSIM", 3), "consistency": ("consistency", 2)}


def enlarged_table(found: Sequence[Enlarged]) -> FitTable:
    """Rows of bicubic and each family: figures with 95 % intervals over test groups."""
    protocol = found[0].evaluation.protocol
    groups, folds = len(found[0].evaluation.group_scores), found[0].folds
    held_out = "test images" if folds == 1 else "images"
    table = FitTable(
        title=f"x{protocol.factor} to {protocol.image_size} px, {protocol.n_real} {held_out} of "
        f"{groups} groups" + (f", each held out once, in {folds} folds" if folds > 1 else ""),
        caption=_OF_FOLDS if folds > 1 else None,
    )
    for name in ("", *(title for title, _ in _COLUMNS.values()), "KD", "PSNR gain", "SSIM gain"):
        table.add_column(name, justify="right" if name else "left")
    first = found[0].evaluation
    if first.baseline is not None:
        table.add_row(first.baseline_family or "", *_cells(first.baseline), "", "")
    for one in found:
        score = one.evaluation.figure
        gains = [with_interval(score(f"{name}_gain"), _COLUMNS[name][1]) for name in _GAINS]
        table.add_row(one.family, *_cells(one.evaluation), *gains)
    return table


def robust_table(found: Sequence[Enlarged], noise: Sequence[float]) -> FitTable:
    """PSNR in dB on noisy small images of the validation split, a column for each deviation."""
    table = FitTable(title="PSNR, dB, by the noise of the small images, in grey levels")
    for name in ("", *(f"{level:g}" for level in noise)):
        table.add_column(name, justify="right" if name else "left")
    for one in found:
        for way, values in one.robust.items():
            if way != "bicubic":
                cells = [f"{value:.2f}" for value in values]
                table.add_row(f"{one.family}, {way.replace('_', ' ')}", *cells)
    table.add_row("bicubic", *(f"{value:.2f}" for value in found[0].robust["bicubic"]))
    return table


def chain_table(chain: Chain) -> FitTable:
    """Kernel distance of real images (the floor) and of drawn ones by each way; lower is better."""
    table = FitTable(
        title=f"drawn at {chain.given_size} px by {chain.family}, made {chain.image_size} px: "
        f"{chain.n_fake} images against {chain.n_real} real test images of {chain.test_groups} "
        "groups" + (f", in {chain.folds} folds" if chain.folds > 1 else ""),
        caption=f"Features: {chain.resize}. "
        + (_CHAIN_OF_FOLDS if chain.folds > 1 else _CHAIN_OF_TEST_SPLIT),
    )
    for name in ("", chain.metric, "minus bicubic's"):
        table.add_column(name, justify="right" if name else "left")
    for way in chain.ways:
        less = "" if way.less_bicubic is None else with_interval(way.less_bicubic, 4)
        table.add_row(way.name, with_interval(way, 3), less)
    return table


_GAINS = ("psnr", "ssim")
_OF_FOLDS = (
    "Enlargers of different folds learned mostly from the same images, which an interval over "
    "groups does not count: it is somewhat too narrow (Bengio and Grandvalet 2004)."
)

_CHAIN_OF_TEST_SPLIT = "Intervals are over test groups and drawn images, not over trainings."
_CHAIN_OF_FOLDS = (
    "Means over folds with intervals over them; each fold has a generator, enlargers and held-out "
    "groups of its own. They learned mostly from the same images, so that intervals are somewhat "
    "too narrow."
)


def _cells(evaluation: Evaluation) -> list[str]:
    digits = {name: number for name, (_, number) in _COLUMNS.items()} | {KERNEL: 3}
    return [with_interval(evaluation.figure(name), number) for name, number in digits.items()]
