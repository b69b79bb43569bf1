"""The table of `medloom bench fuse`."""

from bench.fuse.measure import Fused
from bench.interval import with_interval
from model.tasks import task_named
from pipeline.base.terminal import FitTable

_COLUMNS = {"mi": ("MI", 3), "ssim": ("SSIM", 3), "qabf": ("Qabf", 3), "sf": ("SF", 1)}


def fused_table(found: Fused) -> FitTable:
    """Rows of each rule and family: figures with 95 % intervals over patients."""
    first = next(iter(found.families.values()))
    size, pairs = first.protocol.image_size, first.protocol.n_real
    table = FitTable(
        title=f"{found.kind}, {size} px, {pairs} test pairs of {len(first.group_scores)} phantom "
        "patients; gains over the maximum"
    )
    bounds = [bound.quality for bound in task_named("fuse").bounds]
    gains = [f"{_COLUMNS[name][0]} gain" for name in bounds]
    for name in ("", *(title for title, _ in _COLUMNS.values()), *gains):
        table.add_column(name, justify="right" if name else "left")
    for way, one in (found.rivals | found.families).items():
        cells = [with_interval(one.figure(name), digits) for name, (_, digits) in _COLUMNS.items()]
        beside = [with_interval(one.figure(f"{metric}_gain"), 3) for metric in bounds]
        table.add_row(way, *cells, *(beside if way != "maximum" else [""] * len(beside)))
    return table
