"""Leases: held while a task lives, taken over from one that was given up."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from pipeline.base.harness import lease_is_ours
from pipeline.ledger.lease import end_holder, hold_lease

HOLD = """
import sys, time
from pathlib import Path
from pipeline.ledger.lease import hold_lease
with hold_lease(Path(sys.argv[1]), "run-k") as lease:
    print("held", flush=True)
    time.sleep(60)
"""


def start_holder(folder: Path) -> "subprocess.Popen[str]":
    process = subprocess.Popen(
        [sys.executable, "-c", HOLD, str(folder)], stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "held\n"
    return process


def test_a_stage_sees_whether_its_task_lives(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with hold_lease(tmp_path, "run-k") as lease:
        for name, value in lease.items():
            monkeypatch.setenv(name, value)
        assert lease_is_ours()
    assert not lease_is_ours()


def test_a_stage_of_an_older_try_sees_that_it_was_replaced(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with hold_lease(tmp_path, "run-k") as old:
        for name, value in old.items():
            monkeypatch.setenv(name, value)
    with hold_lease(tmp_path, "run-k"):
        assert not lease_is_ours()


def test_a_kill_frees_the_lease(tmp_path: Path) -> None:
    holder = start_holder(tmp_path)
    holder.kill()
    holder.wait()
    started = time.monotonic()
    with hold_lease(tmp_path, "run-k"):
        assert time.monotonic() - started < 1


def test_the_newest_try_ends_the_one_before(tmp_path: Path) -> None:
    holder = start_holder(tmp_path)
    with hold_lease(tmp_path, "run-k"):
        assert not psutil.pid_exists(holder.pid)


def test_a_free_lease_ends_nobody(tmp_path: Path) -> None:
    with hold_lease(tmp_path, "run-k"):
        pass
    file = tmp_path / "run-k.lease"
    bystander = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
    file.write_text(f"token\n{bystander.pid}\n")
    end_holder(file)
    assert bystander.poll() is None
    os.kill(bystander.pid, signal.SIGKILL)
    bystander.wait()


def test_without_a_lease_the_work_is_always_ours() -> None:
    assert lease_is_ours()
