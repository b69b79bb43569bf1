"""The marks of generated images: `medloom marks init` and `medloom verify-image`."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from pipeline.base.terminal import FitTable, Terminal
from pipeline.cli.project import existing_project

if TYPE_CHECKING:
    from rich.console import Group

    from pipeline.registry.verify_image import Verified

marks_app = typer.Typer(
    help="The keys by which generated images are signed and watermarked.", no_args_is_help=True
)
console = Terminal()

Json = Annotated[bool, typer.Option("--json", help="Print JSON, for machines.")]


@marks_app.callback()
def marks() -> None:
    """The keys by which generated images are signed and watermarked."""


@marks_app.command("init")
def init() -> None:
    """Make the project's keys; from then on generated images are signed and watermarked."""
    from pipeline.synthetic.keys import ANCHOR, make_keys

    project = existing_project()
    keys = make_keys(project)
    console.print(
        f"keys:        {project.marks}\n"
        f"signer:      sha256 {keys.fingerprint}\n"
        f"watermark:   key {keys.watermark_id}\n\n"
        "Keep a copy of the folder apart from the project: no backup of medloom holds it, and "
        "without it nobody can tell the watermark.\n"
        f"Whoever checks signatures needs {project.marks / ANCHOR}; nothing else of it may leave.",
        highlight=False,
        soft_wrap=True,
    )


def verify_image(
    files: Annotated[list[Path], typer.Argument(help="PNG, JPEG, TIFF or DICOM files.")],
    layout: Annotated[
        Path | None,
        typer.Option(
            exists=True, dir_okay=False, help="The label map that the images were drawn by, if any."
        ),
    ] = None,
    as_json: Json = False,
) -> None:
    """Read every mark of generated images, and draw them again; exits with 1 if one is not so.

    An image is what it says it is if the version, seed and index in its marks give the same
    pixels again, and no mark contradicts that.
    """
    from pipeline.registry.verify_image import ImageVerifier

    verifier = ImageVerifier(existing_project(), layout)
    with console.status("drawing again"):
        found = [verifier.verify(file) for file in files]
    if as_json:
        console.print_json(
            data=[
                {
                    "file": str(one.file),
                    "true": one.true,
                    "facts": one.facts,
                    "answers": [answer._asdict() for answer in one.answers],
                }
                for one in found
            ]
        )
    else:
        console.print(verified_table(found))
    if not all(one.true for one in found):
        raise typer.Exit(1)


def verified_table(found: Sequence["Verified"]) -> "Group":
    """Table of what was found of each file."""
    from rich.console import Group
    from rich.text import Text

    colours = {"holds": "green", "broken": "red", "absent": "", "unknown": "yellow"}
    table = FitTable("file", "mark", "state", "what was found")
    for one in found:
        for number, answer in enumerate(one.answers):
            table.add_row(
                Text("" if number else one.file.name),
                answer.mark,
                Text(answer.state, style=colours[answer.state]),
                Text(answer.detail),
            )
    true = sum(one.true for one in found)
    told = f"{true} of {len(found)} images are what they say they are"
    return Group(table, Text(told, style="green" if true == len(found) else "red"))
