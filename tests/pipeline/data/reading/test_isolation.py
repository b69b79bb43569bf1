"""Functions in isolated processes: a crash costs only one call."""

import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from pipeline.data.reading.isolation import WorkerFailure, run_isolated

_poisoned = False


def act(task: str) -> str:
    """What a task of these tests does in its process."""
    global _poisoned  # noqa: PLW0603 - of the process, which a task may hurt for the next one
    if task.startswith("crash"):
        os.kill(os.getpid(), signal.SIGSEGV)
    if task == "hang":
        time.sleep(600)
    if task == "fill":
        bytearray(64 << 30)
    if task == "poison":
        _poisoned = True
    if task.startswith("next") and _poisoned:
        os.kill(os.getpid(), signal.SIGSEGV)
    if task == "talk":
        os.write(1, b"a name")
        os.write(2, b"a name")
    return task.upper()


def patience(task: str) -> float:
    return 2.0 if task == "hang" else 60.0


def test_answers_come_in_order_and_bad_calls_are_named(capfd: pytest.CaptureFixture[str]) -> None:
    tasks = ["a", "b", "talk", "crash", "c", "hang", "d", "e"]
    answers = list(run_isolated(act, [[task] for task in tasks], 2, patience))
    assert answers == [
        "A",
        "B",
        "TALK",
        WorkerFailure("crashed"),
        "C",
        WorkerFailure("hung"),
        "D",
        "E",
    ]
    said = capfd.readouterr()
    assert "a name" not in said.out + said.err


def test_only_the_bad_call_of_a_bundle_is_lost() -> None:
    tasks = [f"t{number}" for number in range(200)]
    tasks[3], tasks[100], tasks[101], tasks[199] = "crash 1", "hang", "crash 2", "crash 3"
    bundles = [tasks[at : at + 8] for at in range(0, 200, 8)]
    asked = set[str]()

    def seconds(task: str) -> float:
        """Few for the bundle that hangs in any case; what was in it is then done one by one."""
        first = task not in asked
        asked.add(task)
        return 2.0 if task == "hang" or (first and task in bundles[12]) else 60.0

    answers = list(run_isolated(act, bundles, 2, seconds))
    expected: list[str | WorkerFailure] = [task.upper() for task in tasks]
    expected[3], expected[100], expected[101] = (
        WorkerFailure("crashed"),
        WorkerFailure("hung"),
        WorkerFailure("crashed"),
    )
    expected[199] = WorkerFailure("crashed")
    assert answers == expected


def test_a_task_is_not_blamed_for_what_an_earlier_one_did() -> None:
    tasks = ["a", "poison", "next 1", "next 2", "b"]
    answers = list(run_isolated(act, [tasks], 1, patience))
    assert answers == ["A", "POISON", "NEXT 1", "NEXT 2", "B"]


def test_nothing_is_left_running() -> None:
    before = threading.active_count()
    assert list(run_isolated(act, [["a"], ["b"]], 2, patience)) == ["A", "B"]
    assert threading.active_count() <= before + 1  # the queue's feeder thread may still be running


def test_exceptions_of_the_function_are_raised() -> None:
    with pytest.raises(MemoryError):
        list(run_isolated(act, [["a", "fill"]], 2, patience))


@pytest.mark.skipif(sys.platform != "linux", reason="looks at /proc")
def test_workers_exit_when_the_parent_is_killed() -> None:
    code = (
        "import sys; sys.path[:0] = sys.argv[1].split(':')\n"
        "from tests.pipeline.data.reading.test_isolation import act, patience\n"
        "from pipeline.data.reading.isolation import run_isolated\n"
        "import multiprocessing\n"
        "if __name__ == '__main__':\n"
        "    for answer in run_isolated(act, [['a'], ['b'], ['c'], ['hang']], 2, lambda t: 60.0):\n"
        "        if answer == 'C':\n"
        "            print(*(p.pid for p in multiprocessing.active_children()), flush=True)\n"
    )
    parent = subprocess.Popen(
        [sys.executable, "-c", code, ":".join(sys.path)], stdout=subprocess.PIPE, text=True
    )
    assert parent.stdout is not None
    readers = [int(pid) for pid in parent.stdout.readline().split()]
    assert len(readers) == 2
    parent.kill()
    parent.wait()
    # One is idle and one is in the middle of a call.
    deadline = time.monotonic() + 20
    while any(Path(f"/proc/{pid}").exists() for pid in readers):
        assert time.monotonic() < deadline
        time.sleep(0.1)
