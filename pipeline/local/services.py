"""Airflow and MLflow on one machine: where they are, up and down.

`pipeline.local.supervisor` is the process that starts and watches them.
"""

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Self

import psutil

from pipeline.base.children import child_environment
from pipeline.base.errors import BadInputError, TransientError
from pipeline.base.files import write_atomically
from pipeline.base.settings import Settings
from pipeline.ledger.holder import Place, end_process_tree
from pipeline.ledger.lease import end_holder
from pipeline.local.airflow_api import AirflowApi
from pipeline.local.processes import START_SECONDS, answers, free_port, spawn


@dataclass(frozen=True)
class Services:
    """The running services' addresses and who to ask to end them.

    Attributes:
        supervisor: process id of `pipeline.local.supervisor`.
        place: where that id means something; empty in a file of an earlier version.
        ready: all of them answer.
        error: why they did not come up.
    """

    supervisor: int
    mlflow_uri: str
    airflow_uri: str
    user: str
    password: str
    ready: bool = False
    error: str = ""
    place: str = ""

    def save(self, file: Path) -> None:
        """Write it where other commands look; the password is for this user only."""
        write_atomically(file, json.dumps(asdict(self), indent=2) + "\n")

    @classmethod
    def load(cls, file: Path) -> Self | None:
        """Read what `save` wrote; None when nothing was started."""
        try:
            return cls(**json.loads(file.read_text()))
        except FileNotFoundError:
            return None

    @property
    def alive(self) -> bool:
        """Whether the supervisor still runs, in this pid namespace of this host."""
        if self.place not in ("", str(Place.here())):
            return False
        try:
            words = psutil.Process(self.supervisor).cmdline()
            return any(word.startswith("pipeline.local.") for word in words)
        except psutil.Error:
            return False

    def airflow(self) -> AirflowApi:
        """A client of Airflow's API."""
        return AirflowApi(self.airflow_uri, self.user, self.password)


def find(settings: Settings) -> Services | None:
    """The services of this project if they are up."""
    services = Services.load(settings.services_file)
    return services if services and services.alive and services.ready else None


def up(settings: Settings, *, die_with_parent: bool = False) -> Services:
    """Start the services, or find them running; returns when all of them answer.

    Args:
        settings: of the project.
        die_with_parent: end them when the calling process ends, however it ends.

    Raises:
        TransientError: one of them did not come up; the message names the log to read.
    """
    if services := find(settings):
        return services
    down(settings)
    settings.logs.mkdir(parents=True, exist_ok=True)
    with (settings.logs / "supervisor.log").open("ab") as stream:
        process = subprocess.Popen(
            [
                sys.executable,
                "-m",
                "pipeline.local.supervisor",
                *(["--child"] if die_with_parent else []),
            ],
            cwd=settings.state,
            env=child_environment() | settings.environment(),
            stdin=subprocess.DEVNULL,
            stdout=stream,
            stderr=stream,
            start_new_session=True,
        )
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline and process.poll() is None:
        services = Services.load(settings.services_file)
        if services and services.supervisor == process.pid and services.ready:
            return services
        time.sleep(0.2)
    services = Services.load(settings.services_file)
    end_process_tree(process.pid)
    why = services.error if services and services.error else "they did not answer in time"
    raise TransientError(f"the services did not come up: {why}; see {settings.logs}")


def down(settings: Settings) -> bool:
    """End the services and every task of theirs; True when something was running.

    What a killed supervisor left behind is found by the leases that tasks hold. A person's command
    that holds one is left alone.
    """
    services = Services.load(settings.services_file)
    running = bool(services and services.alive)
    if services and services.alive:
        with suppress(psutil.Error):
            supervisor = psutil.Process(services.supervisor)
            supervisor.terminate()
            supervisor.wait(timeout=45)
        end_process_tree(services.supervisor)
    for lease in sorted(settings.leases.glob("*.lease")):
        end_holder(lease)
    settings.services_file.unlink(missing_ok=True)
    return running


@contextmanager
def mlflow(settings: Settings) -> Iterator[str]:
    """The address of the project's MLflow server; starts one for the block when none is up.

    That is for a person on one machine. A version that a scheduler's task registered in a server of
    its own would be lost to everyone else.

    Raises:
        BadInputError: a scheduler's task was told of no server.
        TransientError: the server did not start.
    """
    running = find(settings)
    if settings.mlflow_uri or running:
        yield settings.mlflow_uri or running.mlflow_uri  # type: ignore[union-attr]
        return
    if "MEDLOOM_RUN_ID" in os.environ:
        raise BadInputError(
            "this task has no MLflow server, and none runs on this host: set MEDLOOM_MLFLOW_URI "
            "for every worker to the address of the server that all tasks share"
        )
    uri = f"http://127.0.0.1:{free_port()}"
    server = spawn(settings, "mlflow", *mlflow_command(settings, uri))
    try:
        deadline = time.monotonic() + START_SECONDS
        while not answers(f"{uri}/health"):
            if server.poll() is not None or time.monotonic() > deadline:
                raise TransientError(f"MLflow did not start, see {settings.logs / 'mlflow.log'}")
            time.sleep(0.2)
        yield uri
    finally:
        end_process_tree(server.pid)


def mlflow_command(settings: Settings, uri: str) -> list[str]:
    """What starts MLflow's server at an address, on the project's own database."""
    port = uri.rsplit(":", 1)[1]
    home = settings.state / "mlflow"
    home.mkdir(parents=True, exist_ok=True)
    return [
        sys.executable, "-m", "mlflow", "server",
        "--host", "127.0.0.1", "--port", port, "--workers", "1",
        "--backend-store-uri", f"sqlite:///{home / 'mlflow.db'}",
        "--artifacts-destination", str(home / "artifacts"),
    ]  # fmt: skip
