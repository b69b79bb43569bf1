"""The commands of `medloom bench`."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from bench.data.make import make
from bench.data.stone_boxes import stones
from bench.enlarge.cli import enlarge
from bench.faults.cli import faults
from bench.fuse.cli import fuse
from bench.marks.cli import marks
from bench.reading import cli as reading_cli
from bench.scale.cli import scale
from bench.thinned.cli import thinned
from pipeline.base.errors import BadInputError
from pipeline.base.terminal import Terminal

if TYPE_CHECKING:
    from pipeline.data.region import RegionConfig

bench_app = typer.Typer(
    help="Measure medloom itself. Leave the machine idle: timings are part of the result.",
    no_args_is_help=True,
)
bench_app.command("faults")(faults)
bench_app.command("data")(make)
bench_app.command("stones")(stones)
bench_app.command("marks")(marks)
bench_app.command("enlarge")(enlarge)
bench_app.command("fuse")(fuse)
bench_app.command("scale")(scale)
bench_app.command("thinned")(thinned)
reading_cli.register(bench_app)
console = Terminal(stderr=True)
_UNLIMITED = 1e6  # minutes

Data = Annotated[Path, typer.Option("--data", help="Folder of class folders of images.")]
Size = Annotated[int, typer.Option(help="Height and width to train at, in pixels.")]
Region = Annotated[
    str,
    typer.Option(
        help='Part of the images to train on, as in preprocess.region: "trunk (0, 0.14) 0.72". '
        "Default: whole images, or what the arrays of --data show."
    ),
]
Minutes = Annotated[float, typer.Option(min=0.05, help="Wall-clock time of each training.")]
Seeds = Annotated[int, typer.Option(min=1, help="Trainings of each, with seeds 0, 1, ...")]
Json = Annotated[bool, typer.Option("--json", help="Print JSON, for machines.")]


def _region(view: str) -> "RegionConfig | None":
    """The region that an option names; None: not given.

    Raises:
        BadInputError: it names no region.
    """
    from pipeline.data.region import RegionConfig

    return RegionConfig.of_view(view) if view else None


@bench_app.command("train")
def train(
    data: Data,
    against: Annotated[
        str, typer.Option(help="Rivals, by commas: any family, prototype, plain.")
    ] = "dcgan,vae,prototype,plain",
    minutes: Minutes = 10.0,
    seeds: Seeds = 2,
    size: Size = 64,
    region: Region = "",
    out: Annotated[Path, typer.Option("-o", "--out", help="Folder for weights and grids.")] = Path(
        "state/bench/train"
    ),
    resume: Annotated[
        bool, typer.Option("--resume", help="Keep the trainings that --out holds whole.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Train the default recipe and its rivals for the same minutes and compare them.

    Prints images per second, the kernel distance to held-out test patients with its interval, its
    excess over the floor, and the ratios; and in a second table whether images are of their class,
    with finding rates where the data are kidney phantoms. Each seed trains all of them in turn.
    --resume continues an interrupted benchmark if neither code nor machine has changed.
    """
    from bench.contest import RIVALS, contest
    from bench.tables import contest_table, faithful_table, training_bars
    from model.runtime import cores, processor_name
    from pipeline.stages.prepared import prepare

    rivals = [name.strip() for name in against.split(",") if name.strip()]
    if unknown := sorted(set(rivals) - set(RIVALS)):
        raise BadInputError(f"no rival {', '.join(unknown)}; known: {', '.join(RIVALS)}")
    processed = prepare(data, size, region=_region(region))
    with training_bars(console) as tell:
        standings, outcomes = contest(
            processed, rivals, minutes, range(seeds), out, tell, resume=resume
        )
    if as_json:
        Terminal().print_json(
            data={
                "cpu": processor_name("cpu"),
                "cores": cores(),
                "minutes": minutes,
                "standings": [one.model_dump() for one in standings],
                "trials": [one.model_dump(mode="json") for one in outcomes],
            }
        )
    else:
        Terminal().print(f"{processor_name('cpu')}, {cores()} cores, {minutes:g} minutes each")
        Terminal().print(contest_table(standings))
        Terminal().print()
        Terminal().print(faithful_table(standings))


