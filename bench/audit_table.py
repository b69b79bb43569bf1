"""The table of `medloom bench audit`."""

from rich.console import Group

from bench.audit_scale import AuditScale
from pipeline.base.terminal import FitTable
from pipeline.cli.tables import facts_table


def audit_table(found: AuditScale) -> Group:
    """The history's size, and the time of each question."""
    facts = {
        "history": f"{found.versions} versions, {found.revisions} data revisions, "
        f"{found.images} images in the newest",
        "made in": f"{found.made:.1f} s",
    }
    table = FitTable("question", "in process", "as a command", "answer")
    for one in found.timings:
        table.add_row(one.question, f"{one.inside:.3f} s", f"{one.command:.2f} s", one.answer)
    return Group(facts_table(facts), table)
