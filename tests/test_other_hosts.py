"""Each task of a retraining runs on a host of its own with an empty disk, and so does its retry."""

import json
import os
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest

from bench.faults.tiny import TINY
from pipeline.ledger.journal import Journal
from pipeline.ledger.ledger import Ledger
from pipeline.ledger.remote_files import RemoteFiles, checkpoints_of
from pipeline.ledger.run import Run
from pipeline.phantoms.phantom import write_phantom
from pipeline.registry.registry import Registry
from tests.support.hosts import MODEL, Host, Hosts, many_hosts

pytestmark = [
    pytest.mark.timeout(3600),
    pytest.mark.skipif(
        os.environ.get("MEDLOOM_TEST_LIVE") != "1",
        reason="minutes, with a process of its own for each task: `make test-live` runs it",
    ),
]

NUMBERS = dict(TINY) | {"min_new_images": 1, "quiet_minutes": 0.0}
PATIENTS = 4


@pytest.fixture(scope="module")
def hosts(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Hosts]:
    folder = tmp_path_factory.mktemp("hosts")
    write_phantom(folder / "landing", PATIENTS, 0)
    with many_hosts(folder, NUMBERS) as made:
        yield made


@pytest.fixture(autouse=True)
def _log_in(hosts: Hosts, monkeypatch: pytest.MonkeyPatch) -> None:
    """What the tests themselves look at is in the shared stores."""
    for name, value in hosts.shared.items():
        if name.startswith("AWS_"):
            monkeypatch.setenv(name, value)


@pytest.fixture
def ledger(hosts: Hosts, tmp_path: Path) -> Ledger:
    """The shared ledger, as one more host sees it."""
    mine = {"MEDLOOM_STATE": str(tmp_path / "state" / "looking")}
    return Ledger(hosts.checkout.project.load({**hosts.shared, **mine}))


def retrain(hosts: Hosts) -> dict[str, dict[str, Any]]:
    """The DAG `retrain_generator`, each task on a new host; returns their results."""
    told: dict[str, dict[str, Any]] = {}

    def do(name: str, *arguments: str) -> dict[str, Any]:
        with hosts.another(landing=name == "ingest") as host:
            told[name] = host.task(name, *arguments)
        return told[name]

    do("ingest")
    key = do("plan", "--start=params")["key"]
    for name in ("preprocess", "train", "evaluate", "register"):
        do(name, "--key", key)
    do("promote", "--key", key, "--no-require-approval")
    if told["promote"]["action"] == "promoted":
        do("announce", "--record", str(told["promote"]["record"]))
    do("report", "--results", json.dumps(list(told.values())))
    return told


def test_a_first_model_becomes_champion_without_a_host_that_saw_it_all(
    hosts: Hosts, ledger: Ledger, tmp_path: Path
) -> None:
    with hosts.another(landing=True) as host:
        assert "files" in host.run("task", "watch")
    told = retrain(hosts)
    assert told["promote"]["action"] == "promoted"
    assert told["announce"]["version"] == told["register"]["version"] == 1
    (record,) = Journal(ledger).records
    assert (record.action, record.version) == ("promoted", 1)
    registry = Registry(hosts.shared["MEDLOOM_MLFLOW_URI"], MODEL)
    assert registry.aliases()["champion"] == 1
    page = registry.run_artifacts(1, "report.html", tmp_path / "report")
    assert page is not None, "the report is where everybody finds it"
    assert "data:image/png;base64" in page.read_text()
    assert RemoteFiles("s3://medloom/tiny").names("checkpoints") == []


def test_what_one_host_has_ingested_is_no_news_to_another(hosts: Hosts) -> None:
    with hosts.another(landing=True) as host:
        assert "no new files" in host.run("task", "watch", code=99)
    with hosts.another(landing=True) as host:
        assert host.task("ingest")["new"] == 0
    with hosts.another() as host:
        assert host.task("plan", code=99)["outcome"] == "skipped"


def test_a_host_that_does_not_see_the_landing_zone_says_so(hosts: Hosts) -> None:
    with hosts.another() as host:
        told = host.task("ingest", code=65)
        assert "does not exist on" in told["why"]
        assert "queues" in told["why"]
        assert "does not exist on" in host.run("task", "watch", code=65)
        assert not (host.folder / "landing").exists(), "an empty one would hide it from then on"


def test_a_training_goes_on_elsewhere_after_its_host_is_lost(hosts: Hosts, ledger: Ledger) -> None:
    write_phantom(hosts.landing, PATIENTS, 0, first_patient=10 * PATIENTS)
    hosts.checkout.set({"kimg": 3.0, "checkpoint_kimg": 0.1, "snapshots": 1})
    with hosts.another(landing=True) as host:
        host.task("ingest")
    with hosts.another() as host:
        key = host.task("plan", "--start=champion")["key"]
    with hosts.another() as host:
        host.task("preprocess", "--key", key)
    remote = RemoteFiles("s3://medloom/tiny")
    with hosts.another() as lost:
        begun = time.monotonic()
        training = lost.start("task", "train", "--key", key, MEDLOOM_RUN_ID="manual__2")
        while not (saved := remote.names(checkpoints_of(key))):
            assert training.poll() is None, training.communicate()[0][-3000:]
            assert time.monotonic() - begun < 900, "no checkpoint left the host"
            time.sleep(0.05)
        kill_all(training.pid)
        training.communicate()
    seen = int(saved[-1].split("checkpoint-")[1].removesuffix(".pt"))
    with hosts.another() as host:
        training = host.start("task", "train", "--key", key, MEDLOOM_TRY="2")
        progress = [at for at in iter(lambda: images_seen(host, training), None) if at]
        assert training.wait() == 0, training.communicate()[0][-3000:]
        training.communicate()
    assert progress, "it was too fast to be looked at"
    assert 0 < seen <= progress[0], "it began anew"
    assert remote.names(checkpoints_of(key)) == []
    assert "train" in Run.get(ledger, key).results


def images_seen(host: Host, training: "subprocess.Popen[str]") -> int | None:
    """How far a training is, 0 before it says so; None once it has ended."""
    time.sleep(0.02)
    if training.poll() is not None:
        return None
    files = list(host.state.glob("runs/*/train.progress.json"))
    return int(json.loads(files[0].read_text())["images_seen"]) if files else 0


def kill_all(pid: int) -> None:
    """Kill a process and all that it started, as the loss of a host does."""
    family = [psutil.Process(pid), *psutil.Process(pid).children(recursive=True)]
    for process in family:
        process.kill()
    psutil.wait_procs(family, timeout=10)


def test_the_second_model_is_judged_where_the_first_was_never_seen(
    hosts: Hosts, ledger: Ledger
) -> None:
    (first,) = Journal(ledger).records
    (key,) = {name.removeprefix("run/") for name in ledger.branches("run/")} - {first.run_key}
    for name in ("evaluate", "register", "promote"):
        with hosts.another() as host:
            host.task(name, "--key", key)
    _, second = Journal(ledger).records
    assert (second.predecessor, second.version) == (1, 2)
    assert second.verdict["comparison"]["groups"] >= 3
    with hosts.another() as host:
        shown = json.loads(host.run("champion", "show", "--json"))
        assert shown["version"] in (1, 2)
    with hosts.another() as host:
        assert host.task("monitor")["record"] == 1
    with hosts.another() as host:
        assert json.loads(host.run("audit", "verify", "--all", "--json"))["whole"]