@bench_app.command("ablate")
def ablate_recipe(
    data: Data,
    rows: Annotated[
        list[str] | None,
        typer.Argument(
            help="Rows such as batch=16 or gamma=1,gamma_end=1; 'default' changes nothing. "
            "Without any: one factor at a time."
        ),
    ] = None,
    minutes: Minutes = 4.0,
    seeds: Seeds = 1,
    size: Size = 64,
    region: Region = "",
    file: Annotated[
        Path, typer.Option("-o", "--out", help="JSON lines; a row that is there is not repeated.")
    ] = Path("state/bench/ablation.jsonl"),
    jobs: Annotated[
        int, typer.Option(min=1, help="Trainings side by side, each with its share of the cores.")
    ] = 1,
    as_json: Json = False,
) -> None:
    """Train each row for the same minutes and rank them by the validation split.

    A row is the default recipe with changed keys of params.yaml's `train` and `train.recipe`. Its
    speed is measured first, which takes seconds and needs an idle machine. Then it trains on the
    number of images for its minutes at that speed, so that other load does not matter. Outcomes
    are appended to a file, so an interrupted run can be continued.
    """
    from bench.ablation import ROWS, ablate
    from bench.tables import ablation_table, training_bars
    from pipeline.stages.prepared import prepare

    processed = prepare(data, size, region=_region(region))
    file.parent.mkdir(parents=True, exist_ok=True)
    with training_bars(console) as tell:
        outcomes = ablate(processed, rows or ROWS, minutes, range(seeds), file, jobs, tell)
    if as_json:
        Terminal().print_json(data=[one.model_dump(mode="json") for one in outcomes])
    else:
        Terminal().print(ablation_table(outcomes))


@bench_app.command("gate")
def judge_the_gate(
    data: Annotated[
        Path | None,
        typer.Option("--data", help="Folder of class folders of images; else the phantom."),
    ] = None,
    trials: Annotated[int, typer.Option(min=1, help="Comparisons of each kind.")] = 2000,
    size: Size = 64,
    region: Region = "",
    as_json: Json = False,
) -> None:
    """Check the gate's promises on simulated generators.

    Measures how often it promotes at a true difference equal to the margin, finds a planted
    improvement, and rejects copies and collapse. Exit code 1 when a promise is broken.
    """
    from bench.gate import judge_gate, phantom_data
    from bench.gate_tables import gate_bars, gate_tables

    with gate_bars(console) as tell:
        bench = judge_gate(data or phantom_data(), size, trials, tell, region=_region(region))
    if as_json:
        Terminal().print_json(data=bench.model_dump(mode="json"))
    else:
        Terminal().print(f"{bench.images} images of {bench.groups} groups")
        Terminal().print(gate_tables(bench))
    if bench.broken:
        raise typer.Exit(1)


@bench_app.command("evaluate")
def time_the_evaluation(
    data: Annotated[
        Path | None,
        typer.Option("--data", help="Folder of class folders of images; else the phantom."),
    ] = None,
    images: Annotated[int, typer.Option(min=4, help="Images of a round of extraction.")] = 128,
    fakes: Annotated[int, typer.Option(min=60, help="Generated images of an evaluation.")] = 2000,
    size: Size = 64,
    region: Region = "",
    as_json: Json = False,
) -> None:
    """Time feature extraction against the plain loop, and an evaluation with every metric.

    The plain loop is the published network in float32, 32 images per batch. Both run in turn in
    one process, and the best of three rounds counts. Noised real images replace generated ones.
    """
    from bench.evaluate_speed import evaluate_speed
    from bench.gate import phantom_data
    from pipeline.cli.tables import bars_of_steps, facts_table
    from pipeline.data.processed import Processed
    from pipeline.stages.prepared import prepare

    processed = Processed.load(prepare(data or phantom_data(), size, region=_region(region)))
    with bars_of_steps(console) as tell:
        found = evaluate_speed(processed, images, fakes, tell)
    if as_json:
        Terminal().print_json(data=found.model_dump(mode="json"))
        return
    extraction, whole = found.extraction, found.whole
    facts = {
        "plain loop": f"{extraction.plain:.1f} img/s",
        "medloom": f"{extraction.ours:.1f} img/s, {extraction.ratio:.2f} x ({extraction.way})",
        "greatest difference": f"{extraction.greatest_difference:.1e} of any feature",
        "kernel distance": f"{extraction.distance_plain:.6f} plain, {extraction.distance_ours:.6f}",
        f"{whole.fakes} fakes, nothing kept": f"{whole.cold:.1f} s ({whole.real} real images)",
        f"{whole.fakes} fakes, real features kept": f"{whole.cached:.1f} s",
    }
    Terminal().print(facts_table(facts, f"{found.processor}, {found.cores} cores"))


