"""The command `medloom bench thinned`."""

from pathlib import Path
from typing import Annotated

import typer

from pipeline.base.errors import BadInputError
from pipeline.base.terminal import Terminal

console = Terminal(stderr=True)


def thinned(
    data: Annotated[
        Path,
        typer.Option("--data", help="Folder that preprocess wrote, or of class folders of images."),
    ],
    label: Annotated[str, typer.Option(help="The class that is thinned.")],
    family: Annotated[str, typer.Option(help="Of the generators.")] = "style",
    ratios: Annotated[
        str, typer.Option(help="r of 1:r, by commas: one group of r is kept.")
    ] = "1,2,5,10",
    kimg: Annotated[
        float, typer.Option(min=0.01, help="Length of each generator's training.")
    ] = 24.0,
    classifier_kimg: Annotated[
        float, typer.Option(min=0.001, help="Length of each classifier's training.")
    ] = 16.0,
    seeds: Annotated[int, typer.Option(min=2, help="Classifiers of each row.")] = 3,
    seed: Annotated[
        int, typer.Option(min=0, help="Of the groups that are kept, and of the generators.")
    ] = 0,
    size: Annotated[int, typer.Option(help="Height and width of the images, in pixels.")] = 64,
    out: Annotated[Path, typer.Option("-o", "--out", help="For weights.")] = Path(
        "state/bench/thinned"
    ),
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON, for machines.")] = False,
) -> None:
    """Thin a class, and fill it up by generated images or by repeats of what is left.

    Whole groups of the class leave the training split. One generator a ratio learns from what is
    left, never from more, and a small classifier is trained from scratch on the thinned images
    alone, on them with the class's own images repeated, and on them with generated images, up to
    the former number. All are tested on real images of other groups: balanced accuracy and recall
    of the class, with paired differences over groups and seeds.

    A gain over "alone" that repeats give as well is one of balance, not of the generator. No row
    has classic augmentation. One choice of groups is one experiment: try other --seed.
    """
    from bench.thinned.measure import measure_thinned
    from bench.thinned.table import thinned_table
    from model.config import TrainConfig
    from model.families import names
    from model.tasks import task_of
    from model.utility.config import UtilityConfig
    from pipeline.cli.tables import bars_of_steps
    from pipeline.data.processed import Processed
    from pipeline.stages.prepared import prepare

    drawing = [name for name in names() if task_of(name).name == "draw"]
    if family not in drawing:
        raise BadInputError(f"--family is {family!r}; these draw: {', '.join(drawing)}")
    try:
        asked = [float(ratio) for ratio in ratios.split(",")]
    except ValueError:
        raise BadInputError(f"--ratios is {ratios!r}; give numbers, such as 1,2,5,10") from None
    config = TrainConfig.model_validate(
        {"family": family, "kimg": kimg, "seed": seed, "threads": 1}
    )
    processed = Processed.load(prepare(data, size))
    with bars_of_steps(console) as tell:
        found = measure_thinned(
            processed,
            label,
            asked,
            config,
            out,
            seeds=seeds,
            classifier=UtilityConfig(kimg=classifier_kimg),
            on_progress=tell,
        )
    if as_json:
        Terminal().print_json(data=found.model_dump(mode="json"))
    else:
        Terminal().print(thinned_table(found))
