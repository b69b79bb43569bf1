"""`medloom …`: every command of the pipeline."""

import os
import re
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console

from pipeline import withdraw_cli
from pipeline.audit.cli import audit_app
from pipeline.bench.cli import bench_app
from pipeline.console import (
    backup_cli,
    data_report,
    data_show,
    ingest_cli,
    quarantine_cli,
)
from pipeline.console.champion_cli import champion_app
from pipeline.console.project import Choice, chosen_settings, existing_project
from pipeline.datasets.cli import data_app
from pipeline.errors import BadInputError, ExitCode, run_as_command
from pipeline.task_cli import task_app

app = typer.Typer(
    name="medloom",
    help="Learn a generator of synthetic medical images from the images you have, and keep it "
    "learning.\n\nStart with `medloom demo`; then `medloom status` and `medloom champion show`.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode="markdown",
)
app.add_typer(champion_app, name="champion")
app.add_typer(task_app, name="task", hidden=True)
app.add_typer(audit_app, name="audit")
app.add_typer(bench_app, name="bench")
app.add_typer(data_app, name="data")
backup_cli.register(app)
withdraw_cli.register(audit_app, data_app)
data_show.register(data_app)
data_report.register(data_app)
data_app.add_typer(quarantine_cli.quarantine_app, name="quarantine")

console = Console()

Json = Annotated[bool, typer.Option("--json", help="Print JSON, for machines.")]


@app.callback()
def choose_project(
    project: Annotated[
        str | None,
        typer.Option(
            "--project",
            "-p",
            help="The project, a folder under state/. Default: MEDLOOM_STATE, else phantom.",
        ),
    ] = None,
) -> None:
    """Remember which project the command is about."""
    Choice.project = project


# -- the main road -----------------------------------------------------------------------------


@app.command()
def demo(
    data: Annotated[
        Path | None,
        typer.Argument(help="Folder of class folders of images. Default: the built-in phantom."),
    ] = None,
    patients: Annotated[
        int, typer.Option(min=3, help="Phantom patients a class, without a folder.")
    ] = 80,
) -> None:
    """Images in, a champion out: the whole road, once, on this machine.

    Starts Airflow and MLflow on free local ports, feeds the landing zone, runs the retraining and
    says what came of it. Services that were not up before are ended again. Run twice, the second
    run finds nothing new and changes nothing.
    """
    from pipeline.console.demo import run_demo

    if data is not None and Choice.project is None and "MEDLOOM_STATE" not in os.environ:
        Choice.project = re.sub(r"[^a-z0-9._-]+", "-", data.resolve().name.lower()).strip("-._")
    raise typer.Exit(run_demo(chosen_settings(), data, patients, console))


@app.command()
def up() -> None:
    """Start Airflow and MLflow and keep them running; `medloom down` ends them."""
    from pipeline import services

    with console.status("starting MLflow and Airflow (about half a minute)"):
        services.up(chosen_settings())
    status()


@app.command()
def down() -> None:
    """End Airflow, MLflow and every task they run."""
    from pipeline import services

    settings = chosen_settings()
    with console.status("ending services"):
        ended = services.down(settings)
    console.print("all services ended" if ended else f"{settings.project}: nothing was running")


@app.command()
def status(as_json: Json = False) -> None:
    """Show what runs, where, and what the project holds."""
    from pipeline.console.status import project_status, status_table

    facts = project_status(chosen_settings())
    console.print_json(data=facts) if as_json else console.print(status_table(facts))


@app.command()
def doctor(as_json: Json = False) -> None:
    """Check this machine and this project; exits with 65 when something must be mended."""
    from pipeline.console.doctor import checks, doctor_table

    found = checks(chosen_settings())
    if as_json:
        console.print_json(data=[asdict(check) for check in found])
    else:
        console.print(doctor_table(found))
    if any(check.state == "bad" for check in found):
        raise typer.Exit(ExitCode.BAD_INPUT)


app.command("ingest")(ingest_cli.ingest)
app.command("quarantine")(quarantine_cli.list_quarantine)


@app.command()
def run(
    wait: Annotated[bool, typer.Option("--wait", help="Follow it to its end.")] = False,
    as_json: Json = False,
) -> None:
    """Ask the scheduler for a retraining now; needs `medloom up`."""
    from pipeline import services
    from pipeline.console.follow import DAG, follow
    from pipeline.tasks import RunFolder

    settings = existing_project()
    running = services.find(settings)
    if running is None:
        raise BadInputError("the services are not up: type `medloom up` first")
    api = running.airflow()
    run_id = api.trigger(DAG, {})
    facts: dict[str, Any] = {"run_id": run_id, "state": "queued"}
    if wait:
        watcher = Console(stderr=True) if as_json else console
        facts = follow(api, run_id, RunFolder.of(settings, run_id), watcher)
    if as_json:
        console.print_json(data={"run_id": run_id, "state": facts["state"]})
    else:
        console.print(f"run {run_id}: {facts['state']}", highlight=False)
    if facts["state"] == "failed":
        raise typer.Exit(1)


@app.command()
def checkout(
    to: Annotated[Path, typer.Argument(help="Folder to make; it must not exist.")],
    branch: Annotated[
        str | None, typer.Option(help="A run/<key> of the ledger. Default: the newest data.")
    ] = None,
) -> None:
    """Clone a run with its data into a folder, to work there with `dvc repro` and no services."""
    from pipeline import tasks

    made = tasks.checkout(existing_project(), to, branch)
    console.print(f"{made} lies in {to}; next: cd {to} && dvc repro", highlight=False)


