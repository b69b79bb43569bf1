"""Hosts with empty disks, which share a ledger over HTTP, an object store and an MLflow server."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import boto3
from moto.server import ThreadedMotoServer

from bench.faults.tiny import TinyCheckout
from pipeline.base.project import Project
from pipeline.local import services
from tests.support.git_http import git_server

MODEL = "tiny-of-many-hosts"


@dataclass(frozen=True)
class Host:
    """One host: its folder, and the environment of `medloom` there."""

    folder: Path
    environment: Mapping[str, str]

    @property
    def state(self) -> Path:
        return self.folder / "state" / self.folder.name

    def start(self, *arguments: str, **more: str) -> "subprocess.Popen[str]":
        return subprocess.Popen(
            [sys.executable, "-m", "pipeline", *arguments],
            cwd=self.folder,
            env={**self.environment, **more},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    def run(self, *arguments: str, code: int = 0, **more: str) -> str:
        with self.start(*arguments, **more) as process:
            said = process.communicate()[0]
        assert process.returncode == code, f"{arguments}: {process.returncode}\n{said[-4000:]}"
        return said

    def task(self, name: str, *arguments: str, code: int = 0, **more: str) -> dict[str, Any]:
        """Run a task as a worker does; returns what it hands on to the next ones."""
        of_run = {
            "MEDLOOM_RUN_ID": "manual__1", "MEDLOOM_DAG_ID": "retrain_generator",
            "MEDLOOM_TASK_ID": name, "MEDLOOM_TRY": "1", "MEDLOOM_TRIGGER": "manual",
        }  # fmt: skip
        said = self.run("task", name, *arguments, code=code, **(of_run | more))
        return dict(json.loads(said.splitlines()[-1]))


@dataclass
class Hosts:
    """As many hosts as are asked for; each is new, and its disk is emptied when it is left."""

    folder: Path
    checkout: TinyCheckout
    shared: Mapping[str, str]
    landing: Path
    made: int = field(default=0)

    @contextmanager
    def another(self, *, landing: bool = False) -> Iterator[Host]:
        """A host that nobody has used; with `landing`, it sees the landing zone."""
        self.made += 1
        folder = self.folder / "hosts" / f"host{self.made}"
        (folder / "tmp").mkdir(parents=True)
        own = {
            "HOME": str(folder), "TMPDIR": str(folder / "tmp"), "MEDLOOM_STATE": "",
            "MEDLOOM_LANDING": str(self.landing if landing else folder / "landing"),
        }  # fmt: skip
        own["MEDLOOM_STATE"] = str(folder / "state" / folder.name)
        kept = {name: os.environ[name] for name in ("PATH", "LANG") if name in os.environ}
        kept |= {name: value for name, value in os.environ.items() if name.endswith("_THREADS")}
        yield Host(folder, {**kept, **self.shared, **own})
        shutil.rmtree(folder)

    def project(self, host: Host) -> Project:
        """The project as a host sees it."""
        return Project.load(host.environment)


@contextmanager
def many_hosts(folder: Path, numbers: Mapping[str, object]) -> Iterator[Hosts]:
    """What hosts share; the code is a checkout with these parameters.

    A test that works on the stores itself has to set `shared` in its own environment.
    """
    checkout = TinyCheckout.make(folder / "code", numbers)
    ledger = folder / "ledgers" / "tiny.git"
    subprocess.run(
        ["git", "init", "--quiet", "--bare", "--initial-branch=code", str(ledger)], check=True
    )
    store = ThreadedMotoServer("127.0.0.1", 0, verbose=False)
    store.start()
    address = "http://{}:{}".format(*store.get_host_and_port())
    log_in = {
        "AWS_ENDPOINT_URL": address, "AWS_ACCESS_KEY_ID": "a", "AWS_SECRET_ACCESS_KEY": "b",
        "AWS_DEFAULT_REGION": "us-east-1", "AWS_EC2_METADATA_DISABLED": "true",
    }  # fmt: skip
    boto3.client(
        "s3", endpoint_url=address, aws_access_key_id="a", aws_secret_access_key="b",
        region_name="us-east-1",
    ).create_bucket(Bucket="medloom")  # fmt: skip
    server = Project.load({"MEDLOOM_STATE": str(folder / "server" / "state" / "mlflow")})
    server.state.mkdir(parents=True)
    try:
        with git_server(ledger.parent) as git, services.mlflow(server) as mlflow:
            shared = log_in | {
                "MEDLOOM_LEDGER": f"{git}/{ledger.name}", "MEDLOOM_REMOTE": "s3://medloom/tiny",
                "MEDLOOM_MLFLOW_URI": mlflow, "MEDLOOM_MODEL": MODEL,
                "MEDLOOM_PATIENT_KEY_FILE": str(folder / "secrets" / "patient.key"),
                "PYTHONPATH": str(checkout.folder),
            }  # fmt: skip
            yield Hosts(folder, checkout, shared, folder / "landing")
    finally:
        store.stop()
