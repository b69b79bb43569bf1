"""`medloom bench data`: data sets with known truth that need no download."""

from pathlib import Path
from typing import Annotated

import typer

from pipeline.base.errors import BadInputError
from pipeline.base.terminal import Terminal

console = Terminal(stderr=True)


def make(
    name: Annotated[str, typer.Argument(help="phantom, lumpy, clustered-lumpy or voronoi.")],
    folder: Annotated[
        Path, typer.Argument(metavar="DIR", help="Output folder, created when missing.")
    ],
    images: Annotated[
        int, typer.Option(min=1, help="Least number: whole patients of 5 images, equal classes.")
    ] = 1600,
    size: Annotated[int, typer.Option(help="Height and width in pixels.")] = 128,
    seed: Annotated[int, typer.Option(help="The same seed gives the same images.")] = 0,
) -> None:
    """Make a data set of known truth, as class folders for medloom.

    - **phantom**: kidney CT of phantom patients; counts of cysts, stones and tumors.

    - **lumpy**: soft lumps (Rolland and Barrett 1992). The four classes have the same mean,
      variance and correlation, and differ only in the number of lumps.

    - **clustered-lumpy**: mammographic texture (Bochud et al. 1999), by number of clusters.

    - **voronoi**: cells of random grey, by number of cells.

    The file `<image>.truth.json` beside each image states its truth. Images of a patient overlap.
    Their names start with the patient, `phantom-00012-`, which the default
    `ingest.patient_pattern` reads, so that no patient is in two splits.

    A larger --images adds to an existing folder; its images stay.

    Example: `medloom bench data voronoi /tmp/voronoi --images 2000 --size 64`, then
    `medloom demo /tmp/voronoi`.
    """
    from bench.data.built_in import BUILT_IN, patients_for, write_built_in
    from pipeline.cli.tables import bars

    if name not in BUILT_IN:
        raise BadInputError(f"no data set {name!r}: choose one of {', '.join(BUILT_IN)}")
    patients = patients_for(images, name)
    with bars(console) as bar:
        written = write_built_in(
            name, folder, patients, seed, size=size, on_progress=bar(f"making {name}")
        )
    made = BUILT_IN[name]
    held = patients * len(made.classes) * made.images
    Terminal().print(
        f"{folder}: {held} images of {patients} patients in each of {len(made.classes)} classes "
        f"({', '.join(made.classes)}), {written} of them new",
        soft_wrap=True,
        highlight=False,
    )
