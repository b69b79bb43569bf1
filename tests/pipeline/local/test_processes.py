"""Waiting for a service: as long as it lives and works, and no longer."""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest

from pipeline.base.errors import TransientError
from pipeline.ledger.lease_holder import end_process_tree
from pipeline.local import processes
from pipeline.local.processes import IDLE_SECONDS, START_SECONDS, cpu_seconds, wait_until

LOGS = Path("/logs")


@pytest.fixture
def service() -> Iterator["subprocess.Popen[bytes]"]:
    """A process that lives and does nothing."""
    process = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
    yield process
    process.kill()
    process.wait()


class Clock:
    """A clock on which 5 s pass at each look."""

    now = 0.0

    def monotonic(self) -> float:
        return self.now

    def sleep(self, _: float) -> None:
        self.now += 5


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    made = Clock()
    told = SimpleNamespace(monotonic=made.monotonic, sleep=made.sleep)
    monkeypatch.setattr("pipeline.local.processes.time", told)
    return made


def working(monkeypatch: pytest.MonkeyPatch, clock: Clock, share: float) -> None:
    """Let the service use a share of a core."""
    monkeypatch.setattr(processes, "cpu_seconds", lambda _: share * clock.now)


def test_a_service_that_works_is_waited_for_longer_than_an_idle_one(
    service: "subprocess.Popen[bytes]", clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    working(monkeypatch, clock, 0.1)
    slow = 3 * IDLE_SECONDS
    wait_until(lambda: clock.now > slow, "MLflow", {"mlflow": service}, LOGS)
    with pytest.raises(TransientError, match=f"within {START_SECONDS} s, see /logs/mlflow.log"):
        wait_until(lambda: False, "MLflow", {"mlflow": service}, LOGS)


def test_a_service_that_hangs_is_given_up(
    service: "subprocess.Popen[bytes]", clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    working(monkeypatch, clock, 0.001)
    with pytest.raises(TransientError, match="MLflow does not answer and has not worked"):
        wait_until(lambda: False, "MLflow", {"mlflow": service}, LOGS)
    assert IDLE_SECONDS < clock.now < 1.2 * IDLE_SECONDS


def test_a_service_that_ended_is_named_with_its_log(clock: Clock) -> None:
    ended = subprocess.Popen([sys.executable, "-c", "raise SystemExit(3)"])
    ended.wait()
    with pytest.raises(TransientError, match=r"mlflow ended with 3, see /logs/mlflow\.log"):
        wait_until(lambda: False, "MLflow", {"mlflow": ended}, LOGS)
    wait_until(lambda: ended.poll() is not None, "a migration", {"db": ended}, LOGS)


def test_the_work_of_children_counts() -> None:
    code = (
        "import subprocess, sys; print(flush=True);"
        "subprocess.run([sys.executable, '-c', 'while True: pass'])"
    )
    process = subprocess.Popen([sys.executable, "-c", code], start_new_session=True)
    try:
        before = cpu_seconds(process)
        while cpu_seconds(process) < before + 1:
            assert process.poll() is None
    finally:
        end_process_tree(process.pid)
        process.wait()
    assert cpu_seconds(process) == 0
