"""An Airflow that somebody else runs: its own environment, DAGs by Git, medloom somewhere else."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, Self

from pipeline.base.project import PROJECT_ROOT
from pipeline.ledger.lease_holder import end_process_tree
from pipeline.local.processes import end_with_parent, free_port
from tests.support.in_airflow import Airflow
from tests.support.installed import uv

PACKAGES = ("apache-airflow", "apache-airflow-providers-git==1.0.1")
"""All that is installed. requirements.lock constrains it, so that Airflow and what it needs are of
the versions that everything else is tested with, and no second lock must be kept in step."""
SERVICES = ("api-server", "scheduler", "dag-processor")
USER, PASSWORD = "somebody", "something"


@dataclass(frozen=True)
class DagRepository:
    """A repository with this checkout's `dags/`: a bare one, and a clone to push from."""

    bare: Path
    clone: Path

    @classmethod
    def make(cls, folder: Path) -> Self:
        """Make both, with one commit on `main`."""
        made = cls(folder / "dags.git", folder / "clone")
        _git(folder, "init", "--quiet", "--bare", "--initial-branch=main", str(made.bare))
        _git(folder, "clone", "--quiet", str(made.bare), str(made.clone))
        _git(made.clone, "checkout", "--quiet", "-B", "main")
        ignored = shutil.ignore_patterns("__pycache__")
        shutil.copytree(PROJECT_ROOT / "dags", made.clone / "dags", ignore=ignored)
        made.push()
        return made

    def push(self) -> str:
        """Commit what lies in the clone, and push it; returns the commit."""
        _git(self.clone, "add", "--all")
        _git(self.clone, "commit", "--quiet", "--message", "DAGs")
        _git(self.clone, "push", "--quiet", "origin", "main")
        return self.head()

    def head(self) -> str:
        """The newest commit."""
        return _git(self.clone, "rev-parse", "HEAD")


