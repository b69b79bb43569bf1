"""The tables of `medloom bench marks`."""

from rich.console import Group

from bench.marks.measure import Marks
from pipeline.base.terminal import Facts, FitTable
from pipeline.cli.tables import facts_table


def marks_table(found: Marks) -> Group:
    """Cost, false alarms and survival, one below the other."""
    return Group(_costs(found), _alarms(found), _survivals(found))


def _costs(found: Marks) -> FitTable:
    table = FitTable(
        title=f"what it costs: {found.images} {found.source} of {found.size} px, against "
        f"{found.held_out} held-out images of {found.groups} groups ({found.extractor})"
    )
    for name in ("change", "kernel distance", "more by", "PSNR (5 % below), dB", "SSIM (5 %)"):
        table.add_column(name, justify="left" if name == "change" else "right")
    told = f"{found.distance:.4f} [{found.low:.4f}, {found.high:.4f}]"
    table.add_row("none", told, "", "", "")
    for one in found.costs:
        by, like = one.difference, one.likeness
        psnr = "–" if like.psnr is None else f"{like.psnr:.1f} ({like.psnr_low:.1f})"
        table.add_row(
            one.change,
            f"{one.distance:.4f}",
            f"{by.value:+.4f} [{by.low:+.4f}, {by.high:+.4f}]",
            psnr,
            f"{like.ssim:.3f} ({like.ssim_low:.3f})",
        )
    return table


def _alarms(found: Marks) -> Facts:
    alarms = found.alarms
    error = "" if alarms.error is None else f" ± {alarms.error:.3f} (standard error over keys)"
    return facts_table(
        {
            "looked at": f"{alarms.images} real images, each with {alarms.keys} keys",
            "found": f"{alarms.found} (95 % interval of the share: up to {alarms.most:.1e})",
            "mean z": f"{alarms.mean:.3f}{error}",
            "deviation of z": f"{alarms.deviation:.3f}",
            "highest z": f"{alarms.highest:.2f}",
            "mean z of the luckiest key": f"{alarms.luckiest_key:.2f}",
        },
        "false alarms",
    )


def _survivals(found: Marks) -> FitTable:
    table = FitTable(title=f"found after, of {found.images} marked images")
    for name in ("change", "found", "95 % interval", "median z"):
        table.add_column(name, justify="left" if name == "change" else "right")
    for one in found.survivals:
        share = f"{one.found / one.total:.1%}"
        table.add_row(one.change, share, f"{one.low:.1%} to {one.high:.1%}", f"{one.z:.1f}")
    return table
