"""Images moved in the space W of a version with styles: `medloom edit`."""

from pathlib import Path
from typing import Annotated

import typer

from pipeline.base.terminal import Terminal
from pipeline.cli.images import Form, Json, Truncation, Version, Watermark, Withheld, marked_by
from pipeline.cli.project import existing_project

console = Terminal()


def edit(
    label: Annotated[str, typer.Option(help="Class of the images before the edit, or a mixture.")],
    out: Annotated[Path, typer.Option("-o", "--out", help="Folder for the files.")],
    towards: Annotated[str, typer.Option(help="Class to which the images are moved.")] = "",
    direction: Annotated[
        int | None,
        typer.Option(
            min=0, help="Instead: along what the network varies most, 0 for the strongest."
        ),
    ] = None,
    amount: Annotated[
        float,
        typer.Option(
            help="How far. 1: from the mean of one class to that of the other, or one deviation "
            "along a direction; less than 0: the other way."
        ),
    ] = 1.0,
    count: Annotated[int, typer.Option("-n", min=1, max=100_000, help="How many.")] = 16,
    seed: Annotated[int, typer.Option(min=0, help="That of the images before the edit.")] = 0,
    version: Version = "champion",
    truncation: Truncation = 1.0,
    form: Form = "png",
    watermark: Watermark = True,
    withheld: Withheld = False,
    as_json: Json = False,
) -> None:
    """Move the images of `medloom generate` towards a class, or along a direction of the network.

    The same seed without the edit is `medloom generate`. It needs a version of a family with
    styles (train.family: style). Where it draws findings by layouts, these fade into those of the
    other class. Files are marked as synthetic and say what was done.
    """
    from pipeline.registry.edits import Edit
    from pipeline.registry.image_files import generate_images

    project, move = existing_project(), Edit.parse(amount, towards, direction)
    with console.status("loading the generator"):
        drawn = generate_images(
            project,
            version,
            label,
            count,
            seed,
            out,
            truncation=truncation,
            form=form,
            watermark=watermark,
            withheld=withheld,
            edit=move,
        )
    if as_json:
        facts = {"version": drawn.version, "aliases": drawn.aliases, "images": drawn.images}
        facts |= {"region": drawn.region, "edit": move.facts, "synthetic": True}
        facts |= {"signed": drawn.signed, "watermarked": drawn.watermarked}
        console.print_json(data=facts | {"files": [str(file) for file in drawn.files]})
        return
    where = f"towards {towards}" if towards else f"along direction {direction}"
    bears = f" ({', '.join(drawn.aliases)})" if drawn.aliases else ""
    console.print(
        f"{drawn.images} synthetic {label} images of version {drawn.version}{bears}, moved by "
        f"{amount:g} {where}, in {out}; each file says that it is synthetic{marked_by(drawn)}",
        highlight=False,
        markup=False,
        soft_wrap=True,
    )
