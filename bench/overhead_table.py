"""The table of `medloom bench pipeline`."""

from rich.console import Group
from rich.text import Text

from bench.overhead import MOST_IDLE, MOST_OVERHEAD, Overhead
from pipeline.base.terminal import FitTable
from pipeline.cli.tables import facts_table


def overhead_table(found: Overhead) -> Group:
    """A run and its bare stages, and the other timings."""
    table = FitTable("task", title="a retraining, seconds")
    table.add_column("through the scheduler", justify="right")
    table.add_column("bare", justify="right")
    for task, seconds in found.tasks.items():
        bare = f"{found.bare[task]:.1f}" if task in found.bare else ""
        table.add_row(task, f"{seconds:.1f}", bare)
    table.add_section()
    table.add_row("from asking to its end", f"{found.run:.1f}", f"{sum(found.bare.values()):.1f}")
    facts = {
        "project": f"{found.images} images, {found.kimg:g} kimg",
        "overhead": f"{found.overhead:.1f} s (promised: at most {MOST_OVERHEAD:.0f})",
        "nothing new": f"{found.nothing_new:.1f} s (promised: at most {MOST_IDLE:.0f})",
        "services": f"up in {found.services_up:.1f} s, down in {found.services_down:.1f} s",
        "backup": f"{found.backup:.1f} s, {found.megabytes:.0f} MB",
        "restore": Text(f"{found.restore:.1f} s; `audit verify --all` finds ")
        + (Text("the same in both") if found.same else Text("a difference", "red")),
    }
    return Group(table, facts_table(facts))
