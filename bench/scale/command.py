"""Commands of medloom and servers, as `medloom bench scale` starts them."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from pipeline.base.children import child_environment
from pipeline.base.errors import ExitCode, MedloomError
from pipeline.base.project import PROJECT_ROOT, Project
from pipeline.local.processes import START_SECONDS


def medloom(project: Project, *words: str) -> str:
    """What a command of medloom prints; a task with nothing to do is no error.

    Raises:
        MedloomError: it failed.
    """
    done = subprocess.run(
        [sys.executable, "-m", "pipeline", *words],
        cwd=PROJECT_ROOT,
        env=command_environment(project),
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode not in (ExitCode.DONE, ExitCode.NOTHING_NEW):
        said = (done.stdout + done.stderr).strip()[-1500:]
        raise MedloomError(f"medloom {' '.join(words)} ended with {done.returncode}: {said}")
    return done.stdout


def medloom_json(project: Project, *words: str) -> Any:
    """As `medloom`, of a command that prints JSON."""
    return json.loads(medloom(project, *words, "--json"))


def command_environment(project: Project) -> dict[str, str]:
    """Variables of a command of a project, without settings of the caller's own project."""
    named = {k: v for k, v in os.environ.items() if not k.startswith("MEDLOOM_")}
    return child_environment(named) | project.environment()


def wait_for(
    ready: Callable[[], bool], server: "subprocess.Popen[bytes]", what: str, logs: Path
) -> None:
    """Wait until a server answers.

    Raises:
        MedloomError: it ended, or did not answer in time.
    """
    deadline = time.monotonic() + START_SECONDS
    while not ready():
        if server.poll() is not None or time.monotonic() > deadline:
            raise MedloomError(f"{what} did not start, see {logs}")
        time.sleep(0.1)
