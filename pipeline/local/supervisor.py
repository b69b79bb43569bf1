"""The process that starts Airflow, MLflow and the app on free loopback ports, as their parent.

`pipeline.local.services.up` starts it as `python -m pipeline.local.supervisor [--child]`. It adopts
orphaned descendants, so stopping it stops everything. If it is killed, the kernel ends its
children.
"""

import json
import os
import shlex
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import asdict
from typing import Any

import psutil

from pipeline.base.children import HEARTBEAT, child_environment
from pipeline.base.errors import MedloomError, TransientError
from pipeline.base.files import kept_secret, write_atomically
from pipeline.base.project import PROJECT_ROOT, Project
from pipeline.ledger.lease_holder import Place
from pipeline.local.access import Access
from pipeline.local.airflow_api import Patience
from pipeline.local.processes import adopt_orphans, answers, free_port, spawn, wait_until
from pipeline.local.services import Services, mlflow_command
from pipeline.local.web_app import NAME as APP
from pipeline.local.web_app import (
    app_command,
    app_environment,
    app_place,
    app_uri,
    require_login,
)

TRAIN_POOL = "medloom_train"
_AIRFLOW = ("api-server", "scheduler", "dag-processor")


class Supervisor:
    """Starts the services, watches them, and stops them when it ends."""

    def __init__(self, project: Project) -> None:
        self.project = project
        self.parent = os.getppid()
        self.children: dict[str, subprocess.Popen[bytes]] = {}
        password = kept_secret(project.state / "airflow" / "password", 18)
        self.services = Services(
            supervisor=os.getpid(),
            mlflow_uri=project.mlflow_uri or f"http://127.0.0.1:{free_port()}",
            airflow_uri=f"http://127.0.0.1:{free_port()}",
            user="admin",
            password=password,
            place=str(Place.here()),
        )

    def run(self, *, die_with_parent: bool) -> None:
        """Start the services, and stay until this process is terminated or a service ends."""
        signal.signal(signal.SIGTERM, _raise_exit)
        signal.signal(signal.SIGINT, _raise_exit)
        adopt_orphans()
        error = ""
        try:
            self._start()
            if die_with_parent:  # the demo's services are for its run alone
                self._replace(ready=True, waiting_for="")
            else:
                self._serve_app()
            self._watch(die_with_parent=die_with_parent)
        except MedloomError as failure:
            error = str(failure)
        finally:
            signal.signal(signal.SIGTERM, signal.SIG_IGN)
            self._stop()
            self._replace(ready=False, waiting_for="", error=error)

    def _replace(self, **changes: Any) -> None:
        self.services = Services(**(asdict(self.services) | changes))
        self.services.save(self.project.services_file)

    def _start(self) -> None:
        self._replace(ready=False)
        if not self.project.mlflow_uri:
            command = mlflow_command(self.project, self.services.mlflow_uri)
            self._spawn("mlflow", *command)
        env = airflow_environment(self.project, self.services)
        self._migrate(env)
        for name in _AIRFLOW:
            arguments = ["--workers", "1"] if name == "api-server" else []
            self._spawn(name, sys.executable, "-m", "airflow", name, *arguments, env=env)
        if "mlflow" in self.children:
            health = f"{self.services.mlflow_uri}/health"
            self._wait_for("MLflow", lambda: answers(health), "mlflow")
        api = self.services.airflow()
        api.patience = Patience(lambda said: print(said, flush=True), self._all_live)
        self._wait_for("Airflow", api.is_healthy, *_AIRFLOW)
        api.ensure_pool(TRAIN_POOL, slots=1)
        dags = ("retrain_generator", "watch_landing")
        self._wait_for("Airflow's DAGs", lambda: api.has_dags(*dags), "dag-processor")

    def _migrate(self, env: dict[str, str]) -> None:
        name, what = "airflow-db", "Airflow's database"
        self._replace(waiting_for=what)
        migrate = spawn(
            self.project, name, sys.executable, "-m", "airflow", "db", "migrate", env=env
        )
        wait_until(lambda: migrate.poll() is not None, what, {name: migrate}, self.project.logs)
        if migrate.returncode != 0:
            raise TransientError(f"`airflow db migrate` failed, see {name}.log")

    def _serve_app(self) -> None:
        """Start the app, while the other services are ready already.

        It is not watched, and may fail to start, since a page must not end a training.
        """
        access, (address, port) = Access.load(self.project), app_place()
        require_login(address, access)
        uri = app_uri(port, address)
        env = app_environment(self.project, self.services.mlflow_uri, address)
        app = spawn(self.project, APP, *app_command(uri, address, access), env=env)
        self._replace(app_uri=uri, ready=True, waiting_for="the app")

        def settled() -> bool:
            self._check_children()
            return answers(f"{uri}/health")

        try:
            wait_until(settled, "the app", {APP: app}, self.project.logs)
        except TransientError as error:
            print(error, flush=True)
        self._replace(waiting_for="")

    def _spawn(
        self, name: str, *command: str, env: dict[str, str] | None = None
    ) -> "subprocess.Popen[bytes]":
        self.children[name] = spawn(self.project, name, *command, env=env)
        return self.children[name]

    def _wait_for(self, what: str, ready: Callable[[], bool], *names: str) -> None:
        """Wait for a service that consists of some children; any other must live, too."""
        self._replace(waiting_for=what)

        def answered() -> bool:
            self._check_children()
            return ready()

        own = {name: self.children[name] for name in names}
        wait_until(answered, what, own, self.project.logs)

    def _all_live(self) -> bool:
        return all(child.poll() is None for child in self.children.values())

    def _check_children(self) -> None:
        for name, child in self.children.items():
            if child.poll() is not None:
                raise TransientError(f"{name} ended with {child.returncode}, see {name}.log")

    def _watch(self, *, die_with_parent: bool) -> None:
        while not (die_with_parent and os.getppid() != self.parent):
            self._check_children()
            time.sleep(0.5)

    def _stop(self) -> None:
        # The scheduler first, so that it starts no new task; it waits for running ones.
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


