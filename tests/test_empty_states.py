"""Every task of a run on a host of its own: an empty state folder, and what hosts share.

Shared are the landing zone, ledger, remote, MLflow server, model name and the patients' key. From
one task to the next goes only what the first one told in its last line.
"""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from bench.faults.tiny import TINY, TinyCheckout
from pipeline.base.errors import ExitCode
from pipeline.base.project import Project
from pipeline.ledger.journal import Journal
from pipeline.ledger.ledger import Ledger
from pipeline.local import services
from pipeline.phantoms.phantom import write_phantom
from pipeline.registry.registry import Registry

PATIENTS = 3
MODEL = "medloom-shared"
NUMBERS = dict(TINY) | {
    "quiet_minutes": 0, "min_new_images": 1, "kimg": 0.12, "snapshots": 1,
}  # fmt: skip
ONE_CORE = {min(os.sched_getaffinity(0))}


@dataclass
class Hosts:
    """A new host a task, which nothing was ever done on."""

    tiny: TinyCheckout
    shared: dict[str, str]
    folder: Path
    told: dict[str, dict[str, Any]] = field(default_factory=dict)

    @property
    def project(self) -> Project:
        """Of a host that only looks."""
        return Project.load(self.shared | {"MEDLOOM_STATE": str(self.folder / "look")})

    def start(self, host: str, task: str, *arguments: str) -> "subprocess.Popen[str]":
        state = self.folder / host
        assert not state.exists(), "a host is used once"
        clean = {k: v for k, v in os.environ.items() if not k.startswith("MEDLOOM_")}
        return subprocess.Popen(
            [sys.executable, "-m", "pipeline", "task", task, *arguments],
            cwd=self.folder,
            env=clean
            | self.shared
            | {
                "MEDLOOM_STATE": str(state),
                "MEDLOOM_RUN_ID": "manual__1",
                "PYTHONPATH": str(self.tiny.folder),
            },
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    def run(self, task: str, *arguments: str, expected: int = 0, host: str = "") -> str:
        """Run a task to its end; returns its last line."""
        process = self.start(host or f"host-{task}", task, *arguments)
        output, _ = process.communicate(timeout=300)
        assert process.returncode == expected, output[-5000:]
        return output.strip().split("\n")[-1]

    def step(self, task: str, *arguments: str, host: str = "") -> dict[str, Any]:
        """Run a task, and keep what it told for the tasks after it."""
        told: dict[str, Any] = json.loads(self.run(task, *arguments, host=host))
        self.told[task] = told
        assert (told["task"], told["outcome"]) == (task, "done")
        assert len(json.dumps(told)) < 3000
        return told


@pytest.fixture(scope="module")
def hosts(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Hosts]:
    folder = tmp_path_factory.mktemp("hosts")
    tiny = TinyCheckout.make(folder / "medloom", NUMBERS)
    write_phantom(folder / "landing", PATIENTS, 0)
    server = Project.load({"MEDLOOM_STATE": str(folder / "server")})
    with services.mlflow(server) as uri:
        shared = {
            "MEDLOOM_LANDING": str(folder / "landing"),
            "MEDLOOM_LEDGER": str(folder / "ledger.git"),
            "MEDLOOM_REMOTE": str(folder / "remote"),
            "MEDLOOM_MLFLOW_URI": uri,
            "MEDLOOM_MODEL": MODEL,
            "MEDLOOM_PATIENT_KEY_FILE": str(folder / "patient.key"),
        }
        yield Hosts(tiny, shared, folder)


def test_what_is_in_the_data_revision_is_no_news_to_any_host(hosts: Hosts) -> None:
    assert "files, quiet for" in hosts.run("watch", host="watch-before")
    told = hosts.step("ingest")
    assert told["new"] == told["seen"] > 0
    said = hosts.run("watch", host="watch-after", expected=ExitCode.NOTHING_NEW)
    assert said == "the landing zone has no new files"


def test_a_training_killed_on_one_host_goes_on_on_another(hosts: Hosts) -> None:
    key = hosts.step("plan")["key"]
    hosts.step("preprocess", "--key", key)
    _kill_midway(hosts, key)
    (kept,) = (hosts.folder / "remote" / "medloom" / "checkpoints" / key).glob("*/*.pt")
    hosts.step("train", "--key", key, host="train-second")
    assert not kept.parent.parent.exists(), "the result is in the remote, and it is done with"
    work = Ledger(hosts.project).clone(f"run/{key}", hosts.folder / "clone")
    work.dvc.run("pull", "train")
    record = json.loads((work.folder / "models" / "training.json").read_text())
    if len(os.sched_getaffinity(0)) == 1:
        pytest.skip("one core: both hosts are alike, and went on bit for bit")
    (resumed,) = record["resumed_inexactly"]
    assert resumed["images_seen"] == int(kept.stem.split("-")[1]) > 0
    assert resumed["why"].startswith("threads was 1 and is")
    assert (resumed["before"]["threads"], record["repeatable"]) == (1, False)
    assert resumed["after"] == record["runtime"]


def _kill_midway(hosts: Hosts, key: str) -> None:
    """End a training's task, as an executor does, once it has left a checkpoint on its host."""
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, ONE_CORE)  # inherited: a host of another number of threads
    try:
        task = hosts.start("train-first", "train", "--key", key)
    finally:
        os.sched_setaffinity(0, before)
    place, deadline = hosts.folder / "train-first" / "checkpoints" / key, time.monotonic() + 240
    while not list(place.glob("*/checkpoint-*.pt")):
        assert task.poll() is None, task.communicate()[0][-5000:]
        assert time.monotonic() < deadline, "no checkpoint came"
        time.sleep(0.02)
    task.send_signal(signal.SIGTERM)
    output, _ = task.communicate(timeout=120)
    assert task.returncode == -signal.SIGTERM, output[-5000:]


