"""A project's life through the real scheduler: kills, approval, a storm, audit, a withdrawal.

Services start once, and each test goes on from where the one before it left the project. The first
model learns next to nothing, so that every later one is better and the gate's verdict is known.
"""

import contextlib
import hashlib
import hmac
import io
import json
import os
import threading
import time
import zlib
from collections.abc import Iterator
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import pytest
import requests
from PIL import Image

from bench.faults.storm import DAG, storm
from bench.faults.tiny import TINY
from pipeline.base.dag_run_folder import DagRunFolder
from pipeline.data.landing.index import LocalIndex
from pipeline.data.revise.revision import Revisions
from pipeline.data.square import PreprocessConfig, to_square
from pipeline.ledger.journal import Journal, Record
from pipeline.ledger.ledger import Ledger
from pipeline.local import services
from pipeline.registry.registry import Registry
from tests.support.consenting import content_of
from tests.support.in_airflow import APPROVE, REJECT, Airflow, wait_for
from tests.support.running import RunningCheckout

pytestmark = [
    pytest.mark.timeout(900),
    pytest.mark.skipif(
        os.environ.get("MEDLOOM_TEST_LIVE") != "1",
        reason="a quarter of an hour through the real scheduler: `make test-live` runs it",
    ),
]

NUMBERS = dict(TINY) | {
    "kimg": 0.04, "warm_up_kimg": 0.4, "snapshots": 1,
    "repeat_margin": 1.0, "looks": 1, "false_promotion": 0.49,
}  # fmt: skip
SECRET = b"between the two of us"
WITHDRAWN = "phantom-00000"
HOOK = """#!/bin/sh
while read -r before after branch; do
    if [ "$branch" = refs/heads/journal ]; then touch hooks/pushed; sleep 300; fi
done
"""


class Consumer(HTTPServer):
    """A webhook's receiver, which keeps what is rightly signed."""

    def __init__(self) -> None:
        self.heard: list[dict[str, Any]] = []
        super().__init__(("127.0.0.1", 0), _Receive)

    def of(self, event: str) -> list[dict[str, Any]]:
        return [told for told in self.heard if told["event"] == event]


class _Receive(BaseHTTPRequestHandler):
    server: Consumer

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        stamp = self.headers["X-Medloom-Timestamp"]
        expected = hmac.new(SECRET, stamp.encode() + b"." + body, hashlib.sha256).hexdigest()
        fine = self.headers["X-Medloom-Signature"] == f"sha256={expected}"
        if fine and abs(time.time() - int(stamp)) < 60:
            self.server.heard.append(json.loads(body))
        self.send_response(204 if fine else 403)
        self.end_headers()

    def log_message(self, format: str, *arguments: Any) -> None:  # noqa: A002
        pass


@pytest.fixture(scope="module")
def consumer() -> Iterator[Consumer]:
    server = Consumer()
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield server
    finally:
        server.shutdown()
        server.server_close()


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory, consumer: Consumer) -> Iterator[RunningCheckout]:
    folder = tmp_path_factory.mktemp("operations")
    (folder / "secret").write_bytes(SECRET)
    made = replace(
        RunningCheckout.make(folder / "medloom", NUMBERS),
        variables={
            "MEDLOOM_JOURNAL_KEY": str(folder / "key"),
            "MEDLOOM_WEBHOOK_URL": f"http://127.0.0.1:{consumer.server_port}/hook",
            "MEDLOOM_WEBHOOK_SECRET_FILE": str(folder / "secret"),
            "AIRFLOW__SCHEDULER__TASK_INSTANCE_HEARTBEAT_TIMEOUT": "30",
        },
    )
    made.medloom("audit", "keygen", str(folder / "key"))
    made.medloom("bench", "data", "phantom", str(made.project.landing), "--images", "80")
    made.medloom("up")
    try:
        yield made
    finally:
        made.medloom("down")
        assert made.processes() == [], "every process that medloom starts ends with it"


@pytest.fixture
def airflow(tiny: RunningCheckout) -> Airflow:
    return Airflow.of(tiny.project)