# -- the champion's images -------------------------------------------------------------------------


@app.command()
def generate(
    label: Annotated[
        str, typer.Option(help="Class of the images, e.g. stone; or a mixture, 3*cyst+stone.")
    ],
    out: Annotated[Path, typer.Option("-o", "--out", help="Folder for the PNG files.")],
    count: Annotated[int, typer.Option("-n", min=1, max=100_000, help="How many.")] = 16,
    seed: Annotated[int, typer.Option(min=0, help="The same seed gives the same images.")] = 0,
    version: Annotated[str, typer.Option(help="Version number or alias.")] = "champion",
    truncation: Annotated[
        float, typer.Option(min=0, max=2, help="Under 1: more typical, less varied images.")
    ] = 1.0,
    interpolate: Annotated[
        int, typer.Option(min=0, help="Write one strip: so many steps from each image to the next.")
    ] = 0,
    as_json: Json = False,
) -> None:
    """Draw synthetic images from the registry's champion.

    Each PNG says in itself, and in a JSON file beside it, that it is synthetic and which version
    and seed it came from. medloom refuses such files as training input.
    """
    from pipeline.generating import generate_images

    settings = existing_project()
    with console.status("loading the generator"):
        files = generate_images(
            settings, version, label, count, seed, out, truncation=truncation, frames=interpolate
        )
    if as_json:
        console.print_json(data={"files": [str(file) for file in files]})
    else:
        what = f"a walk through {count}" if interpolate else f"{len(files)}"
        console.print(f"{what} synthetic {label} images in {out}", highlight=False)


Judging = Annotated[
    Path | None,
    typer.Option(
        "--data",
        help="Folder of class folders; its test part, split by patients as ingest does, judges. "
        "Default: the images that judged the version's own run.",
    ),
]


@app.command()
def evaluate(
    version: Annotated[str | None, typer.Option(help="Version number or alias.")] = None,
    weights: Annotated[
        Path | None, typer.Option(help="Instead: folder of generator.safetensors and config.json.")
    ] = None,
    data: Judging = None,
    out: Annotated[
        Path, typer.Option("-o", "--out", help="Folder for evaluation.json and the pictures.")
    ] = Path("evaluation"),
    as_json: Json = False,
) -> None:
    """Score a generator on held-out images, outside any run; nothing is decided by it.

    It is scored as params.yaml's `evaluate` says. Figures compare only within one protocol: to
    set two versions side by side, use `medloom compare`.
    """
    from pipeline.console.tables import bars_of_steps, evaluation_table
    from pipeline.evaluating import evaluate_folder, evaluate_version

    if (version is None) == (weights is None):
        raise BadInputError("give either --version or --weights, such as --version champion")
    with bars_of_steps(Console(stderr=True)) as tell:
        if version is not None:
            number, found = evaluate_version(existing_project(), version, data, out, tell)
            title = f"version {number}"
        else:
            if data is None:
                raise BadInputError("--weights needs --data, a folder of class folders of images")
            cache = chosen_settings().cache / "features"
            found, title = (
                evaluate_folder(Path(weights or ""), data, out, cache, tell),
                str(weights),
            )
    if as_json:
        console.print_json(data=found.model_dump(mode="json"))
    else:
        console.print(evaluation_table(found, title))
        console.print(f"evaluation.json and pictures in {out}", highlight=False)


@app.command("compare")
def compare_two(
    first: Annotated[str, typer.Argument(help="Version number or alias.")],
    second: Annotated[str, typer.Argument(help="Another one.")],
    data: Judging = None,
    as_json: Json = False,
) -> None:
    """Score two versions by the same images and seeds, and test the difference group by group.

    Nothing is promoted and no look at the test split is booked, but whoever compares often and
    keeps what looks best wears the test split all the same. An older version may have learned
    from images that are test images today; --data with patients that neither knows is fair.
    """
    from pipeline.console.tables import bars_of_steps, compared_table
    from pipeline.evaluating import compare_versions

    with bars_of_steps(Console(stderr=True)) as tell:
        found = compare_versions(existing_project(), first, second, data, tell)
    if as_json:
        parts = found._asdict().items()
        console.print_json(data={name: part.model_dump(mode="json") for name, part in parts})
    else:
        console.print(compared_table(found, first, second))


@app.command()
def clean(
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what would go.")] = False,
    as_json: Json = False,
) -> None:
    """Remove what no run needs any more: old workspaces, checkpoints of decided runs, old logs.

    The ledger, the remote, the registry and the landing zone are never touched; the cache is
    counted and kept.
    """
    from pipeline.console.cleaning import clean_table, remove, what_lies_around

    found = what_lies_around(existing_project())
    if not dry_run:
        remove(found)
    if as_json:
        console.print_json(
            data=[asdict(item) | {"paths": [str(p) for p in item.paths]} for item in found]
        )
    else:
        console.print(clean_table(found, dry_run=dry_run))


# -- main ------------------------------------------------------------------------------------------


def main() -> None:
    """Run the command line; every error that medloom raises on purpose becomes its exit code."""
    run_as_command(app)
