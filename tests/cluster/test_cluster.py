"""Two projects, two workers, and what goes wrong between them: every run ends as it should.

The tests go on from one another, in their order. A row of `seen` is one of the table in
docs/faults.md.
"""

import base64
import json
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

import pytest

from tests.cluster.runs import DONE, RUNNING, ClusterRun
from tests.cluster.service import wait_for
from tests.cluster.topology import PROJECTS, Topology

Seen = list[tuple[str, ...]]
LONG = {"kimg": 6.0, "checkpoint_kimg": 0.2, "snapshots": 1}
"""A training of a minute or so, which leaves time to disturb it."""


@contextmanager
def seconds() -> Iterator[list[float]]:
    """Yields a list, which has the seconds of the block afterwards."""
    took: list[float] = []
    began = time.monotonic()
    yield took
    took.append(time.monotonic() - began)


@pytest.fixture(scope="module")
def lost(topology: Topology) -> ClusterRun:
    """The run that loses the worker of its training."""
    return ClusterRun.begin(topology, PROJECTS[0], **LONG)


@pytest.fixture(scope="module")
def stormy(topology: Topology) -> ClusterRun:
    """The run during which each service is stopped and started; the other one goes on beside it."""
    return ClusterRun.begin(topology, PROJECTS[1], **LONG)


def test_a_training_goes_on_elsewhere_when_its_worker_is_killed(
    topology: Topology, lost: ClusterRun, seen: Seen
) -> None:
    worker = lost.trains_on(seconds=600)
    (other,) = (one for one in topology.workers.values() if one.name != worker.name)
    wait_for(lost.checkpoint, "a checkpoint in the object store", 120)
    worker.service.kill()
    saved = lost.checkpoint()
    with seconds() as took:
        wait_for(lambda: other.progress(lost.project, lost.id, "train"), "the other worker", 300)
    first = other.progress(lost.project, lost.id, "train")["images_seen"]
    assert first >= saved > 0, "it began anew"
    worker.service.start()
    lost.ends()
    assert lost.tries("train") == 2
    assert [record.action for record in lost.records] == ["promoted"]
    outcome = f"goes on elsewhere from image {saved} of {LONG['kimg'] * 1000:.0f}; promoted"
    seen.append(("worker killed (its host is lost)", "train", outcome, f"{took[0]:.0f}"))


@pytest.mark.parametrize(("service", "away"), [("redis", 10.0), ("postgres", 15.0)])
def test_a_training_outlives_what_the_scheduler_needs(
    topology: Topology, stormy: ClusterRun, seen: Seen, service: str, away: float
) -> None:
    worker = stormy.trains_on(seconds=600)
    before = worker.progress(stormy.project, stormy.id, "train")["images_seen"]
    tries = stormy.tries("train")
    earlier = {name: one.restarts for name, one in topology.services.items()}
    topology.services[service].stop()
    time.sleep(away)
    topology.services[service].start()
    with seconds() as took:
        wait_for(topology.airflow.is_healthy, "Airflow", 180)
    now = worker.progress(stormy.project, stormy.id, "train")["images_seen"]
    assert now > before, "it went on all the while"
    assert stormy.tries("train") == tries
    ended = [n for n, one in topology.services.items() if one.restarts > earlier[n]]
    outcome = f"the training goes on; ended and started again: {', '.join(ended) or 'nothing'}"
    seen.append((f"{service} away for {away:.0f} s", "train", outcome, f"{took[0]:.0f}"))


def test_a_message_delivered_twice_harms_no_training(
    topology: Topology, stormy: ClusterRun, seen: Seen
) -> None:
    worker, tries = stormy.trains_on(), stormy.tries("train")
    broker, queue = topology.broker, "default"
    with seconds() as took:
        broker.lpush(queue, json.dumps(message_of(topology, stormy)))
        wait_for(lambda: broker.llen(queue) == 0, "a worker that takes it", 60)
        time.sleep(15)  # for the worker to start it, and Airflow to say what it thinks of that
    state = stormy.task("train")["state"]
    assert (state, stormy.tries("train")) == (RUNNING, tries), stormy.why("train")
    assert worker.progress(stormy.project, stormy.id, "train")
    seen.append(("message delivered twice", "train", "the second is refused", f"{took[0]:.0f}"))


