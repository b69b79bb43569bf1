"""Starting, finding and stopping Airflow and MLflow on one machine.

The process `pipeline.local.supervisor` starts and watches them.
"""

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Self

import psutil

from pipeline.base.children import child_environment
from pipeline.base.errors import BadInputError, TransientError
from pipeline.base.files import write_atomically
from pipeline.base.project import Project
from pipeline.ledger.lease import end_holder
from pipeline.ledger.lease_holder import Place, end_process_tree
from pipeline.local.airflow_api import AirflowApi
from pipeline.local.processes import answers, free_port, spawn, wait_until


@dataclass(frozen=True)
class Services:
    """Addresses and supervisor of the services.

    Attributes:
        supervisor: process id of `pipeline.local.supervisor`.
        place: scope in which that id is valid; empty in files of earlier versions.
        app_uri: of the web app; empty where it is not served.
        ready: all of them answer, but the app may not yet.
        error: why they did not start.
        waiting_for: what starts now, in words; empty once nothing does.
    """

    supervisor: int
    mlflow_uri: str
    airflow_uri: str
    user: str
    password: str
    ready: bool = False
    error: str = ""
    place: str = ""
    app_uri: str = ""
    waiting_for: str = ""

    def save(self, file: Path) -> None:
        """Write it to a file that only this user can read, as it has a password."""
        write_atomically(file, json.dumps(asdict(self), indent=2) + "\n")

    @classmethod
    def load(cls, file: Path) -> Self | None:
        """Read what `save` wrote; None if it does not exist."""
        try:
            return cls(**json.loads(file.read_text()))
        except FileNotFoundError:
            return None

    @property
    def alive(self) -> bool:
        """Whether the supervisor runs, in this pid namespace of this host."""
        if self.place not in ("", str(Place.here())):
            return False
        try:
            words = psutil.Process(self.supervisor).cmdline()
            return any(word.startswith("pipeline.local.") for word in words)
        except psutil.Error:
            return False

    def airflow(self) -> AirflowApi:
        """A client for Airflow's API."""
        return AirflowApi(self.airflow_uri, self.user, self.password)


def find(project: Project) -> Services | None:
    """The project's services; None if they are not running."""
    services = Services.load(project.services_file)
    return services if services and services.alive and services.ready else None


def up(
    project: Project,
    *,
    die_with_parent: bool = False,
    on_wait: Callable[[str], None] | None = None,
) -> Services:
    """Start the services unless they are running; returns when all of them answer.

    An app that does not start keeps nobody from the others: its log has the reason.

    Args:
        project: the project.
        die_with_parent: end them when the calling process ends, even if it is killed.
        on_wait: called again and again with what is waited for, in words.

    Raises:
        TransientError: one of them did not start; the message names the logs.
    """
    started = None if find(project) else _start(project, die_with_parent=die_with_parent)
    while started is None or started.poll() is None:
        services = Services.load(project.services_file)
        if services and started and services.supervisor != started.pid:
            services = None  # of an earlier start
        if services and services.ready and not services.waiting_for:
            return services
        if started is None and not (services and services.alive):
            break
        if on_wait and services and services.waiting_for:
            on_wait(services.waiting_for)
        time.sleep(0.2)
    services = Services.load(project.services_file)
    if started:
        end_process_tree(started.pid)
    why = services.error if services and services.error else "they ended"
    raise TransientError(f"the services did not start: {why}; see {project.logs}")


def _start(project: Project, *, die_with_parent: bool) -> "subprocess.Popen[bytes]":
    """Start the supervisor, after what an earlier one left."""
    down(project)
    project.logs.mkdir(parents=True, exist_ok=True)
    child = ["--child"] if die_with_parent else []
    with (project.logs / "supervisor.log").open("ab") as stream:
        return subprocess.Popen(
            [sys.executable, "-m", "pipeline.local.supervisor", *child],
            cwd=project.state,
            env=child_environment() | project.environment(),
            stdin=subprocess.DEVNULL,
            stdout=stream,
            stderr=stream,
            start_new_session=True,
        )


def down(project: Project) -> bool:
    """Stop the services and their tasks; returns whether they were running.

    Tasks left by a killed supervisor are found by the leases that they hold. A user's command that
    holds a lease is not ended.
    """
    services = Services.load(project.services_file)
    running = bool(services and services.alive)
    if services and running:
        with suppress(psutil.Error):
            supervisor = psutil.Process(services.supervisor)
            supervisor.terminate()
            supervisor.wait(timeout=45)
        end_process_tree(services.supervisor)
    for lease in sorted(project.leases.glob("*.lease")):
        end_holder(lease)
    project.services_file.unlink(missing_ok=True)
    return running


@contextmanager
def mlflow(project: Project) -> Iterator[str]:
    """The URI of the project's MLflow server; starts one for the block if none is running.

    An Airflow task must not start one: other tasks would not see the versions it registers.

    Raises:
        BadInputError: an Airflow task has no server.
        TransientError: the server did not start.
    """
    if known := _server(project):
        yield known
        return
    require_server(project)
    uri = f"http://127.0.0.1:{free_port()}"
    server = spawn(project, "mlflow", *mlflow_command(project, uri))
    try:
        health = f"{uri}/health"
        wait_until(lambda: answers(health), "MLflow", {"mlflow": server}, project.logs)
        yield uri
    finally:
        end_process_tree(server.pid)


def require_server(project: Project) -> None:
    """Check that an Airflow task has the server that it will need.

    Raises:
        BadInputError: it has none, and must not start one.
    """
    if "MEDLOOM_RUN_ID" in os.environ and not _server(project):
        raise BadInputError(
            "this task has no MLflow server, and none runs on this host; set MEDLOOM_MLFLOW_URI, "
            "in the projects file or on every worker, to the URI of the server that all tasks share"
        )


def _server(project: Project) -> str:
    running = find(project)
    return project.mlflow_uri or (running.mlflow_uri if running else "")


def mlflow_command(project: Project, uri: str) -> list[str]:
    """The command that starts an MLflow server with the project's database."""
    port = uri.rsplit(":", 1)[1]
    home = project.state / "mlflow"
    home.mkdir(parents=True, exist_ok=True)
    return [
        sys.executable, "-m", "mlflow", "server",
        "--host", "127.0.0.1", "--port", port, "--workers", "1",
        "--backend-store-uri", f"sqlite:///{home / 'mlflow.db'}",
        "--artifacts-destination", (home / "artifacts").as_uri(),  # a path would be unquoted
    ]  # fmt: skip
