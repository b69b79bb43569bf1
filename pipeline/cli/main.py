"""The command line `medloom`: assembles all commands."""

import atexit
import gc
import os
import re
import shlex
from dataclasses import asdict
from importlib import import_module
from pathlib import Path
from typing import Annotated, Literal

import typer

from pipeline.base.errors import BadInputError, ExitCode, run_as_command
from pipeline.base.host import require_supported
from pipeline.base.terminal import Terminal
from pipeline.cli import (
    backup,
    data_report,
    data_show,
    edits,
    images,
    ingest,
    marks,
    measure,
    monitor,
    quarantine,
    run,
    web_app,
    withdraw,
)
from pipeline.cli.audit import audit_app
from pipeline.cli.champion import champion_app
from pipeline.cli.feedback import feedback_app
from pipeline.cli.params import init, params_app
from pipeline.cli.project import Choice, chosen_project, existing_project, fit_project
from pipeline.cli.study import study_app
from pipeline.cli.task import task_app

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
app.add_typer(feedback_app, name="feedback")
app.add_typer(study_app, name="study")
app.add_typer(marks.marks_app, name="marks")
data_app = typer.Typer(help="The images of the project.", no_args_is_help=True)
app.add_typer(data_app, name="data")
app.add_typer(params_app, name="params")
backup.register(app)
withdraw.register(audit_app, data_app)
data_show.register(data_app)
data_report.register(data_app)
data_app.add_typer(quarantine.quarantine_app, name="quarantine")


def _bench() -> typer.Typer:
    """The commands of bench/, which only a checkout has: it measures medloom itself."""
    try:
        found: typer.Typer = import_module("bench.cli").bench_app
    except ModuleNotFoundError as missing:
        if missing.name not in ("bench", "bench.cli"):
            raise
        return typer.Typer(
            help="Measure medloom itself; needs a checkout of its repository.",
            callback=_no_bench,
            invoke_without_command=True,
        )
    return found


def _no_bench() -> None:
    raise BadInputError(
        "`medloom bench` needs a checkout of the repository, and this is an installed package: "
        "clone the repository, run `make install` there, then `.venv/bin/medloom bench --help`"
    )


app.add_typer(_bench(), name="bench")

console = Terminal()

Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]


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
    """Set the project of the command."""
    Choice.name = project


# -- pipeline ---------------------------------------------------------------------------------


@app.command()
def demo(
    data: Annotated[
        Path | None,
        typer.Argument(help="Folder of class folders of images. Default: the built-in phantom."),
    ] = None,
    patients: Annotated[
        int, typer.Option(min=3, help="Phantom patients per class, without a folder.")
    ] = 80,
    pairs: Annotated[
        Literal["windows", "noise", "modalities"] | None,
        typer.Option(
            help="Write registered pairs of phantoms with their medloom.csv, which differ in this, "
            "and learn to fuse them (docs/families.md)."
        ),
    ] = None,
    against: Annotated[
        str | None,
        typer.Option(
            help="Address of an Airflow that is up already, with workers of this project: run "
            "there instead, on the built-in phantom."
        ),
    ] = None,
) -> None:
    """Run the whole pipeline once on this machine, from images to a champion.

    Starts Airflow and MLflow on free local ports, feeds the landing zone, runs the retraining and
    prints a summary. Services that were not running before are stopped again. A second run finds
    nothing new and changes nothing. Without `--project`, a folder has a project of its name, and
    pairs have one for each kind, such as phantom-windows.

    With `--against` nothing is started: the project's settings name the stores of a deployment, and
    MEDLOOM_AIRFLOW_USER and MEDLOOM_AIRFLOW_PASSWORD, or MEDLOOM_AIRFLOW_TOKEN, log in to its
    Airflow.
    """
    from pipeline.cli.against import run_against
    from pipeline.cli.demo import run_demo

    if pairs is not None and (data is not None or against is not None):
        raise BadInputError(
            "--pairs writes phantoms on this machine: leave the folder and --against out"
        )
    if against is not None:
        if data is not None:
            raise BadInputError(
                f"--against takes the built-in phantom, and came with {data}: feed a deployment "
                "with `medloom ingest`, then trigger its DAG"
            )
        raise typer.Exit(run_against(fit_project(), against, patients, console))

    if Choice.name is None and "MEDLOOM_STATE" not in os.environ:
        if data is not None:
            Choice.name = re.sub(r"[^a-z0-9._-]+", "-", data.resolve().name.lower()).strip("-._")
        elif pairs is not None:
            Choice.name = f"phantom-{pairs}"
    raise typer.Exit(run_demo(fit_project(), data, patients, console, pairs))