@bench_app.command("usefulness")
def train_on_generated(
    data: Annotated[
        Path, typer.Option("--data", help="Folder that preprocess wrote, of annotated images.")
    ],
    models: Annotated[Path, typer.Option(help="Folder of generator.safetensors and config.json.")],
    pairs: Annotated[int, typer.Option("-n", min=16, help="Training images of each arm.")] = 500,
    kimg: Annotated[float, typer.Option(min=0.1, help="Length of each training.")] = 16.0,
    classifier_kimg: Annotated[
        float, typer.Option(min=0.01, help="Length of each classifier's training.")
    ] = 8.0,
    seeds: Annotated[int, typer.Option(min=2, help="Trainings of each arm.")] = 2,
    as_json: Json = False,
) -> None:
    """Train a small segmentation network on generated, on painted and on real pairs, as many each.

    All are tested on annotated real test images: Dice of each kind of finding, with intervals
    over test groups and seeds. Generated pairs are images with the masks that they were drawn by;
    painted ones have findings by rule in generated images of class normal. Then classifiers of
    images with a finding and without learn from generated images alone, from real ones, and from
    both. Classes of which nobody annotated an image are left out.
    """
    from bench.usefulness.measure import annotated_classes, measure_usefulness
    from bench.usefulness.shown import measure_shown
    from bench.usefulness.table import shown_table, usefulness_table
    from model.sampling import load_generator
    from model.utility.config import UtilityConfig
    from pipeline.cli.tables import bars_of_steps
    from pipeline.data.processed import Processed

    try:
        processed, generator = Processed.load(data), load_generator(models)
    except (FileNotFoundError, ValueError) as error:
        raise BadInputError(
            f"cannot read the arrays of {data} and the generator of {models}: {error}"
        ) from error
    with bars_of_steps(console) as tell:
        found = measure_usefulness(
            processed, generator, pairs=pairs, kimg=kimg, seeds=seeds, on_progress=tell
        )
        fits = UtilityConfig(
            minutes=_UNLIMITED, seeds=tuple(range(seeds)), shares=(1.0,), ratios=(1.0,),
            kimg=classifier_kimg,
        )  # fmt: skip
        shown = None
        try:
            shown = measure_shown(
                processed, generator, annotated_classes(processed), fits,
                lambda done, total: tell("classifiers", done, total),
            )  # fmt: skip
        except BadInputError as error:  # such as data in which every image shows a finding
            console.print(f"classifiers were not trained: {error}", soft_wrap=True)
    if as_json:
        whole = found.model_copy(update={"shown": shown})
        Terminal().print_json(data=whole.model_dump(mode="json"))
        return
    Terminal().print(usefulness_table(found))
    if found.not_tested:
        Terminal().print(f"no test image shows {', '.join(found.not_tested)}")
    if found.not_annotated:
        Terminal().print(f"no training image of {', '.join(found.not_annotated)} is annotated")
    if shown is None:
        return
    Terminal().print(shown_table(shown))
    for warning in shown.warnings:
        Terminal().print(warning, soft_wrap=True)


@bench_app.command("edits")
def move_images(
    data: Annotated[Path, typer.Option("--data", help="Folder that preprocess wrote.")],
    models: Annotated[Path, typer.Option(help="Folder of generator.safetensors and config.json.")],
    amounts: Annotated[
        list[float] | None, typer.Option("--amount", help="Of the edits. Default: .5, 1, 1.5, 2.")
    ] = None,
    images: Annotated[int, typer.Option("-n", min=2, help="Of each pair of classes.")] = 64,
    as_json: Json = False,
) -> None:
    """Move generated images towards each other class, in the space W of a family with styles.

    A classifier of real training images (that of the GAN-test) says how many become of the other
    class; SSIM over the body outside of findings says how much of them stays.
    """
    from bench.edits.measure import measure_edits
    from bench.edits.table import edits_table
    from model.sampling import load_generator
    from pipeline.cli.tables import bars_of_steps
    from pipeline.data.processed import Processed

    try:
        processed, generator = Processed.load(data), load_generator(models)
        with bars_of_steps(console) as tell:
            found = measure_edits(
                processed, generator, amounts or (0.5, 1.0, 1.5, 2.0), images, on_progress=tell
            )
    except (FileNotFoundError, ValueError) as error:
        raise BadInputError(f"cannot edit by {models} and {data}: {error}") from error
    if as_json:
        Terminal().print_json(data=found.model_dump(mode="json"))
    else:
        Terminal().print(edits_table(found))


