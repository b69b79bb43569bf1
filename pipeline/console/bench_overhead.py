"""The table of `medloom bench pipeline`."""

from rich.console import Group
from rich.table import Table

from pipeline.bench.overhead import MOST_IDLE, MOST_OVERHEAD, Overhead
from pipeline.console.tables import facts_table


def overhead_table(found: Overhead) -> Group:
    """A run beside its bare stages, and what else was timed."""
    table = Table("", *found.tasks, "all", title="a retraining, seconds", title_justify="left")
    scheduled = [f"{seconds:.1f}" for seconds in found.tasks.values()]
    bare = [f"{found.bare[task]:.1f}" if task in found.bare else "" for task in found.tasks]
    table.add_row("through the scheduler", *scheduled, f"{found.run:.1f}")
    table.add_row("bare stages", *bare, f"{sum(found.bare.values()):.1f}")
    facts = {
        "project": f"{found.images} images, {found.kimg:g} kimg",
        "overhead": f"{found.overhead:.1f} s (promised: at most {MOST_OVERHEAD:.0f})",
        "nothing new": f"{found.nothing_new:.1f} s (promised: at most {MOST_IDLE:.0f})",
        "services": f"up in {found.services_up:.1f} s, down in {found.services_down:.1f} s",
        "backup": f"{found.backup:.1f} s, {found.megabytes:.0f} MB",
        "restore": f"{found.restore:.1f} s; `audit verify --all` says "
        + ("the same of both" if found.same else "[red]something else[/]"),
    }
    return Group(table, facts_table(facts))
