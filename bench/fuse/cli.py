"""The command `medloom bench fuse`."""

from pathlib import Path
from typing import Annotated

import typer

from pipeline.base.errors import BadInputError
from pipeline.base.terminal import Terminal

console = Terminal(stderr=True)


def fuse(
    kinds: Annotated[
        str, typer.Option(help="How the two images differ: windows, noise, modalities; by commas.")
    ] = "windows",
    families: Annotated[str, typer.Option(help="Families of fusers, by commas; '': all.")] = "",
    size: Annotated[int, typer.Option(help="Side of the images, in pixels.")] = 64,
    patients: Annotated[int, typer.Option(min=1, help="To train on, of each class.")] = 20,
    kimg: Annotated[float, typer.Option(min=0.01, help="Length of each training.")] = 6.0,
    seed: Annotated[int, typer.Option(min=0, help="Of phantoms and trainings.")] = 0,
    out: Annotated[Path, typer.Option("-o", "--out", help="For arrays, weights, pictures.")] = Path(
        "state/bench/fuse"
    ),
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON, for machines.")] = False,
) -> None:
    """Train fusers on pairs of phantoms, and score them beside average, maximum and pyramid.

    The two images alone are measured, too: MI and Qabf are high for a copy of one of them.
    MI, SSIM to both, Qabf and SF are means over held-out patients, with 95 % intervals over them.
    """
    from bench.fuse.measure import FAMILIES, measure_fusers
    from bench.fuse.table import fused_table
    from bench.tables import training_bars
    from pipeline.phantoms.phantom_pairs import KINDS

    chosen = [name.strip() for name in families.split(",") if name.strip()] or list(FAMILIES)
    if unknown := sorted(set(chosen) - set(FAMILIES)):
        raise BadInputError(f"no fuser {', '.join(unknown)}; known: {', '.join(FAMILIES)}")
    asked = {name.strip() for name in kinds.split(",") if name.strip()}
    if not asked or asked - set(KINDS):
        raise BadInputError(f"--kinds is {kinds!r}; known: {', '.join(KINDS)}")
    with training_bars(console) as tell:
        found = [
            measure_fusers(kind, chosen, size, patients, kimg, seed, out / kind, tell)
            for kind in KINDS
            if kind in asked
        ]
    if as_json:
        Terminal().print_json(data=[one.model_dump(mode="json") for one in found])
        return
    for one in found:
        Terminal().print(fused_table(one))