@pytest.fixture
def registry(tiny: RunningCheckout) -> Registry:
    running = services.find(tiny.project)
    assert running is not None
    return Registry(running.mlflow_uri, tiny.project.model)


def journal(tiny: RunningCheckout) -> Journal:
    return Journal(Ledger(tiny.project))


def last(tiny: RunningCheckout) -> Record:
    return journal(tiny).records[-1]


def result(tiny: RunningCheckout, run_id: str, task: str) -> dict[str, Any]:
    return DagRunFolder.of(tiny.project, run_id).result(task)


# -- kills -----------------------------------------------------------------------------------------


def test_whole_task_trees_are_killed_and_nothing_is_decided_twice(
    tiny: RunningCheckout, airflow: Airflow, registry: Registry, consumer: Consumer
) -> None:
    hooks = Path(tiny.project.ledger) / "hooks"
    wait_for(lambda: services.find(tiny.project), "the services")
    run_id = airflow.trigger(DAG, {})
    progress = tiny.state / "runs" / run_id / "evaluate.progress.json"
    wait_for(progress.exists, "the evaluation")
    hooks.mkdir(exist_ok=True)
    (hooks / "post-receive").write_text(HOOK)
    (hooks / "post-receive").chmod(0o755)
    kill_tree(tiny, "evaluate")
    wait_for((hooks / "pushed").exists, "the promotion's push")
    kill_tree(tiny, "promote")
    (hooks / "post-receive").unlink()
    assert [record.action for record in journal(tiny).records] == ["promoted"]
    assert registry.aliases() == {}, "the journal says who is champion, the aliases not yet"
    assert airflow.ended(DAG, run_id) == "success"
    tries = {task: one["try_number"] for task, one in airflow.tasks(DAG, run_id).items()}
    assert (tries["evaluate"], tries["promote"]) == (2, 2)
    assert [record.action for record in journal(tiny).records] == ["promoted"]
    assert (registry.aliases(), registry.versions()) == ({"champion": 1}, [1])
    assert airflow.announced_by() == [(DAG, run_id)]
    (told,) = consumer.of("champion-changed")
    assert (told["version"], told["journal_head"]) == (1, journal(tiny).head)


def kill_tree(tiny: RunningCheckout, task: str) -> None:
    """SIGKILL a task's command and all above it up to the scheduler, and all below that."""
    running = services.find(tiny.project)
    assert running is not None
    (command,) = (p for p in tiny.processes() if _runs_task(p, task))
    line = [command, *command.parents()]
    # supervisor of the services > scheduler > worker, which supervises the task > task > command
    worker = line[[one.pid for one in line].index(running.supervisor) - 2]
    assert worker.pid != command.pid
    for process in [worker, *worker.children(recursive=True)]:
        with contextlib.suppress(psutil.NoSuchProcess):
            process.kill()


def _runs_task(process: psutil.Process, task: str) -> bool:
    try:
        return process.cmdline()[1:5] == ["-m", "pipeline", "task", task]
    except psutil.Error:
        return False


# -- a person's say --------------------------------------------------------------------------------


def test_a_person_approves_in_airflow(
    tiny: RunningCheckout, airflow: Airflow, registry: Registry, consumer: Consumer
) -> None:
    tiny.set({"kimg": 4.0})
    run_id = airflow.trigger(DAG, {"require_approval": True})
    assert airflow.ended(DAG, run_id) == "success"
    assert (last(tiny).action, last(tiny).version) == ("awaiting", 2), last(tiny).reason
    assert registry.aliases() == {"champion": 1, "challenger": 2}
    assert airflow.tasks(DAG, run_id)["announce"]["state"] == "skipped"
    asked = airflow.trigger("promote_generator", {"reason": "look at the stones"})
    airflow.answer(asked, APPROVE, "sharp enough")
    assert airflow.ended("promote_generator", asked) == "success"
    record = last(tiny)
    assert (record.action, record.version, record.predecessor) == ("approved", 2, 1)
    assert (record.by, record.reason) == ("admin", "sharp enough")
    assert registry.aliases() == {"champion": 2, "previous": 1}
    assert ("promote_generator", asked) in airflow.announced_by()
    told = consumer.of("champion-changed")[-1]
    assert (told["version"], told["previous"], told["journal_head"]) == (
        2,
        1,
        journal(tiny).head,
    )