def test_a_run_ends_promoted_announced_and_reported(hosts: Hosts, tmp_path: Path) -> None:
    key = hosts.told["plan"]["key"]
    hosts.step("evaluate", "--key", key)
    assert hosts.step("register", "--key", key)["version"] == 1
    promoted = hosts.step("promote", "--key", key, "--no-require-approval")
    assert (promoted["action"], promoted["version"], promoted["record"]) == ("promoted", 1, 1)
    assert hosts.step("announce", "--record", "1")["version"] == 1
    results = json.dumps([None, *hosts.told.values()])
    hosts.step("report", "--results", results, "--states", '{"ingest": "success"}')
    project = hosts.project
    registry = Registry(project.mlflow_uri, MODEL)
    assert registry.aliases() == {"champion": 1}
    assert [record.action for record in Journal(Ledger(project)).records] == ["promoted"]
    page = registry.run_artifacts(1, "report.html", tmp_path)
    assert page
    assert "Promoted" in page.read_text()
    card_file = registry.run_artifacts(1, "model-card.json", tmp_path)
    assert card_file
    card = json.loads(card_file.read_text())
    assert (card["title"], card["model"]["version"], card["failure"]) == ("shared", 1, None)
    assert card["ingest"]["arrived"] == hosts.told["ingest"]["seen"]
    assert sum(row["images"] for row in card["splits"]) == hosts.told["ingest"]["new"]
    assert {task["name"]: task["outcome"] for task in card["tasks"]} == {
        name: "done" for name in hosts.told if name not in ("announce", "report")
    }
    assert all(task["seconds"] > 0 for task in card["tasks"])
    if len(os.sched_getaffinity(0)) > 1:
        assert card["model"]["resumed_inexactly"]
        assert any("another machine after" in limit for limit in card["limits"])
    assert (hosts.folder / "host-report" / "runs" / "manual__1" / "report.html").exists()
