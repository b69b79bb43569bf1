"""Starting processes that end with this one, and checking that they answer."""

import ctypes
import signal
import socket
import subprocess
import sys

import requests

from pipeline.base.children import child_environment
from pipeline.base.project import Project

START_SECONDS = 180
"""Time limit for a service to answer after its start."""
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
        return requests.get(url, timeout=2).ok
    except requests.RequestException:
        return False


def _prctl(option: int, value: int) -> None:
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(option, value, 0, 0, 0)
