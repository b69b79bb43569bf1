"""`medloom bench marks`."""

from pathlib import Path
from typing import Annotated

import typer

from pipeline.base.errors import BadInputError
from pipeline.base.terminal import Terminal

console = Terminal(stderr=True)


def marks(
    data: Annotated[
        Path,
        typer.Option("--data", help="Folder of class folders of images, or that preprocess wrote."),
    ],
    models: Annotated[
        Path | None,
        typer.Option(
            help="Folder of generator.safetensors and config.json, whose images are marked. "
            "Default: training images stand in for generated ones."
        ),
    ] = None,
    images: Annotated[int, typer.Option(min=20, help="Images to mark.")] = 600,
    keys: Annotated[int, typer.Option(min=1, help="Keys to look for that are not there.")] = 50,
    size: Annotated[int, typer.Option(help="Height and width of the images, in pixels.")] = 64,
    region: Annotated[
        str,
        typer.Option(help="Part of the images, as in preprocess.region. Default: whole images."),
    ] = "",
    seed: Annotated[int, typer.Option(min=0, help="Of the mark's key and every choice.")] = 0,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON, for machines.")] = False,
) -> None:
    """Measure what the watermark costs, its false alarms, and what it survives.

    Cost: kernel distance to held-out test images with and without the mark, of the same images, and
    PSNR and SSIM of marked against unmarked; beside it that of white noise and of JPEG.
    False alarms: real images, each looked at with keys that marked none of them.
    Survival: how often the mark is found after JPEG, resizing, cropping, windowing and noise.
    The figures of docs/marks.md are made by it.
    """
    from bench.marks.measure import measure_marks
    from bench.marks.table import marks_table
    from model.sampling import load_generator
    from pipeline.cli.tables import bars_of_steps
    from pipeline.data.processed import Processed
    from pipeline.data.region import RegionConfig
    from pipeline.stages.prepared import prepare

    processed = Processed.load(
        prepare(data, size, region=RegionConfig.of_view(region) if region else None)
    )
    try:
        generator = load_generator(models) if models else None
    except (FileNotFoundError, ValueError) as error:
        raise BadInputError(f"cannot read the generator of {models}: {error}") from error
    with bars_of_steps(console) as tell:
        found = measure_marks(processed, generator, images=images, keys=keys, seed=seed, tell=tell)
    if as_json:
        Terminal().print_json(data=found.model_dump(mode="json"))
    else:
        Terminal().print(marks_table(found))