def _git(folder: Path, *arguments: str) -> str:
    who = ("-c", "user.name=somebody", "-c", "user.email=somebody@example.org")
    env = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
    done = subprocess.run(
        ["git", *who, *arguments], cwd=folder, env=env, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


class OwnApi(Airflow):
    """What a person looks at in Airflow's pages."""

    def dag(self, name: str) -> dict[str, Any]:
        """A DAG, as returned by Airflow."""
        return self._call("GET", f"/dags/{name}")

    def set_paused(self, dag: str, *, paused: bool) -> None:
        """Pause a DAG, or end its pause."""
        self._call("PATCH", f"/dags/{dag}", json={"is_paused": paused})

    def dag_versions(self, dag: str) -> int:
        """How many versions of a DAG there are."""
        return int(self._call("GET", f"/dags/{dag}/dagVersions")["total_entries"])

    def import_errors(self) -> dict[str, str]:
        """What is wrong, by the file's name."""
        found = self._call("GET", "/importErrors", limit=100)["import_errors"]
        return {Path(one["filename"]).name: str(one["stack_trace"]) for one in found}

    def xcoms(self, dag: str, run_id: str) -> str:
        """All that the tasks of a run told each other, as one text."""
        said = []
        for task in self.tasks(dag, run_id):
            path = f"/dags/{dag}/dagRuns/{run_id}/taskInstances/{task}/xcomEntries"
            for entry in self._call("GET", path, limit=100)["xcom_entries"]:
                said.append(self._call("GET", f"{path}/{entry['key']}")["value"])
        return json.dumps(said)

    def sources(self, asset: str) -> set[str]:
        """The DAGs that events of an asset came from."""
        found = self._call("GET", "/assets", name_pattern=asset, limit=100)["assets"]
        (number,) = (one["id"] for one in found if one["name"] == asset)
        events = self._call("GET", "/assets/events", asset_id=number, limit=100)
        return {str(one["source_dag_id"]) for one in events["asset_events"]}


@dataclass(frozen=True)
class OwnAirflow:
    """An environment with Airflow and its Git provider alone, and its services.

    Attributes:
        folder: of the environment, and of all that the services write.
        repository: that the DAGs come from.
        variables: of the services, beside Airflow's own.
    """

    folder: Path
    repository: Path
    variables: Mapping[str, str]
    uri: str = field(default_factory=lambda: f"http://127.0.0.1:{free_port()}")

    @property
    def home(self) -> Path:
        """AIRFLOW_HOME: the database, airflow.cfg and the tasks' logs."""
        return self.folder / "airflow"

    @property
    def environ(self) -> dict[str, str]:
        """The environment of the services; what is not named is as Airflow has it."""
        given = {"repo_url": str(self.repository), "tracking_ref": "main", "subdir": "dags"}
        bundle = {
            "name": "medloom",
            "classpath": "airflow.providers.git.bundles.git.GitDagBundle",
            "kwargs": {**given, "refresh_interval": 5},
        }
        options = {
            "CORE__LOAD_EXAMPLES": "False",
            "CORE__EXECUTOR": "LocalExecutor",
            "CORE__PARALLELISM": "4",
            "CORE__EXECUTION_API_SERVER_URL": f"{self.uri}/execution/",
            "CORE__SIMPLE_AUTH_MANAGER_USERS": f"{USER}:admin",
            "CORE__SIMPLE_AUTH_MANAGER_PASSWORDS_FILE": str(self.home / "passwords.json"),
            "API__HOST": "127.0.0.1",
            "API__PORT": self.uri.rsplit(":", 1)[1],
            "DAG_PROCESSOR__DAG_BUNDLE_CONFIG_LIST": json.dumps([bundle]),
            "DAG_PROCESSOR__DAG_BUNDLE_STORAGE_PATH": str(self.folder / "bundles"),
            # Sooner than by default, since a test waits for it.
            "DAG_PROCESSOR__MIN_FILE_PROCESS_INTERVAL": "10",
            "DAG_PROCESSOR__STALE_DAG_THRESHOLD": "20",
            "SCHEDULER__PARSING_CLEANUP_INTERVAL": "10",
        }
        return {
            "PATH": f"{self.folder / 'environment' / 'bin'}:{os.environ['PATH']}",
            "HOME": str(self.folder),
            "AIRFLOW_HOME": str(self.home),
            **{f"AIRFLOW__{name}": value for name, value in options.items()},
            **self.variables,
        }

    @cached_property
    def api(self) -> OwnApi:
        """A client of the API."""
        return OwnApi(self.uri, USER, PASSWORD)

    def install(self) -> None:
        """Make the environment, by the package registry or uv's cache."""
        self.home.mkdir(parents=True)
        (self.home / "passwords.json").write_text(json.dumps({USER: PASSWORD}))
        environment = self.folder / "environment"
        uv("venv", "--python", sys.executable, str(environment))
        python, lock = environment / "bin" / "python", PROJECT_ROOT / "requirements.lock"
        uv("pip", "install", "--python", str(python), "--constraint", str(lock), *PACKAGES)

    def run(self, program: str, *arguments: str, **more: str) -> str:
        """What a program of the environment prints, with the services' variables and `more`."""
        done = subprocess.run(
            [str(self.folder / "environment" / "bin" / program), *arguments],
            cwd=self.home, env=self.environ | more, capture_output=True, text=True, check=False,
        )  # fmt: skip
        assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
        return done.stdout

    @contextmanager
    def running(self) -> Iterator[None]:
        """The services, until the block ends."""
        self.run("airflow", "db", "migrate")
        started = [self._start(name) for name in SERVICES]
        try:
            yield
        finally:
            for service in started:
                end_process_tree(service.pid)
                service.wait()

    def _start(self, service: str) -> "subprocess.Popen[bytes]":
        with (self.home / f"{service}.log").open("ab") as stream:
            return subprocess.Popen(
                [str(self.folder / "environment" / "bin" / "airflow"), service],
                cwd=self.home, env=self.environ, stdin=subprocess.DEVNULL,
                stdout=stream, stderr=stream, start_new_session=True,
                preexec_fn=end_with_parent,  # noqa: PLW1509 - the tests have one thread
            )  # fmt: skip