@app.command()
def up() -> None:
    """Start Airflow, MLflow and the app and keep them running; `medloom down` stops them."""
    from pipeline.cli.starting import starting
    from pipeline.local import services
    from pipeline.local.access import Access
    from pipeline.local.web_app import app_place, require_login

    project = fit_project()
    require_login(app_place()[0], Access.load(project))
    with starting(console, "MLflow, Airflow and the app (about half a minute)") as on_wait:
        services.up(project, on_wait=on_wait)
    status()


@app.command()
def down() -> None:
    """Stop Airflow, MLflow, the app and every task they run."""
    from pipeline.local import services

    project = chosen_project()
    with console.status("stopping services"):
        ended = services.down(project)
    console.print("all services stopped" if ended else f"{project.name}: nothing was running")


@app.command()
def status(as_json: Json = False) -> None:
    """Show the services, and the project's data, champion and last runs."""
    from pipeline.cli.status import project_status, status_table

    project = chosen_project()
    require_supported(project)
    facts = project_status(project)
    console.print_json(data=facts) if as_json else console.print(status_table(facts))


@app.command()
def doctor(as_json: Json = False) -> None:
    """Check this machine and this project; exits with 65 when something must be fixed."""
    from pipeline.cli.doctor import checks, doctor_table

    found = checks(chosen_project())
    if as_json:
        console.print_json(data=[asdict(check) for check in found])
    else:
        console.print(doctor_table(found))
    if any(check.state == "bad" for check in found):
        raise typer.Exit(ExitCode.BAD_INPUT)


app.command()(init)
app.command("ingest")(ingest.ingest)
app.command("quarantine")(quarantine.list_quarantine)
app.command()(run.run)


@app.command()
def checkout(
    to: Annotated[Path, typer.Argument(help="Folder to create; it must not exist.")],
    branch: Annotated[
        str | None, typer.Option(help="A run/<key> of the ledger. Default: the newest data.")
    ] = None,
) -> None:
    """Clone a run with its data into a folder, to work there with `dvc repro`, without services."""
    from pipeline.stages import run as stages

    made = stages.checkout(existing_project(), to, branch)
    console.print(
        f"{made} is in {to}; next: cd {shlex.quote(str(to))} && dvc repro", highlight=False
    )


# -- versions --------------------------------------------------------------------------------------


app.command()(images.generate)
app.command()(edits.edit)
app.command("app")(web_app.app)
app.command()(images.evaluate)
app.command("compare")(images.compare)
app.command("measure")(measure.measure)
app.command("verify-image")(marks.verify_image)
app.command("monitor")(monitor.monitor)


@app.command()
def clean(
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Only show what would be removed.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Remove files that no run needs any more: old workspaces, checkpoints of decided runs, logs.

    What is in use is kept and named, and so is a workspace of which nobody here can tell. The
    ledger, the remote, the registry and the landing zone are never touched; the cache is counted
    and kept.
    """
    from pipeline.local.cleaning import clean_table, find_leftovers, remove

    project = existing_project()
    found = find_leftovers(project)
    if not dry_run:
        found = remove(project, found)
    if as_json:
        console.print_json(
            data=[asdict(item) | {"paths": [str(p) for p in item.paths]} for item in found]
        )
    else:
        console.print(clean_table(found, dry_run=dry_run))


# -- main ------------------------------------------------------------------------------------------


def main() -> None:
    """Run the command line; medloom's own errors become exit codes."""
    # Python would look through all that a command has made once more: half a second with torch.
    atexit.register(gc.freeze)
    run_as_command(app)