@bench_app.command("gpu")
def measure_a_gpu(
    device: Annotated[str, typer.Option(help="cuda, or cpu to see what is measured.")] = "cuda",
    minutes: Annotated[float, typer.Option(min=0.1, help="Of all.")] = 9.0,
    batch: Annotated[int, typer.Option(min=2, help="Real images a step of the training.")] = 8,
    data: Annotated[
        Path | None,
        typer.Option("--data", help="Folder that preprocess wrote; else made images."),
    ] = None,
    out: Annotated[Path, typer.Option("-o", "--out", help="Folder for gpu.json and weights.")] = (
        Path("state/bench/gpu")
    ),
    as_json: Json = False,
) -> None:
    """Check a GPU against the CPU, time the training step on it, and train for the rest.

    Gradients, samples and a resumed training are compared; images per second by size, batch and
    precision; and the weights of each minute are kept, for another machine to judge.
    Exit code 1 when the device does not compute what the CPU does.
    """
    from bench.gpu.measure import as_text, measure
    from bench.gpu.plan import PLANS

    if device not in PLANS:
        raise BadInputError(f"no device {device!r}; allowed are {', '.join(PLANS)}")
    found = measure(device, minutes, out, data=data, batch=batch, tell=console.print)
    if as_json:
        Terminal().print_json(data=found.model_dump(mode="json"))
    else:
        Terminal().print(as_text(found))
    if not found.fine:
        raise typer.Exit(1)


@bench_app.command("audit")
def time_an_audit(
    versions: Annotated[int, typer.Option(min=1, help="Versions of the synthetic history.")] = 1000,
    revisions: Annotated[int, typer.Option(min=1, help="Data revisions.")] = 100,
    images: Annotated[int, typer.Option(min=1, help="Images of the newest revision.")] = 100_000,
    as_json: Json = False,
) -> None:
    """Time `medloom audit` on a synthetic history, in this process and as a command.

    Branches, manifests and the journal have the real format, but there are no images.
    """
    from bench.audit_scale import audit_scale
    from bench.audit_table import audit_table
    from pipeline.cli.tables import bars_of_steps

    with bars_of_steps(console) as tell:
        found = audit_scale(versions, revisions, images, tell)
    if as_json:
        Terminal().print_json(data=found.model_dump(mode="json"))
    else:
        Terminal().print(audit_table(found))


@bench_app.command("pipeline")
def time_the_pipeline(
    images: Annotated[int, typer.Option(min=60, help="Phantom images of the demo.")] = 1600,
    kimg: Annotated[float, typer.Option(min=0.1, help="Length of the training.")] = 2.0,
    as_json: Json = False,
) -> None:
    """Time the overhead of scheduler, versioning and registry over the bare stages, and a backup.

    A demo runs in a temporary project with the real scheduler, then its stages without. Exit code
    1 when a promise is broken.
    """
    import tempfile

    from bench.overhead import measure_overhead
    from bench.overhead_table import overhead_table

    with (
        tempfile.TemporaryDirectory(prefix="medloom-bench-") as folder,
        console.status("drawing phantoms") as status,
    ):
        found = measure_overhead(Path(folder), images, kimg, status.update)
    if as_json:
        told = found.model_dump(mode="json") | {"overhead": found.overhead, "fine": found.fine}
        Terminal().print_json(data=told)
    else:
        Terminal().print(overhead_table(found))
    if not found.fine:
        raise typer.Exit(1)


@bench_app.command("app")
def time_the_app(
    uris: Annotated[list[str], typer.Argument(help="Addresses of apps that are served now.")],
    rounds: Annotated[int, typer.Option(min=1, help="Batches of each app.")] = 20,
    images: Annotated[int, typer.Option(min=1, max=64, help="Images of a batch.")] = 16,
    rest: Annotated[float, typer.Option(min=0, help="Seconds before each batch.")] = 1.0,
    as_json: Json = False,
) -> None:
    """Time the next batch of images in a browser: from Enter behind a new seed to its last image.

    Several apps, such as of two checkouts, are asked for the same seed in turn.

    Example: medloom bench app http://127.0.0.1:8501 http://127.0.0.1:8502
    """
    from bench.app_speed import next_batches
    from pipeline.base.terminal import FitTable

    found = next_batches(uris, rounds, images, rest)
    if as_json:
        Terminal().print_json(data=[one.model_dump(mode="json") for one in found])
        return
    table = FitTable("app", "median, s", "least", "most", title=f"the next {images} images")
    for one in found:
        ends = (one.median, min(one.seconds), max(one.seconds))
        table.add_row(one.uri, *(f"{seconds:.2f}" for seconds in ends))
    Terminal().print(table)