def message_of(topology: Topology, run: ClusterRun) -> dict[str, Any]:
    """The message by which a worker got the training, which it acknowledges at its end."""
    for held in topology.broker.hvals("unacked"):
        message = json.loads(held)[0]
        body = base64.b64decode(message["body"]).decode()
        if run.id in body and '"train' in body.replace("\\", ""):
            return dict(message)
    raise AssertionError("no message of the training is held by a worker")


@pytest.mark.parametrize(
    ("services", "task", "how", "away"),
    [
        (("s3",), "evaluate", "stop", 20.0),
        (("mlflow",), "register", "stop", 20.0),
        (("ledger-a", "ledger-b"), "promote", "freeze", 20.0),
    ],
)
def test_a_store_that_is_away_for_a_while_costs_a_try_at_most(
    topology: Topology, stormy: ClusterRun, seen: Seen,
    services: tuple[str, ...], task: str, how: str, away: float,
) -> None:  # fmt: skip
    gone = [topology.services[name] for name in services]
    stormy.reaches(task, RUNNING)
    for service in gone:
        service.freeze() if how == "freeze" else service.stop()
    time.sleep(away)
    for service in gone:
        service.thaw() if how == "freeze" else service.start()
    with seconds() as took:
        stormy.reaches(task, DONE)
    tries = stormy.tries(task)
    assert tries <= 3
    words = {"stop": "stopped", "freeze": "cut off from the workers"}[how]
    name = "ledger" if how == "freeze" else services[0]
    outcome = f"the task is done at try {tries}"
    seen.append((f"{name} {words} for {away:.0f} s", task, outcome, f"{took[0]:.0f}"))


def test_both_projects_end_promoted_and_both_workers_had_a_share(
    topology: Topology, lost: ClusterRun, stormy: ClusterRun
) -> None:
    for run in (lost, stormy):
        run.ends()
        (record,) = run.records
        assert (record.action, record.version) == ("promoted", 1), record
        registry = topology.registry(run.project)
        assert registry.aliases()["champion"] == 1
        assert registry.versions() == [1]
        assert {run.task(name)["state"] for name in ("announce", "report")} == {DONE}
        assert run.state == DONE
    for worker in topology.workers.values():
        assert list(worker.folder.glob("state/*/runs/*")), f"worker {worker.name} did nothing"


def test_promoters_at_once_write_one_decision(topology: Topology, seen: Seen) -> None:
    run = ClusterRun.begin(topology, PROJECTS[0], seed=3)
    before = len(run.records)
    run.reaches("preprocess", RUNNING, DONE)
    key = run.key  # of the one run that is not decided yet
    run.reaches("register", DONE, seconds=600)
    with seconds() as took, ThreadPoolExecutor(2) as pool:
        ask = ("task", "promote", "--key", key)
        said = list(pool.map(lambda host: topology.medloom(host, run.project, *ask), "cd"))
    run.ends()
    mine = [record for record in run.records[before:] if record.run_key == key]
    assert len(mine) == len(run.records) - before == 1
    numbers = {json.loads(one.splitlines()[-1])["record"] for one in said}
    assert numbers == {mine[0].sequence}
    seen.append(("3 promoters of one run at once", "promote", "one decision", f"{took[0]:.0f}"))


def test_an_auditor_finds_every_chain_whole(topology: Topology) -> None:
    for project in PROJECTS:
        said = json.loads(
            topology.medloom("auditor", project, "audit", "verify", "--all", "--json")
        )
        assert said["whole"], said
        # The journal of this deployment is not signed.
        assert [one.split(":")[0] for one in said["not_checked"]] == ["signatures"], said
