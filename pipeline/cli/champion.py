"""`medloom champion …`: who is champion, how it came to be, and a person's say in it."""

import getpass
import os
from collections.abc import Callable
from typing import TYPE_CHECKING, Annotated, Any, TypeVar

import typer

from pipeline.base.errors import BadInputError
from pipeline.base.terminal import Terminal
from pipeline.cli.project import existing_project

if TYPE_CHECKING:
    from pipeline.base.project import Project
    from pipeline.ledger.journal import Journal, Record
    from pipeline.ledger.ledger import Ledger
    from pipeline.registry.registry import Registry

T = TypeVar("T")

champion_app = typer.Typer(
    help="Which version is champion, how it came to be, and changing it by hand.",
    no_args_is_help=True,
)
console = Terminal()

Json = Annotated[bool, typer.Option("--json", help="Print JSON, for machines.")]
Version = Annotated[str, typer.Argument(help="Version number, or challenger: the newest waiting.")]
By = Annotated[
    str | None, typer.Option(help="Who decides, for the journal. Default: your user name here.")
]
Reason = Annotated[str, typer.Option(help="Why, for the journal; it cannot be left out.")]


@champion_app.command("show")
def show(as_json: Json = False) -> None:
    """Show the champion: version, weights, data, the verdict that made it, and who waits."""
    from pipeline.cli.tables import champion_table, waiting_table
    from pipeline.ledger.journal import Journal
    from pipeline.ledger.ledger import Ledger

    project = existing_project()
    journal = Journal(Ledger(project))
    record, challenger = journal.champion, journal.challenger
    if record is None and challenger is None:
        raise BadInputError(f"{project.model} has no champion {_since_when(journal)}")
    if as_json:
        facts = record.model_dump() if record else {"version": None}
        waiting = challenger.model_dump() if challenger else None
        console.print_json(data={"model": project.model, **facts, "challenger": waiting})
        return
    if record:
        # A person's decision carries no verdict: the gate's on the same run does.
        verdict = journal.verdict_on(record.run_key)
        console.print(champion_table(project.model, record, verdict.verdict if verdict else {}))
    if challenger:
        console.print(waiting_table(challenger))


@champion_app.command("history")
def history(as_json: Json = False) -> None:
    """List every decision, in order."""
    from pipeline.cli.tables import history_table
    from pipeline.ledger.journal import BRANCH, read_records
    from pipeline.ledger.ledger import Ledger

    ledger = Ledger(existing_project())
    records = read_records(ledger, ledger.head(BRANCH))
    if as_json:
        console.print_json(data=[record.model_dump() for record in records])
    else:
        console.print(history_table(records))


@champion_app.command("promote")
def promote(version: Version, reason: Reason, by: By = None, as_json: Json = False) -> None:
    """Approve a version whose verdict waits for a person; it becomes champion.

    When the champion changed since the verdict, the candidate is judged against the new one first.
    No approval makes a champion of what the gate did not find better.
    """
    from pipeline.promotion.judge import approve_version

    project = existing_project()
    with console.status("approving") as shown:

        def say(**facts: Any) -> None:
            shown.update(str(facts.get("what", "approving")))

        record = approve_version(project, version, _name(by), reason, say)
    _changed(project, record, as_json=as_json)


@champion_app.command("decline")
def decline(version: Version, reason: Reason, by: By = None, as_json: Json = False) -> None:
    """Refuse a version whose verdict waits for a person; the champion stays."""
    from pipeline.promotion.approval import decline as refuse

    name = _name(by)
    record = _in_registry(lambda ledger, registry: refuse(ledger, registry, version, name, reason))
    _print(record, as_json=as_json)


@champion_app.command("rollback")
def rollback(
    reason: Reason,
    by: By = None,
    to: Annotated[
        int | None, typer.Option(help="Version. Default: the last champion that is not blocked.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Make the previous champion champion again, and block the present one for good.

    The former champion is loaded and asked for images first, as a consumer would.
    """
    from pipeline.promotion.champion import rollback as roll_back

    name = _name(by)
    record = _in_registry(lambda ledger, registry: roll_back(ledger, registry, name, reason, to))
    _changed(existing_project(), record, as_json=as_json)


@champion_app.command("repair")
def repair(as_json: Json = False) -> None:
    """Make the registry's aliases and tags say again what the journal says."""
    from pipeline.promotion.block import follow
    from pipeline.registry.aliases import Projection

    found = Projection.of(_in_registry(follow))
    facts = found._asdict()
    facts["mirror"] = facts.pop("journal")._asdict()
    if as_json:
        console.print_json(data=facts)
    else:
        bearers = [f"{name} {facts[name] or 'nobody'}" for name in list(facts)[:3]]
        console.print(f"{', '.join(bearers)}, as the journal says", highlight=False)


def _since_when(journal: "Journal") -> str:
    """Why there is no champion, and what to do."""
    last = journal.last_change
    if last is None:
        return "yet; `medloom demo` makes one"
    return (
        f"any more: version {last.predecessor} was {last.action} by {last.by} at {last.time}: "
        f"{last.reason}. `medloom run` trains another"
    )


def _in_registry(work: Callable[["Ledger", "Registry"], T]) -> T:
    """Do something with the project's ledger and registry."""
    from pipeline.ledger.ledger import Ledger
    from pipeline.local import services
    from pipeline.registry.registry import Registry

    project = existing_project()
    with console.status("asking the registry"), services.mlflow(project) as uri:
        return work(Ledger(project), Registry(uri, project.model))


def _changed(project: "Project", record: "Record", *, as_json: bool) -> None:
    """Tell consumers and the user of a new champion."""
    from pipeline.ledger.journal import Journal
    from pipeline.ledger.ledger import Ledger
    from pipeline.promotion.webhook import notify_champion

    if warning := notify_champion(project, Journal(Ledger(project))):
        Terminal(stderr=True).print(f"warning: {warning}", style="yellow", highlight=False)
    _print(record, as_json=as_json)


def _print(record: "Record", *, as_json: bool) -> None:
    if as_json:
        console.print_json(data=record.model_dump())
    else:
        said = f"version {record.version} {record.action} by {record.by}: {record.reason}"
        console.print(said, highlight=False, markup=False)


def _name(by: str | None) -> str:
    """Who decides: as given, else the operating system's user."""
    try:
        return by or getpass.getuser()
    except (KeyError, OSError):  # a container's user may have no name
        return f"user {os.getuid()}"