def airflow_environment(project: Project, services: Services) -> dict[str, str]:
    """The environment that configures Airflow for one machine."""
    home = project.state / "airflow"
    passwords = home / "passwords.json"
    write_atomically(passwords, json.dumps({services.user: services.password}) + "\n")
    port = services.airflow_uri.rsplit(":", 1)[1]
    options = {
        "CORE__DAGS_FOLDER": str(PROJECT_ROOT / "dags"),
        "CORE__LOAD_EXAMPLES": "False",
        "CORE__EXECUTOR": "LocalExecutor",
        "CORE__PARALLELISM": "4",
        # Airflow drops events to a paused DAG, so new DAGs must not be paused.
        "CORE__DAGS_ARE_PAUSED_AT_CREATION": "False",
        "CORE__EXECUTION_API_SERVER_URL": f"{services.airflow_uri}/execution/",
        "CORE__SIMPLE_AUTH_MANAGER_USERS": f"{services.user}:admin",
        "CORE__SIMPLE_AUTH_MANAGER_PASSWORDS_FILE": str(passwords),
        "CORE__FERNET_KEY": "",
        "DATABASE__SQL_ALCHEMY_CONN": f"sqlite:///{home / 'airflow.db'}",
        "API__HOST": "127.0.0.1",
        "API__PORT": port,
        "API__BASE_URL": services.airflow_uri,
        "API__SECRET_KEY": kept_secret(home / "api-secret", 18),
        "API_AUTH__JWT_SECRET": kept_secret(home / "jwt-secret", 18),
        "SCHEDULER__SCHEDULER_HEARTBEAT_SEC": "2",
        "SCHEDULER__SCHEDULER_IDLE_SLEEP_TIME": "0.3",
        # A task whose supervisor was killed is retried after this many seconds.
        "SCHEDULER__TASK_INSTANCE_HEARTBEAT_TIMEOUT": os.environ.get(HEARTBEAT, "60"),
        "SCHEDULER__TASK_INSTANCE_HEARTBEAT_TIMEOUT_DETECTION_INTERVAL": "5",
        "DAG_PROCESSOR__REFRESH_INTERVAL": "30",
        "DAG_PROCESSOR__MIN_FILE_PROCESS_INTERVAL": "30",
        "DAG_PROCESSOR__PARSING_PROCESSES": "1",
        "LOGGING__LOGGING_LEVEL": "INFO",
        "LOGGING__BASE_LOG_FOLDER": str(project.logs / "tasks"),
        "USAGE_DATA_COLLECTION__ENABLED": "False",
    }
    return {
        **child_environment(),
        **project.environment(),
        "MEDLOOM_COMMAND": shlex.join([sys.executable, "-m", "pipeline"]),
        "MEDLOOM_PROJECTS": "",  # of another Airflow; this one has the project alone
        "MEDLOOM_MLFLOW_URI": services.mlflow_uri,
        "AIRFLOW_HOME": str(home),
        **{f"AIRFLOW__{name}": value for name, value in options.items()},
    }


def _raise_exit(*_: Any) -> None:
    raise SystemExit(0)


if __name__ == "__main__":
    Supervisor(Project.load()).run(die_with_parent="--child" in sys.argv)
