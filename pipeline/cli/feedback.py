"""`medloom feedback …`: say what is wrong with images, and see what people said."""

import getpass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.table import Column

from pipeline.base.errors import BadInputError
from pipeline.base.files import write_atomically
from pipeline.base.terminal import FitTable, Terminal
from pipeline.cli.project import existing_project
from pipeline.data.flaws import FLAWS

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pipeline.base.project import Project
    from pipeline.feedback.copies import Checked
    from pipeline.feedback.opinions import Opinion
    from pipeline.feedback.rules import FeedbackConfig
    from pipeline.feedback.tables import Row

feedback_app = typer.Typer(
    help="What people say about images: give, check, list, rates, export.", no_args_is_help=True
)
console = Terminal()

Json = Annotated[bool, typer.Option("--json", help="Print JSON, for machines.")]
_TAGS = ", ".join(FLAWS)


@feedback_app.command("give")
def give(
    label: Annotated[str, typer.Option(help="Class of the images, as they were asked for.")],
    index: Annotated[
        list[int], typer.Option(min=0, help="Number of the image in its file name; may repeat.")
    ],
    seed: Annotated[int, typer.Option(min=0, help="Seed that drew them.")] = 0,
    version: Annotated[str, typer.Option(help="Version number or alias.")] = "champion",
    tag: Annotated[
        list[str] | None,
        typer.Option(help=f"What is wrong: {_TAGS}; may repeat. None: the images are good."),
    ] = None,
    note: Annotated[str, typer.Option(help="In words, without a patient's name.")] = "",
    by: Annotated[
        str | None, typer.Option(help="Who says it, if you enter it for another. Default: you.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Say of generated images what is wrong with them, or that they are good.

    The ledger keeps it for good, under a pseudonym and without pixels. If several readers find too
    many images of a class flawed, the next `watch` asks for a retraining (`feedback` in
    params.yaml). An image that looks copied is compared with the training images at once; a copy
    blocks its version.

    Example: medloom feedback give --label stone --index 3 --tag wrong-class
    """
    from pipeline.data.flaws import LOOKS_COPIED
    from pipeline.feedback.copies import Checked, check_copies
    from pipeline.feedback.images import account_of, judge_images, reader_of

    project = existing_project()
    with console.status("looking the version up"):
        made = judge_images(
            project, version, label, seed, index,
            reader=reader_of(project, by or getpass.getuser()), given_by=account_of(project),
            tags=tag or (), note=note,
        )  # fmt: skip
    done = Checked()
    if LOOKS_COPIED in made[0].tags:
        with console.status("comparing with the training images"):
            done = check_copies(project, made)
    if as_json:
        console.print_json(data=[one.model_dump() for one in made])
        _print_lines(done, Terminal(stderr=True))
    else:
        what = ", ".join(made[0].tags) or "good"
        console.print(f"{len(made)} of version {made[0].version} recorded as {what}")
        if made[0].given_by:
            console.print(
                "entered by you for another reader: all that one account enters counts as one "
                "reader's (feedback.one_voice_per_account)",
                highlight=False,
                soft_wrap=True,
            )
        _print_lines(done, console)


@feedback_app.command("check")
def check(as_json: Json = False) -> None:
    """Compare images that readers said look copied with the training images, as far as pending.

    `watch` does so, too. A measured copy blocks its version: it can never be champion, and its
    images are not handed out any more.
    """
    from pipeline.feedback.copies import check_copies

    project = existing_project()
    with console.status("comparing with the training images"):
        done = check_copies(project)
    if as_json:
        facts = {
            "checks": [one.model_dump() for one in done.checks],
            "pending": [{"opinion": one.sequence, "why": why} for one, why in done.left],
            "never": [{"opinion": one.sequence, "why": why} for one, why in done.never],
            "blocked": [one.model_dump() for one in done.blocked],
            "warnings": done.warnings,
        }
        console.print_json(data=facts)
    elif not done.lines:
        console.print("no image that looks copied is pending")
    else:
        _print_lines(done, console)


@feedback_app.command("list")
def list_feedback(
    version: Annotated[int | None, typer.Option(help="Only on this version.")] = None,
    as_json: Json = False,
) -> None:
    """List what people said, newest first, and what came of it.

    An image that looks copied is measured; an opinion may have led to a retraining.
    """
    from pipeline.feedback.checks import copy_outcomes
    from pipeline.feedback.opinions import Opinions
    from pipeline.feedback.retrainings import led_to
    from pipeline.feedback.tables import opinion_rows
    from pipeline.flow.asked import asked_retrainings
    from pipeline.ledger.ledger import Ledger

    project = existing_project()
    ledger = Ledger(project)
    found = [one for one in Opinions(ledger).records if version in (None, one.version)][::-1]
    asked = asked_retrainings(ledger)
    if as_json:
        facts = [
            one.model_dump() | {"led_to": came and came.facts()}
            for one, came in ((one, led_to(one, asked)) for one in found)
        ]
        console.print_json(data=facts)
        return
    console.print(_table(opinion_rows(found, copy_outcomes(ledger), asked), "no opinion yet"))
    for retraining in asked:
        if version in (None, retraining.version):
            console.print(retraining.in_words, highlight=False, markup=False, soft_wrap=True)


@feedback_app.command("rates")
def rates(
    version: Annotated[str, typer.Option(help="Version number or alias.")] = "champion",
    as_json: Json = False,
) -> None:
    """Show how often each class of a version was found flawed, and what that asks for.

    Of the champion's, only opinions since the last verdict ask for a retraining.
    """
    from dataclasses import asdict

    from pipeline.feedback.retrainings import asking_now, retrainings
    from pipeline.feedback.rules import flag_rates
    from pipeline.feedback.tables import rate_rows
    from pipeline.ledger.ledger import Ledger
    from pipeline.registry.generators import Generators

    project = existing_project()
    number = Generators(project).find(version).number
    config = _config(project)
    found = flag_rates(_opinions(), number, config)
    if as_json:
        console.print_json(data=[asdict(one) | {"rate": one.rate} for one in found])
    elif not found:
        console.print(f"nobody has judged an image of version {number} yet")
    else:
        title = f"version {number}: share of judged images found flawed ({config.confidence:.0%})"
        asking = asking_now(retrainings(Ledger(project), config), number)
        console.print(_table(rate_rows(found, asking), title=title))


@feedback_app.command("export")
def export(
    out: Annotated[Path, typer.Option("-o", "--out", help="CSV file to write.")],
) -> None:
    """Write all opinions as CSV, one row each, in the order in which they were given."""
    from pipeline.feedback.export import csv_text

    found = _opinions()
    if out.is_dir():
        raise BadInputError(f"{out} is a folder; give a file, such as {out / 'feedback.csv'}")
    write_atomically(out, csv_text(found))
    console.print(f"{len(found)} opinions in {out}", highlight=False)


def _config(project: "Project") -> "FeedbackConfig":
    from pipeline.feedback.rules import FeedbackConfig
    from pipeline.ledger.project_params import ProjectParams

    return ProjectParams.of(project).section("feedback", FeedbackConfig)


def _opinions() -> "list[Opinion]":
    from pipeline.feedback.opinions import Opinions
    from pipeline.ledger.ledger import Ledger

    return Opinions(Ledger(existing_project())).records


def _table(rows: "Sequence[Row]", none: str = "", title: str = "") -> FitTable | str:
    """Rows as a table; `none` without any."""
    if not rows:
        return none
    columns = (Column(name, ratio=1) if name == "said" else name for name in rows[0])
    table = FitTable(*columns, title=title or None)
    for row in rows:
        table.add_row(*row.values())
    return table


def _print_lines(done: "Checked", terminal: Terminal) -> None:
    for line in done.lines:
        terminal.print(line, highlight=False, markup=False, soft_wrap=True)
