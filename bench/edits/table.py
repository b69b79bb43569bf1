"""The table of `medloom bench edits`."""

from bench.edits.measure import AtAmount, Edits, Share
from pipeline.base.terminal import FitTable
from pipeline.evaluation.record import AGREEMENT, AGREEMENT_FINDINGS

_BY = {AGREEMENT: "by the whole image", AGREEMENT_FINDINGS: "by findings"}


def edits_table(found: Edits) -> FitTable:
    """By amount: images that became of the other class, by class, and how much of them stayed."""
    title = (
        f"{found.images} images of each pair of classes, read {_BY[found.read_by]}; real ones read "
        f"right {found.reader:.0%}, drawn ones {_share(found.drawn)}; SSIM between other seeds "
        f"{found.other_ssim:.3f}"
    )
    table = FitTable(title=title)
    table.add_column("amount")
    towards = list(found.same_seed.by_towards)
    for name in ("flipped", *(f"to {one}" for one in towards), "SSIM", "10th percentile"):
        table.add_column(name, justify="right")
    for one in found.amounts:
        table.add_row(f"{one.amount:g}", *_cells(one))
    table.add_row("no edit: the class asked for by the same seed", *_cells(found.same_seed))
    return table


def _cells(one: AtAmount) -> list[str]:
    shares = [_share(one.flipped), *(f"{share.value:.2f}" for share in one.by_towards.values())]
    return [*shares, f"{one.ssim:.3f}", f"{one.ssim_low:.3f}"]


def _share(one: Share) -> str:
    return f"{one.value:.2f} [{one.low:.2f}, {one.high:.2f}]"
