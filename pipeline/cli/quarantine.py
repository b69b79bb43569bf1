"""`medloom data quarantine …`: list quarantined files, and release or reject them.

Images of the data that somebody proposes to take out stand in the same list
(`cli/proposals.py`).
"""

import getpass
from collections.abc import Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Group
from rich.table import Column
from rich.text import Text

from pipeline.base.terminal import FitTable, Terminal, whole
from pipeline.cli import proposals
from pipeline.cli.project import existing_project

if TYPE_CHECKING:
    from pipeline.data.revise.quarantining import QuarantinedFile
    from pipeline.ledger.journal import Record

quarantine_app = typer.Typer(
    help="Quarantined files of the landing zone (list, show, release, reject), and images that "
    "somebody proposes to take out of the data (propose, accept, decline).",
    no_args_is_help=True,
)
console = Terminal()

Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]
Records = Annotated[list[str], typer.Argument(help="First column of `medloom quarantine`.")]
Why = Annotated[
    str,
    typer.Option("--reason", help="Why, without a patient's name; kept for good in the journal."),
]
By = Annotated[str | None, typer.Option(help="Who decided. Default: the user of this machine.")]


@quarantine_app.command("list")
def list_quarantine(
    reason: Annotated[
        str | None, typer.Option(help="Only files with this reason, such as burnt-in.")
    ] = None,
    label: Annotated[str | None, typer.Option("--class", help="Only files of this class.")] = None,
    as_json: Json = False,
) -> None:
    """List the quarantined files of the landing zone, with reasons and decisions.

    Images of the data that somebody proposes to take out are among them, with the reason
    `proposed`: `accept` or `decline` them. File names are shown only here: no report, log or
    registry has them. The record is also in the quarantine table of the report; for a file of
    several images, `.3` after it is the third.
    """
    from pipeline.cli.proposals import proposals_table, proposed, waiting_in_words
    from pipeline.data.revise.proposals import PROPOSED
    from pipeline.data.revise.quarantining import list_quarantined

    project = existing_project()
    found = [
        each
        for each in list_quarantined(project)
        if reason in (None, each.reason) and label in (None, each.label)
    ]
    about = [one for one in proposed(project) if label in (None, one.label)]
    about = about if reason in (None, PROPOSED) else []
    if as_json:
        console.print_json(data=[*(each.facts for each in found), *(one.facts for one in about)])
        return
    if found or not about:
        console.print(quarantine_table(found))
    if about:
        console.print(proposals_table(about))
    if waiting := waiting_in_words(about):
        console.print(waiting)


@quarantine_app.command("show")
def show(
    record: Annotated[str, typer.Argument(help="First column of `medloom quarantine`.")],
    as_json: Json = False,
) -> None:
    """Show all facts of a quarantined file, and what can be done about it."""
    from pipeline.cli.proposals import proposed, show_proposed
    from pipeline.data.revise.quarantining import find_quarantined
    from pipeline.ledger.journal import Journal
    from pipeline.ledger.ledger import Ledger

    project = existing_project()
    if about := [one for one in proposed(project) if record == one.record]:
        show_proposed(about[0], as_json=as_json)
        return
    found = find_quarantined(project, record)
    records = Journal(Ledger(project)).records
    if as_json:
        decided = [each.facts | {"decided": _decisions(each, records)} for each in found]
        console.print_json(data=decided)
        return
    from pipeline.cli.tables import facts_table

    tables = []
    for each in found:
        path = str(project.landing / each.file) if each.file else each.place
        facts = dict(each.facts) | {"file": whole(_plain(path))}
        for number, decision in enumerate(_decisions(each, records), 1):
            facts[f"decision {number}"] = "{action} by {by}, {time}: {reason}".format(**decision)
        tables.append(facts_table(facts))
    console.print(Group(*tables))


@quarantine_app.command("release")
def release(records: Records, reason: Why, by: By = None, as_json: Json = False) -> None:
    """Release images that failed a quality check: too small, flat, text-like strokes.

    Review each one first. The next ingest takes them in; the journal records who decided.
    """
    from pipeline.data.revise.quarantining import release as let_in

    done = let_in(existing_project(), records, by=by or getpass.getuser(), reason=reason)
    if as_json:
        console.print_json(data=asdict(done))
    else:
        console.print(
            f"{len(done.records)} released; the next ingest takes them in: `medloom ingest`"
        )


@quarantine_app.command("reject")
def reject(records: Records, reason: Why, by: By = None, as_json: Json = False) -> None:
    """Reject files for good, so that no later change of thresholds lets them in.

    They are not read again, and the journal records who decided. A released image can be rejected
    until it is ingested; `medloom audit withdraw` removes ingested images.
    """
    from pipeline.data.revise.quarantining import reject as keep_out

    done = keep_out(existing_project(), records, by=by or getpass.getuser(), reason=reason)
    if as_json:
        console.print_json(data=asdict(done))
    else:
        console.print(f"{len(done.records)} rejected for good; you may delete the files")


def quarantine_table(found: "Sequence[QuarantinedFile]") -> FitTable:
    """Table of quarantined files, by file name."""
    table = FitTable(
        "record", Column("file in the landing zone", no_wrap=True), "reason", "state", "detail"
    )
    for each in found:
        table.add_row(each.record, Text(_plain(each.place)), each.reason, each.state, each.detail)
    return table


def _plain(name: str) -> str:
    """Escape a file name, which may hold line breaks and terminal codes."""
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


proposals.register(quarantine_app)
