"""The command `medloom bench enlarge`."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NamedTuple

import typer

from pipeline.base.errors import BadInputError
from pipeline.base.terminal import Terminal

if TYPE_CHECKING:
    from bench.enlarge.chain import Chain
    from bench.enlarge.measure import Enlarged
    from pipeline.evaluation.record import EvaluateConfig

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
    folds: Annotated[
        int,
        typer.Option(
            min=1,
            help="3 or more: hold every group out once, with a training a fold; for data of few "
            "groups. 1: the test split.",
        ),
    ] = 1,
    noise: Annotated[
        str, typer.Option(help="Also on noisy small images: deviations in grey levels, by commas.")
    ] = "",
    chain_kimg: Annotated[
        float,
        typer.Option(
            min=0, help="Also measure the chain, with a generator trained so long; 0: not."
        ),
    ] = 0.0,
    generator: Annotated[
        Path | None,
        typer.Option(
            help="Also measure the chain, with this generator (generator.safetensors and "
            "config.json). It must have learned from the training split of the same images."
        ),
    ] = None,
    chain_images: Annotated[
        int,
        typer.Option(
            min=60,
            help="Drawn images of the chain, in the test split's class mix; with --folds shared "
            "out to the folds, 60 each at least.",
        ),
    ] = 600,
    out: Annotated[Path, typer.Option("-o", "--out", help="For weights and pictures.")] = Path(
        "state/bench/enlarge"
    ),
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON, for machines.")] = False,
) -> None:
    """Train enlargers on one part of the patients, and score them beside bicubic on another.

    The small images are antialiased bicubic reductions of the real ones, rounded to grey levels.
    PSNR, SSIM and consistency are means over test groups, with 95 % intervals over them. With
    --folds each group is a test group once, of an enlarger that never saw it.

    The chain draws images at size / factor and enlarges them by bicubic and by each enlarger, as
    `medloom generate --enlarge` does. They have no truth: the second table has the kernel distance
    of each way to real test images of the large size, and the enlarger's minus bicubic's. Intervals
    are over test groups and drawn images; of other trainings they say nothing. With --folds each
    fold has a generator of its own, and figures are means over folds with intervals over them. With
    --json, the chain makes the list an object: enlargers, chain.
    """
    from bench.enlarge.chain import require_intervals, small_images
    from bench.enlarge.folds import cut, require_folds
    from bench.enlarge.measure import FAMILIES
    from bench.enlarge.table import chain_table, enlarged_table, robust_table
    from pipeline.data.config import IngestConfig
    from pipeline.data.processed import Processed
    from pipeline.evaluation.record import EvaluateConfig
    from pipeline.stages.prepared import prepare

    chosen = [name.strip() for name in families.split(",") if name.strip()] or list(FAMILIES)
    if unknown := sorted(set(chosen) - set(FAMILIES)):
        raise BadInputError(f"no enlarger {', '.join(unknown)}; known: {', '.join(FAMILIES)}")
    levels = [float(level) for level in noise.split(",") if level.strip()]
    if chain_kimg and generator:
        raise BadInputError("--chain-kimg trains a generator and --generator names one: give one")
    if folds > 1:
        require_folds(folds, alone=not (levels or generator))
    ingested = IngestConfig(max_group_share=most_share)
    processed = prepare(data, size, ingested=ingested)
    small, evaluated = None, EvaluateConfig(n_fake=chain_images)
    if chain_kimg or generator:
        whole = Processed.load(processed)
        if folds > 1:
            for number, part in enumerate(cut(whole, folds), start=1):
                require_intervals(part, evaluated, fold=number)
        else:
            require_intervals(whole, evaluated)
        small = small_images(data, processed, factor, ingested)
    asked = _Asked(chosen, factor, kimg, processed, small, chain_kimg, evaluated, out)
    found, chain = _by_folds(asked, folds) if folds > 1 else _once(asked, levels, generator)
    if as_json:
        listed = [one.model_dump(mode="json") for one in found]
        both = {"enlargers": listed, "chain": chain.model_dump(mode="json")} if chain else None
        Terminal().print_json(data=both or listed)
        return
    Terminal().print(enlarged_table(found))
    if levels:
        Terminal().print(robust_table(found, levels))
    if chain:
        Terminal().print(chain_table(chain))


class _Asked(NamedTuple):
    """What is measured; `small` only with a chain."""

    families: list[str]
    factor: int
    kimg: float
    processed: Path
    small: Path | None
    chain_kimg: float
    evaluated: "EvaluateConfig"
    out: Path


def _once(
    asked: _Asked, noise: list[float], generator: Path | None
) -> tuple[list["Enlarged"], "Chain | None"]:
    """One training each, of the training split, scored on the test split."""
    from bench.enlarge.chain import load_drawer, measure_chain, train_drawer
    from bench.enlarge.measure import measure_enlargers
    from bench.tables import training_bars
    from pipeline.data.processed import Processed

    families, factor, kimg, processed, small, chain_kimg, evaluated, out = asked
    with training_bars(console) as tell:
        if small and generator:
            load_drawer(generator, Processed.load(small))  # a fault is told before the trainings
        elif small:
            generator = train_drawer(small, chain_kimg, out, tell)
        found = measure_enlargers(processed, families, factor, kimg, out, tell, noise=noise)
    if not (small and generator):
        return found, None
    with console.status("") as status:
        chain = measure_chain(
            generator,
            Processed.load(small),
            Processed.load(processed),
            {one.family: out / one.family for one in found},
            evaluated,
            out,
            status.update,
        )
    return found, chain


def _by_folds(asked: _Asked, folds: int) -> tuple[list["Enlarged"], "Chain | None"]:
    """A training each a fold, scored on the fold."""
    from bench.enlarge.folds import cross_validate, cross_validated_chain
    from bench.tables import training_bars

    families, factor, kimg, processed, small, chain_kimg, evaluated, out = asked
    with training_bars(console) as tell:
        found = cross_validate(processed, families, factor, kimg, out, tell, folds=folds)
        if not small:
            return found, None
        chain = cross_validated_chain(
            small, families, chain_kimg, evaluated, out, tell, folds=folds
        )
    return found, chain