def test_a_run_that_fails_is_told_to_the_webhook(
    tiny: RunningCheckout, airflow: Airflow, consumer: Consumer
) -> None:
    before = journal(tiny).head
    tiny.set({"min_side": "small"})
    run_id = airflow.trigger(DAG, {})
    assert airflow.ended(DAG, run_id) == "failed"
    tiny.set({"min_side": 32})
    wait_for(lambda: consumer.of("run-failed"), "the notification", 120)
    (told,) = consumer.of("run-failed")
    assert (told["dag"], told["run"], told["model"]) == (DAG, run_id, "medloom-phantom")
    assert told["reason"]
    assert airflow.tasks(DAG, run_id)["report"]["state"] == "success"
    assert journal(tiny).head == before


def test_a_rollback_and_a_repair_by_hand(
    tiny: RunningCheckout, registry: Registry, consumer: Consumer
) -> None:
    back = tiny.told("champion", "rollback", "--reason", "blurred cysts", "--by", "ada")
    assert (back["action"], back["version"], back["predecessor"]) == ("rolled-back", 1, 2)
    assert consumer.of("champion-changed")[-1]["version"] == 1
    alias = {"name": tiny.project.model, "alias": "champion", "version": "2"}
    uri = f"{tiny.status()['services']['mlflow']}/api/2.0/mlflow/registered-models/alias"
    requests.post(uri, json=alias, timeout=30).raise_for_status()
    assert registry.aliases()["champion"] == 2
    assert tiny.told("champion", "repair")["champion"] == 1
    assert registry.aliases()["champion"] == 1


# -- a storm ---------------------------------------------------------------------------------------


def test_every_image_of_a_storm_is_learned_in_few_runs(tiny: RunningCheckout) -> None:
    tiny.set({"approval": "always"})
    table = storm(tiny, events=12)
    assert (table.events, table.during, table.images) == (12, 12, 48)
    assert table.lost == ()
    assert 1 <= table.runs <= 3


def test_a_person_rejects_in_airflow(
    tiny: RunningCheckout, airflow: Airflow, registry: Registry
) -> None:
    waiting = journal(tiny).challenger
    assert waiting is not None, [(r.action, r.reason) for r in journal(tiny).records]
    assert registry.aliases()["challenger"] == waiting.version
    asked = airflow.trigger("promote_generator", {"version": str(waiting.version)})
    airflow.answer(asked, REJECT, "no stones")
    assert airflow.ended("promote_generator", asked) == "success"
    states = {task: one["state"] for task, one in airflow.tasks("promote_generator", asked).items()}
    assert (states["decline"], states["approve"], states["announce"]) == (
        "success", "skipped", "skipped",
    )  # fmt: skip
    record = last(tiny)
    assert (record.action, record.version) == ("declined", waiting.version)
    assert (record.by, record.reason) == ("admin", "no stones")
    assert registry.aliases()["champion"] == 1


# -- audit and backup ------------------------------------------------------------------------------


def verified(tiny: RunningCheckout, *where: str, **more: str) -> None:
    """Everything of a project is checked, signatures too, and whole."""
    key = f"{tiny.variables['MEDLOOM_JOURNAL_KEY']}.pub"
    found = tiny.told(*where, "audit", "verify", "--all", "--public-key", key, **more)
    broken = [chain for chain in found["chains"] if chain.get("broken")]
    assert (found["whole"], broken, found["not_checked"]) == (True, [], [])
    assert sum(chain["chain"].startswith("version ") for chain in found["chains"]) >= 3


