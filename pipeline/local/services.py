"""Airflow and MLflow on one machine: up, down, status.

One supervisor process starts the rest on free loopback ports and is the parent of all of it:
orphans come back to it (it is their subreaper), so that ending it ends everything, and its
children are told by the kernel to end when it is killed.
"""

import ctypes
import json
import os
import secrets
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Self

import psutil
import requests

from pipeline.base.errors import BadInputError, TransientError
from pipeline.base.files import write_atomically
from pipeline.base.settings import PROJECT_ROOT, Settings
from pipeline.ledger.lease import end_holder, end_process_tree
from pipeline.local.airflow_api import AirflowApi

TRAIN_POOL = "medloom_train"
_START_SECONDS = 180
_PR_SET_PDEATHSIG, _PR_SET_CHILD_SUBREAPER = 1, 36
_HEARTBEAT = "SCHEDULER__TASK_INSTANCE_HEARTBEAT_TIMEOUT"


@dataclass(frozen=True)
class Services:
    """The running services' addresses and who to ask to end them."""

    supervisor: int
    mlflow_uri: str
    airflow_uri: str
    user: str
    password: str
    ready: bool = False
    error: str = ""

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
        """Whether the supervisor still runs."""
        try:
            process = psutil.Process(self.supervisor)
            return process.is_running() and "pipeline.local.services" in process.cmdline()
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
                "pipeline.local.services",
                *(["--child"] if die_with_parent else []),
            ],
            cwd=PROJECT_ROOT,
            env={**os.environ, **settings.environment()},
            stdin=subprocess.DEVNULL,
            stdout=stream,
            stderr=stream,
            start_new_session=True,
        )
    deadline = time.monotonic() + _START_SECONDS
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

    What a killed supervisor left behind is found by the leases that tasks hold.
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
            "this task was told of no MLflow server, and none is up on this host: set "
            "MEDLOOM_MLFLOW_URI to the address of the one that all tasks share, for every worker"
        )
    uri = f"http://127.0.0.1:{_free_port()}"
    server = _spawn(settings, "mlflow", *_mlflow_command(settings, uri))
    try:
        deadline = time.monotonic() + _START_SECONDS
        while not _answers(f"{uri}/health"):
            if server.poll() is not None or time.monotonic() > deadline:
                raise TransientError(f"MLflow did not start, see {settings.logs / 'mlflow.log'}")
            time.sleep(0.2)
        yield uri
    finally:
        end_process_tree(server.pid)


# -- the supervisor's side -------------------------------------------------------------------------


