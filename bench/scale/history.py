"""How long commands of one project take with many versions and images in its ledger.

The ledger is synthetic, of real formats (`bench.audit_history`). Its versions have no networks, so
nothing is drawn.
"""

import json
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

from bench.audit_history import make_history
from bench.scale.command import command_environment, medloom, medloom_json, wait_for
from bench.scale.in_mlflow import in_mlflow
from bench.scale.row import Asking, ScaleRow, Sizes
from pipeline.base.project import PROJECT_ROOT, Project
from pipeline.data.revise.revision import Revisions
from pipeline.ledger.lease_holder import end_process_tree
from pipeline.ledger.ledger import Ledger
from pipeline.local import services
from pipeline.local.processes import answers, free_port

_PROJECTS = 10  # on the disk, equal ones
_ROUNDS = 3  # of commands


def in_history(sizes: Sizes, folder: Path, say: Callable[[str], None]) -> Iterator[ScaleRow]:
    """Measure commands on a synthetic ledger, the registry beside it, and the app.

    Raises:
        MedloomError: a command failed.
    """
    project = history_project(folder)
    yield from commands(sizes, project, say)
    with services.mlflow(project) as uri:
        served = replace(project, mlflow_uri=uri)
        yield from in_mlflow(sizes, served, say)
        say("the app")
        both = Asking(f"{sizes.versions} versions, {sizes.runs} in MLflow", "simulated", _ROUNDS)
        yield both.ask("medloom app, until its page answers", lambda: _app(served), sizes.rounds)


def history_project(folder: Path) -> Project:
    """An empty project in a folder."""
    return Project.load({
        "MEDLOOM_STATE": str(folder / "state" / "history"),
        "MEDLOOM_PATIENT_KEY_FILE": str(folder / "patient.key"),
    })  # fmt: skip


def commands(sizes: Sizes, project: Project, say: Callable[[str], None]) -> Iterator[ScaleRow]:
    """Fill an empty project with history, and time its commands; at last beside nine equal ones."""
    say("a synthetic ledger")
    known = make_history(project, sizes.versions, sizes.revisions, sizes.images)
    size = f"{sizes.versions} versions, {sizes.revisions} revisions, {sizes.images} images"
    asking = Asking(size, "simulated", min(sizes.rounds, _ROUNDS))
    yield asking.took("its ledger", [], megabytes_below(Path(project.ledger)))
    say("commands of one project")
    image = known.images[0]
    yield asking.ask("medloom status", lambda: _status(project))
    yield asking.ask("medloom task plan", lambda: _plan(project))
    yield asking.ask("medloom champion history", lambda: _history(project))
    yield asking.ask("medloom audit trace", lambda: _trace(project))
    yield asking.ask("medloom audit uses", lambda: _uses(project, image))
    yield asking.ask("find a patient's images, to withdraw them", lambda: _ever(project))
    say(f"{_PROJECTS} such projects")
    for number in range(1, _PROJECTS):
        shutil.copytree(project.state, project.state.with_name(f"copy-{number}"))
    ten = Asking(f"{_PROJECTS} such projects on the disk", "simulated", asking.rounds)
    yield ten.ask("medloom status of one of them", lambda: _status(project))


def megabytes_below(folder: Path) -> str:
    """The size of all files below a folder."""
    files = (file for file in folder.rglob("*") if file.is_file())
    return f"{sum(file.stat().st_size for file in files) / 1e6:.1f} MB"


def _status(project: Project) -> str:
    return f"{medloom_json(project, 'status')['data']['images']} images"


def _plan(project: Project) -> str:
    result = json.loads(medloom(project, "task", "plan").splitlines()[-1])
    return "a run" if "key" in result else str(result)


def _history(project: Project) -> str:
    return f"{len(medloom_json(project, 'champion', 'history'))} records"


def _trace(project: Project) -> str:
    return f"version {medloom_json(project, 'audit', 'trace', 'champion')['version']}"


def _uses(project: Project, image: str) -> str:
    return f"{len(medloom_json(project, 'audit', 'uses', image)['versions'])} runs"


def _ever(project: Project) -> str:
    return f"{len(Revisions(Ledger(project)).ever())} images"


def _app(project: Project) -> None:
    """Start the app by its command, ask for its page, and end it."""
    uri = f"http://127.0.0.1:{free_port()}"
    command = [
        sys.executable,
        "-m",
        "pipeline",
        "app",
        "--no-open",
        "--port",
        uri.rpartition(":")[2],
    ]
    server = subprocess.Popen(
        command,
        cwd=PROJECT_ROOT,
        env=command_environment(project),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        wait_for(lambda: answers(uri), server, "the app", project.logs)
    finally:
        end_process_tree(server.pid)