def test_the_record_is_whole_and_answers(tiny: RunningCheckout, tmp_path: Path) -> None:
    traced = tiny.told("audit", "trace", "champion")
    assert (traced["version"], traced["verdict"]["action"]) == (1, "promoted")
    image = next((tiny.project.landing / "stone").glob("*.png"))
    used = tiny.told("audit", "uses", str(image))
    assert 1 in [use["version"] for use in used["versions"]]
    tiny.medloom("audit", "report", "2", "-o", str(tmp_path / "audit.html"))
    page = (tmp_path / "audit.html").read_text()
    assert "sharp enough" in page
    assert "blurred cysts" in page
    verified(tiny)


def test_a_backup_makes_the_same_project_again(tiny: RunningCheckout, tmp_path: Path) -> None:
    tiny.medloom("backup", str(tmp_path / "all.tar"))
    tiny.medloom("restore", str(tmp_path / "all.tar"), "--to", "again")
    model = {"MEDLOOM_MODEL": tiny.project.model}
    again = tiny.told("--project", "again", "champion", "history", **model)
    assert again == tiny.history()
    verified(tiny, "--project", "again", **model)


# -- consent ---------------------------------------------------------------------------------------


def test_a_withdrawn_patient_is_gone_and_stays_gone(
    tiny: RunningCheckout, airflow: Airflow, registry: Registry
) -> None:
    before = {run["dag_run_id"] for run in airflow.runs(DAG, 100)}
    needles = list(traces_of(tiny))
    assert len(needles) >= 5
    assert len(files_with(tiny.state, needles)) >= 5
    done = tiny.told("audit", "withdraw", WITHDRAWN, "--purge", "--reason", "letter 17")
    assert len(done["images"]) == 5
    assert done["champion_affected"]
    assert registry.tags(1)["medloom.withdrawn"]
    used = tiny.told("audit", "uses", WITHDRAWN)
    assert 1 in [use["version"] for use in used["versions"]]
    assert files_with(tiny.state, needles) == []
    wait_for(
        lambda: len(airflow.runs(DAG, 100)) > len(before), "the retraining that was asked for", 400
    )
    (run_id,) = {run["dag_run_id"] for run in airflow.runs(DAG, 100)} - before
    assert airflow.ended(DAG, run_id) == "success"
    revisions = Revisions(Ledger(tiny.project))
    verdict = last(tiny)
    assert verdict.run_key == result(tiny, run_id, "plan")["run"]["key"]
    assert len(revisions.rows(verdict.data)) > 100
    assert revisions.held(verdict.data, done["images"]) == set()
    listed = json.loads(tiny.medloom("quarantine", "--json"))
    assert [row["reason"] for row in listed].count("withdrawn") == 5, "their files still lie there"
    assert files_with(tiny.state, needles) == []
    verified(tiny)


def traces_of(tiny: RunningCheckout) -> Iterator[bytes]:
    """Bytes that show an image of the patient: its file, its pixels, a row of its small copy."""
    config = PreprocessConfig(size=32)
    index = LocalIndex.of(tiny.project)
    for file in sorted(tiny.project.landing.glob(f"*/{WITHDRAWN}-*.png")):
        (known,) = index.of_path(str(file.relative_to(tiny.project.landing)))
        assert known.outcome == "ingested"
        pixels = np.asarray(Image.open(file).convert("L"))
        small = to_square(pixels, config)
        yield file.read_bytes()
        yield pixels.tobytes()
        yield bytes(small[small.std(axis=1).argmax()].tobytes())


def files_with(folder: Path, needles: list[bytes]) -> list[str]:
    """Files below a folder that hold one of the needles, packed or drawn."""
    files = (file for file in sorted(folder.rglob("*")) if file.is_file())
    return [
        str(file.relative_to(folder))
        for file in files
        if any(needle in found for found in _unpacked(content_of(file)) for needle in needles)
    ]


def _unpacked(data: bytes) -> Iterator[bytes]:
    yield data
    with contextlib.suppress(zlib.error):  # a git object
        yield zlib.decompress(data)
    if data.startswith(b"\x89PNG"):
        with Image.open(io.BytesIO(data)) as image:
            yield image.convert("L").tobytes()
    if data.startswith(b"PK"):
        with contextlib.suppress(ValueError), np.load(io.BytesIO(data)) as arrays:
            for name in arrays.files:
                yield arrays[name].tobytes()