class Supervisor:
    """Starts the services, watches them, and takes them down with itself."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.parent = os.getppid()
        self.children: dict[str, subprocess.Popen[bytes]] = {}
        password = _kept_secret(settings.state / "airflow" / "password")
        self.services = Services(
            supervisor=os.getpid(),
            mlflow_uri=settings.mlflow_uri or f"http://127.0.0.1:{_free_port()}",
            airflow_uri=f"http://127.0.0.1:{_free_port()}",
            user="admin",
            password=password,
        )

    def run(self, *, die_with_parent: bool) -> None:
        """Start everything, say so, and stay until told to end or until one of them ends."""
        signal.signal(signal.SIGTERM, _raise_exit)
        signal.signal(signal.SIGINT, _raise_exit)
        _prctl(_PR_SET_CHILD_SUBREAPER, 1)
        error = ""
        try:
            self._start()
            self._replace(ready=True)
            self._watch(die_with_parent=die_with_parent)
        except TransientError as failure:
            error = str(failure)
        finally:
            signal.signal(signal.SIGTERM, signal.SIG_IGN)
            self._stop()
            self._replace(ready=False, error=error)

    def _replace(self, **changes: Any) -> None:
        self.services = Services(**(asdict(self.services) | changes))
        self.services.save(self.settings.services_file)

    def _start(self) -> None:
        self._replace(ready=False)
        if not self.settings.mlflow_uri:
            command = _mlflow_command(self.settings, self.services.mlflow_uri)
            self._spawn("mlflow", *command)
        env = airflow_environment(self.settings, self.services)
        migrate = self._spawn(
            "airflow-db", sys.executable, "-m", "airflow", "db", "migrate", env=env
        )
        if migrate.wait() != 0:
            raise TransientError("`airflow db migrate` failed, see airflow-db.log")
        del self.children["airflow-db"]
        for name in ("api-server", "scheduler", "dag-processor"):
            arguments = ["--workers", "1"] if name == "api-server" else []
            self._spawn(name, sys.executable, "-m", "airflow", name, *arguments, env=env)
        self._wait_for("MLflow", lambda: _answers(f"{self.services.mlflow_uri}/health"))
        api = self.services.airflow()
        self._wait_for("Airflow", api.is_healthy)
        api.ensure_pool(TRAIN_POOL, slots=1)
        self._wait_for("the DAGs", lambda: api.has_dags("retrain_generator", "watch_landing"))

    def _spawn(
        self, name: str, *command: str, env: dict[str, str] | None = None
    ) -> "subprocess.Popen[bytes]":
        self.children[name] = _spawn(self.settings, name, *command, env=env)
        return self.children[name]

    def _wait_for(self, what: str, ready: Callable[[], bool]) -> None:
        deadline = time.monotonic() + _START_SECONDS
        while not ready():
            self._check_children()
            if time.monotonic() > deadline:
                raise TransientError(f"{what} did not answer within {_START_SECONDS} s")
            time.sleep(0.3)

    def _check_children(self) -> None:
        for name, child in self.children.items():
            if child.poll() is not None:
                raise TransientError(f"{name} ended with {child.returncode}, see {name}.log")

    def _watch(self, *, die_with_parent: bool) -> None:
        while not (die_with_parent and os.getppid() != self.parent):
            self._check_children()
            time.sleep(0.5)

    def _stop(self) -> None:
        # The scheduler first, so that it starts nothing new; it would wait for running tasks.
        if scheduler := self.children.get("scheduler"):
            scheduler.terminate()
            with suppress(subprocess.TimeoutExpired):
                scheduler.wait(timeout=3)
        for child in psutil.Process().children(recursive=True):
            with suppress(psutil.NoSuchProcess):
                child.terminate()
        deadline = time.monotonic() + 8
        while (left := psutil.Process().children(recursive=True)) and time.monotonic() < deadline:
            psutil.wait_procs(left, timeout=0.5)
        for child in left:
            with suppress(psutil.NoSuchProcess):
                child.kill()


def _spawn(
    settings: Settings, name: str, *command: str, env: dict[str, str] | None = None
) -> "subprocess.Popen[bytes]":
    """Start a process that writes to logs/<name>.log and ends when this one does."""
    settings.logs.mkdir(parents=True, exist_ok=True)
    with (settings.logs / f"{name}.log").open("ab") as stream:
        return subprocess.Popen(
            command,
            env=env or {**os.environ, "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false"},
            cwd=settings.state,
            stdin=subprocess.DEVNULL,
            stdout=stream,
            stderr=stream,
            start_new_session=True,
            preexec_fn=end_with_parent,  # noqa: PLW1509 - the supervisor has one thread
        )


def airflow_environment(settings: Settings, services: Services) -> dict[str, str]:
    """Airflow's configuration for one machine, all of it by environment."""
    home = settings.state / "airflow"
    passwords = home / "passwords.json"
    write_atomically(passwords, json.dumps({services.user: services.password}) + "\n")
    port = services.airflow_uri.rsplit(":", 1)[1]
    options = {
        "CORE__DAGS_FOLDER": str(PROJECT_ROOT / "dags"),
        "CORE__LOAD_EXAMPLES": "False",
        "CORE__EXECUTOR": "LocalExecutor",
        "CORE__PARALLELISM": "4",
        # Events to a paused DAG are dropped, so none may be paused, not even at first.
        "CORE__DAGS_ARE_PAUSED_AT_CREATION": "False",
        "CORE__EXECUTION_API_SERVER_URL": f"{services.airflow_uri}/execution/",
        "CORE__SIMPLE_AUTH_MANAGER_USERS": f"{services.user}:admin",
        "CORE__SIMPLE_AUTH_MANAGER_PASSWORDS_FILE": str(passwords),
        "CORE__FERNET_KEY": "",
        "DATABASE__SQL_ALCHEMY_CONN": f"sqlite:///{home / 'airflow.db'}",
        "API__HOST": "127.0.0.1",
        "API__PORT": port,
        "API__BASE_URL": services.airflow_uri,
        "API__SECRET_KEY": _kept_secret(home / "api-secret"),
        "API_AUTH__JWT_SECRET": _kept_secret(home / "jwt-secret"),
        "SCHEDULER__SCHEDULER_HEARTBEAT_SEC": "2",
        "SCHEDULER__SCHEDULER_IDLE_SLEEP_TIME": "0.3",
        # A task whose supervisor was killed is given up, and tried again, after this long; the one
        # option of Airflow's that may come from outside, as hosts differ in how long they stall.
        _HEARTBEAT: os.environ.get(f"AIRFLOW__{_HEARTBEAT}", "60"),
        "SCHEDULER__TASK_INSTANCE_HEARTBEAT_TIMEOUT_DETECTION_INTERVAL": "5",
        "DAG_PROCESSOR__REFRESH_INTERVAL": "30",
        "DAG_PROCESSOR__MIN_FILE_PROCESS_INTERVAL": "30",
        "DAG_PROCESSOR__PARSING_PROCESSES": "1",
        "LOGGING__LOGGING_LEVEL": "INFO",
        "LOGGING__BASE_LOG_FOLDER": str(settings.logs / "tasks"),
        "USAGE_DATA_COLLECTION__ENABLED": "False",
    }
    clean = {k: v for k, v in os.environ.items() if not k.startswith("AIRFLOW")}
    return {
        **clean,
        **settings.environment(),
        "MEDLOOM_MLFLOW_URI": services.mlflow_uri,
        "AIRFLOW_HOME": str(home),
        **{f"AIRFLOW__{name}": value for name, value in options.items()},
    }


def _mlflow_command(settings: Settings, uri: str) -> list[str]:
    port = uri.rsplit(":", 1)[1]
    home = settings.state / "mlflow"
    home.mkdir(parents=True, exist_ok=True)
    return [
        sys.executable, "-m", "mlflow", "server",
        "--host", "127.0.0.1", "--port", port, "--workers", "1",
        "--backend-store-uri", f"sqlite:///{home / 'mlflow.db'}",
        "--artifacts-destination", str(home / "artifacts"),
    ]  # fmt: skip


def _kept_secret(file: Path) -> str:
    """A random secret that stays the same over restarts, readable by this user alone."""
    if not file.exists():
        file.parent.mkdir(parents=True, exist_ok=True)
        write_atomically(file, secrets.token_urlsafe(18))
    return file.read_text()


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _answers(url: str) -> bool:
    try:
        return requests.get(url, timeout=2).ok
    except requests.RequestException:
        return False


def _prctl(option: int, value: int) -> None:
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(option, value, 0, 0, 0)


def end_with_parent() -> None:
    """Ask the kernel to end this process when its parent ends (Linux; elsewhere leases do)."""
    _prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)


def _raise_exit(*_: Any) -> None:
    raise SystemExit(0)


if __name__ == "__main__":
    Supervisor(Settings.load()).run(die_with_parent="--child" in sys.argv)
