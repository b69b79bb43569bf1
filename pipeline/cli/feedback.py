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

if TYPE_CHECKING:
    from pipeline.feedback.opinions import Opinion
    from pipeline.feedback.rules import FeedbackConfig, FlagRate

feedback_app = typer.Typer(
    help="What people say about images: give, list, rates, export.", no_args_is_help=True
)
console = Terminal()

Json = Annotated[bool, typer.Option("--json", help="Print JSON, for machines.")]
_TAGS = "artefact, impossible-anatomy, wrong-class, looks-copied, too-noisy, other"


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
    by: Annotated[str | None, typer.Option(help="Who says it. Default: this user.")] = None,
    as_json: Json = False,
) -> None:
    """Say of generated images what is wrong with them, or that they are good.

    The ledger keeps it for good, under a pseudonym and without pixels. If several readers find too
    many images of a class flawed, the next `watch` asks for a retraining (`feedback` in
    params.yaml).

    Example: medloom feedback give --label stone --index 3 --tag wrong-class
    """
    from pipeline.feedback.images import judge_images, reader_of

    project = existing_project()
    with console.status("looking the version up"):
        made = judge_images(
            project, version, label, seed, index,
            reader=reader_of(project, by or getpass.getuser()), tags=tag or (), note=note,
        )  # fmt: skip
    if as_json:
        console.print_json(data=[one.model_dump() for one in made])
    else:
        what = ", ".join(made[0].tags) or "good"
        console.print(f"{len(made)} of version {made[0].version} recorded as {what}")


@feedback_app.command("list")
def list_feedback(
    version: Annotated[int | None, typer.Option(help="Only on this version.")] = None,
    as_json: Json = False,
) -> None:
    """List what people said, newest first."""
    found = [one for one in _opinions() if version in (None, one.version)][::-1]
    if as_json:
        console.print_json(data=[one.model_dump() for one in found])
    else:
        console.print(_opinions_table(found))


@feedback_app.command("rates")
def rates(
    version: Annotated[str, typer.Option(help="Version number or alias.")] = "champion",
    as_json: Json = False,
) -> None:
    """Show how often each class of a version was found flawed, and what that asks for.

    Of the champion's, only opinions since the last verdict ask for a retraining.
    """
    from dataclasses import asdict

    from pipeline.feedback.rules import FeedbackConfig, flag_rates
    from pipeline.ledger.project_params import ProjectParams
    from pipeline.registry.generators import Generators

    project = existing_project()
    number = Generators(project).find(version).number
    config = ProjectParams.of(project).section("feedback", FeedbackConfig)
    found = flag_rates(_opinions(), number, config)
    if as_json:
        console.print_json(data=[asdict(one) | {"rate": one.rate} for one in found])
    elif not found:
        console.print(f"nobody has judged an image of version {number} yet")
    else:
        console.print(_rates_table(found, number, config))


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


def _opinions() -> "list[Opinion]":
    from pipeline.feedback.opinions import Opinions
    from pipeline.ledger.ledger import Ledger

    return Opinions(Ledger(existing_project())).records


def _opinions_table(found: "list[Opinion]") -> FitTable:
    table = FitTable("time", "version", "image", Column("what", ratio=1), "reader", "note")
    for one in found:
        image = one.image[:12] or f"{one.label} seed {one.seed} no. {one.index}"
        what = ", ".join(one.tags) or "good"
        table.add_row(one.time[:16], str(one.version or "real"), image, what, one.reader, one.note)
    return table


def _rates_table(found: "tuple[FlagRate, ...]", number: int, config: "FeedbackConfig") -> FitTable:
    from pipeline.feedback.rules import asking_classes

    asking = {one.label for one in asking_classes(found, config)}
    title = f"version {number}: share of judged images found flawed ({config.confidence:.0%})"
    table = FitTable("class", "flawed", "share", "readers", "most often", "asks", title=title)
    for one in found:
        share = f"{one.rate:.2f} [{one.low:.2f}, {one.high:.2f}]"
        most = one.tags[0][0] if one.tags else ""
        readers = f"{one.flaggers} of {one.readers} flagged"
        asks = "a retraining" if one.label in asking else "nothing"
        table.add_row(one.label, f"{one.flawed} of {one.judged}", share, readers, most, asks)
    return table
