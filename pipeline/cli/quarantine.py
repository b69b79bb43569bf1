"""`medloom data quarantine …`: what is set aside, and what a person decides about it."""

import getpass
from collections.abc import Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console, Group
from rich.table import Table
from rich.text import Text

from pipeline.cli.project import existing_project

if TYPE_CHECKING:
    from pipeline.data.revise.quarantining import QuarantinedFile
    from pipeline.ledger.journal import Record

quarantine_app = typer.Typer(
    help="Files of the landing zone that were not taken in: list, show, release, reject.",
    no_args_is_help=True,
)
console = Console()

Json = Annotated[bool, typer.Option("--json", help="Print JSON, for machines.")]
Records = Annotated[list[str], typer.Argument(help="First column of `medloom quarantine`.")]
Why = Annotated[
    str, typer.Option("--reason", help="Why, without a patient's name: it is kept for good.")
]
By = Annotated[str | None, typer.Option(help="Who decided. Default: the user of this machine.")]


@quarantine_app.command("list")
def list_quarantine(
    reason: Annotated[
        str | None, typer.Option(help="Only what was set aside for it, e.g. burnt-in.")
    ] = None,
    label: Annotated[str | None, typer.Option("--class", help="Only of this class.")] = None,
    as_json: Json = False,
) -> None:
    """List the files in the landing zone that were not taken, why, and what was decided of them.

    File names are shown here only: they stay in the landing zone, and no report, log or registry
    has them. The record is the first column of the report's quarantine table; of a file of several
    images, `.3` behind it is the third.
    """
    from pipeline.data.revise.quarantining import list_quarantined

    found = [
        each
        for each in list_quarantined(existing_project())
        if reason in (None, each.reason) and label in (None, each.label)
    ]
    if as_json:
        console.print_json(data=[each.facts for each in found])
    else:
        console.print(quarantine_table(found))


@quarantine_app.command("show")
def show(
    record: Annotated[str, typer.Argument(help="First column of `medloom quarantine`.")],
    as_json: Json = False,
) -> None:
    """Say all that is known of a file that is set aside, and what can be done about it."""
    from pipeline.data.revise.quarantining import find_quarantined
    from pipeline.ledger.journal import Journal
    from pipeline.ledger.ledger import Ledger

    settings = existing_project()
    found = find_quarantined(settings, record)
    records = Journal(Ledger(settings)).records
    if as_json:
        decided = [each.facts | {"decided": _decisions(each, records)} for each in found]
        console.print_json(data=decided)
        return
    from pipeline.cli.tables import facts_table

    tables = []
    for each in found:
        path = str(settings.landing / each.file) if each.file else each.place
        facts = dict(each.facts) | {"file": Text(_plain(path))}
        for number, decision in enumerate(_decisions(each, records), 1):
            facts[f"decision {number}"] = "{action} by {by}, {time}: {reason}".format(**decision)
        tables.append(facts_table(facts))
    console.print(Group(*tables))


@quarantine_app.command("release")
def release(records: Records, reason: Why, by: By = None, as_json: Json = False) -> None:
    """Let images in that were set aside by their looks: too small, flat, text-like strokes.

    Look at each first. The next ingest takes them in; who decided is kept in the journal.
    """
    from pipeline.data.revise.quarantining import release as let_in

    done = let_in(existing_project(), records, by=by or getpass.getuser(), reason=reason)
    if as_json:
        console.print_json(data=asdict(done))
    else:
        console.print(f"{len(done.records)} come in with the next ingest: `medloom ingest`")


@quarantine_app.command("reject")
def reject(records: Records, reason: Why, by: By = None, as_json: Json = False) -> None:
    """Keep files out for good: you looked, and no later change of thresholds shall let them in.

    They are not read again, and the journal keeps who decided. What was released and is not
    ingested yet can be rejected; what is ingested is taken out by `medloom audit withdraw`.
    """
    from pipeline.data.revise.quarantining import reject as keep_out

    done = keep_out(existing_project(), records, by=by or getpass.getuser(), reason=reason)
    if as_json:
        console.print_json(data=asdict(done))
    else:
        console.print(f"{len(done.records)} stay out for good; take the files away when you like")


def quarantine_table(found: "Sequence[QuarantinedFile]") -> Table:
    """What is set aside, by name."""
    table = Table("record", "file in the landing zone", "reason", "state", "what came")
    for each in found:
        table.add_row(each.record, Text(_plain(each.place)), each.reason, each.state, each.detail)
    return table


def _plain(name: str) -> str:
    """Names may hold anything, line breaks and terminal codes among it."""
    return ascii(name)[1:-1]


def _decisions(each: "QuarantinedFile", records: "Sequence[Record]") -> list[dict[str, str]]:
    from pipeline.data.revise.quarantining import KEPT_OUT, RELEASED

    hashes = {each.entry.image_id, each.entry.source_sha256} - {""}
    return [
        {"action": record.action, "by": record.by, "time": record.time, "reason": record.reason}
        for record in records
        if record.action in (RELEASED, KEPT_OUT)
        and hashes & {*record.details.get("images", ()), *record.details.get("sources", ())}
    ]
