"""Starting processes that end with this one, and checking that they answer."""

import ctypes
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from pathlib import Path

import psutil
import requests

from pipeline.base.children import child_environment
from pipeline.base.errors import TransientError
from pipeline.base.project import Project

START_SECONDS = 900
"""Time limit for a service to answer after its start, however slow the machine is."""
IDLE_SECONDS = 180
"""Time limit for a service that neither answers nor works."""
_WORK_SECONDS = 1.0  # CPU time that tells a start from a wait
_LOOK_SECONDS = 10  # between looks at it
_PR_SET_PDEATHSIG, _PR_SET_CHILD_SUBREAPER = 1, 36


def spawn(
    project: Project, name: str, *command: str, env: dict[str, str] | None = None
) -> "subprocess.Popen[bytes]":
    """Start a process that logs to logs/<name>.log and ends with this process."""
    project.logs.mkdir(parents=True, exist_ok=True)
    with (project.logs / f"{name}.log").open("ab") as stream:
        return subprocess.Popen(
            command,
            env=env or child_environment(),
            cwd=project.state,
            stdin=subprocess.DEVNULL,
            stdout=stream,
            stderr=stream,
            start_new_session=True,
            preexec_fn=end_with_parent,  # noqa: PLW1509 - the supervisor has one thread
        )


def end_with_parent() -> None:
    """Make the kernel end this process when its parent ends (Linux only)."""
    _prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)


def adopt_orphans() -> None:
    """Become the parent of descendants whose parent ends (Linux only)."""
    _prctl(_PR_SET_CHILD_SUBREAPER, 1)


def free_port() -> int:
    """A loopback port that is free at this moment."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def answers(url: str) -> bool:
    """Whether a GET request succeeds."""
    try:
        return requests.get(url, timeout=10).ok
    except requests.RequestException:
        return False


def wait_until(
    ready: Callable[[], bool],
    what: str,
    processes: "Mapping[str, subprocess.Popen[bytes]]",
    logs: Path,
) -> None:
    """Wait until a service is ready, for as long as its processes live and work.

    On a busy machine a start takes minutes, so a process that uses its CPU time is waited for.

    Args:
        ready: whether it is.
        what: its name, for messages.
        processes: that it consists of, by the name of the log.
        logs: folder of the logs.

    Raises:
        TransientError: a process ended; or the service did no work for `IDLE_SECONDS`, or was not
            ready after `START_SECONDS`.
    """
    begun = worked = time.monotonic()
    spent, named = 0.0, ", ".join(str(logs / f"{name}.log") for name in processes)
    while not ready():
        for name, process in processes.items():
            if (code := process.poll()) is not None and not ready():
                raise TransientError(
                    f"{what} did not start: {name} ended with {code}, see {logs / f'{name}.log'}"
                )
        now = time.monotonic()
        if now - worked > _LOOK_SECONDS:
            cpu = sum(map(cpu_seconds, processes.values()))
            if abs(cpu - spent) >= _WORK_SECONDS:
                spent, worked = cpu, now
        if now - worked > IDLE_SECONDS:
            raise TransientError(
                f"{what} does not answer and has not worked for {IDLE_SECONDS} s, see {named}"
            )
        if now - begun > START_SECONDS:
            raise TransientError(f"{what} did not answer within {START_SECONDS} s, see {named}")
        time.sleep(0.2)


def cpu_seconds(process: "subprocess.Popen[bytes]") -> float:
    """CPU time of a process and its descendants so far; those that ended may be missing."""
    family: Iterable[psutil.Process] = ()
    with suppress(psutil.Error):
        root = psutil.Process(process.pid)
        family = [root, *root.children(recursive=True)]
    spent = 0.0
    for one in family:
        with suppress(psutil.Error):
            spent += sum(one.cpu_times()[:4])  # own and that of children waited for
    return spent


def _prctl(option: int, value: int) -> None:
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(option, value, 0, 0, 0)
