"""The command `medloom bench enlarge`."""

from pathlib import Path
from typing import Annotated

import typer

from pipeline.base.errors import BadInputError
from pipeline.base.terminal import Terminal

console = Terminal(stderr=True)


def enlarge(
    data: Annotated[Path, typer.Option("--data", help="Folder of class folders of images.")],
    families: Annotated[str, typer.Option(help="Families of enlargers, by commas; '': all.")] = "",
    factor: Annotated[int, typer.Option(help="How many times larger: 2 or 4.")] = 4,
    size: Annotated[int, typer.Option(help="Side of the large images, in pixels.")] = 256,
    kimg: Annotated[float, typer.Option(min=0.01, help="Length of each training.")] = 24.0,
    most_share: Annotated[
        float,
        typer.Option(
            min=0.01, max=1, help="ingest.max_group_share, for data of few and large series."
        ),
    ] = 0.1,
    noise: Annotated[
        str, typer.Option(help="Also on noisy small images: deviations in grey levels, by commas.")
    ] = "",
    out: Annotated[Path, typer.Option("-o", "--out", help="For weights and pictures.")] = Path(
        "state/bench/enlarge"
    ),
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON, for machines.")] = False,
) -> None:
    """Train enlargers on one part of the patients, and score them beside bicubic on another.

    The small images are antialiased bicubic reductions of the real ones, rounded to grey levels.
    PSNR, SSIM and consistency are means over test groups, with 95 % intervals over them.
    """
    from bench.enlarge.measure import FAMILIES, measure_enlargers
    from bench.enlarge.table import enlarged_table, robust_table
    from bench.tables import training_bars
    from pipeline.data.config import IngestConfig
    from pipeline.stages.prepared import prepare

    chosen = [name.strip() for name in families.split(",") if name.strip()] or list(FAMILIES)
    if unknown := sorted(set(chosen) - set(FAMILIES)):
        raise BadInputError(f"no enlarger {', '.join(unknown)}; known: {', '.join(FAMILIES)}")
    levels = [float(level) for level in noise.split(",") if level.strip()]
    processed = prepare(data, size, ingested=IngestConfig(max_group_share=most_share))
    with training_bars(console) as tell:
        found = measure_enlargers(processed, chosen, factor, kimg, out, tell, noise=levels)
    if as_json:
        Terminal().print_json(data=[one.model_dump(mode="json") for one in found])
        return
    Terminal().print(enlarged_table(found))
    if levels:
        Terminal().print(robust_table(found, levels))
