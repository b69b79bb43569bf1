"""`medloom data quarantine propose | accept | decline`: real images that people flagged."""

import getpass
from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated

import typer
from rich.table import Column

from pipeline.base.project import Project
from pipeline.base.terminal import FitTable, Terminal
from pipeline.cli.project import existing_project
from pipeline.data.flaws import FLAWS_OF_ALL

if TYPE_CHECKING:
    from pipeline.data.revise.answering import Answers
    from pipeline.data.revise.proposals import ProposedImage

console = Terminal()

Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]
Proposed = Annotated[
    list[str], typer.Argument(help="Records with the reason `proposed` of `medloom quarantine`.")
]
Why = Annotated[str, typer.Option("--reason", help="Why, without a patient's name; kept for good.")]
By = Annotated[str | None, typer.Option(help="Who decided. Default: the user of this machine.")]


def register(quarantine_app: typer.Typer) -> None:
    """Add the commands about proposals to those about the quarantine."""
    quarantine_app.command("propose")(propose)
    quarantine_app.command("accept")(accept)
    quarantine_app.command("decline")(decline)


def propose(
    image: Annotated[str, typer.Argument(help="Image id, or its first 8 digits or more.")],
    tag: Annotated[
        list[str], typer.Option(help=f"What is wrong: {', '.join(FLAWS_OF_ALL)}; may repeat.")
    ],
    note: Annotated[str, typer.Option(help="In words, without a patient's name.")] = "",
    by: Annotated[str | None, typer.Option(help="Who says it. Default: this user.")] = None,
    as_json: Json = False,
) -> None:
    """Propose to take an image out of the data, because something is wrong with it.

    Nothing happens until a person accepts it. The ledger keeps it under a pseudonym.

    Example: medloom data quarantine propose 3f0c9a12 --tag burnt-in-text
    """
    from pipeline.data.revise.answering import propose_image
    from pipeline.feedback.images import reader_of

    project = existing_project()
    reader = reader_of(project, by or getpass.getuser())
    made = propose_image(project, image, tag, by=reader, note=note)
    if as_json:
        console.print_json(data=made.model_dump())
    else:
        console.print(f"{made.image[:12]} {made.in_words}; `accept` or `decline` answers it")


def accept(
    records: Proposed,
    reason: Why,
    to: Annotated[
        str, typer.Option(help="Correct the class to this one, and keep the images.")
    ] = "",
    by: By = None,
    as_json: Json = False,
) -> None:
    """Accept proposals: the next data revision lacks the images, or has them in another class.

    Look at each one first. Later ingests keep a set-aside image out; `release` lets it in again.
    Versions that learned from it stay. Where a patient is named, use `medloom audit withdraw
    --purge` instead.
    """
    from pipeline.data.revise import answering

    done = answering.accept(
        existing_project(), records, by=by or getpass.getuser(), reason=reason, to=to
    )
    _print(done, f"corrected to {to}" if to else "set aside", as_json=as_json)


def decline(records: Proposed, reason: Why, by: By = None, as_json: Json = False) -> None:
    """Decline proposals: the images stay in the data as they are."""
    from pipeline.data.revise import answering

    done = answering.decline(existing_project(), records, by=by or getpass.getuser(), reason=reason)
    _print(done, "kept", as_json=as_json)


def proposed(project: Project) -> "list[ProposedImage]":
    """Every proposed image; what readers of studies flagged is handed on first."""
    from pipeline.data.revise.answering import list_proposed
    from pipeline.feedback.rules import FeedbackConfig
    from pipeline.ledger.project_params import ProjectParams
    from pipeline.study.flags import hand_on_flags

    hand_on_flags(project)
    config = ProjectParams.of(project).section("feedback", FeedbackConfig)
    return list_proposed(project, config.most_per_reader)


def proposals_table(found: "Sequence[ProposedImage]") -> FitTable:
    """Table of proposed images but those that wait, the oldest proposal first."""
    table = FitTable(
        "record", "class", "state", Column("detail", ratio=1),
        title="images of the data that somebody proposes to take out",
    )  # fmt: skip
    for one in found:
        if one.state != "waiting":
            table.add_row(one.record, one.label, one.state, one.detail)
    return table


def waiting_in_words(found: "Sequence[ProposedImage]") -> str:
    """How many proposals are not listed, and why; "" if all are."""
    count = sum(one.state == "waiting" for one in found)
    return (
        f"{count} more proposals wait: of one reader feedback.most_per_reader images are open at a "
        "time"
        if count
        else ""
    )


def show_proposed(one: "ProposedImage", *, as_json: bool) -> None:
    """All that was said about one image."""
    from pipeline.cli.tables import facts_table

    said = [*one.answered, *one.proposals]
    if as_json:
        console.print_json(data=[one.facts | {"decided": [each.model_dump() for each in said]}])
        return
    facts = dict(one.facts)
    del facts["file"], facts["bytes"]
    for number, each in enumerate(said, 1):
        facts[f"step {number}"] = f"{each.time}, {each.in_words}"
    console.print(facts_table(facts))


def _print(done: "Answers", what: str, *, as_json: bool) -> None:
    if as_json:
        console.print_json(
            data={
                "answers": [one.model_dump() for one in done.records],
                "warnings": list(done.warnings),
            }
        )
        return
    console.print(f"{len(done.records)} {what}")
    for warning in done.warnings:
        console.print(f"warning: {warning}", highlight=False, soft_wrap=True)
