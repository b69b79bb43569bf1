"""Run one step of a retraining, count its external calls, and kill it at a given one.

`python -m bench.faults.victim ingest | plan | stage NAME KEY | register KEY | promote KEY`

External calls have effects outside the process: git commands that write, DVC commands, writes to
the local index, and calls of the registry. Each is logged to the file MEDLOOM_FAULT_LOG.
MEDLOOM_FAULT_AT selects the one to SIGKILL at: `3` is before the third, `3+0.4` is 0.4 s after it
began.
"""

import functools
import json
import os
import signal
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from pipeline.base.dag_run_folder import DagRunFolder
from pipeline.base.errors import run_as_command
from pipeline.base.project import Project
from pipeline.data.landing.index import LocalIndex
from pipeline.flow import steps as flow_steps
from pipeline.ledger.dvc import Dvc
from pipeline.ledger.git import Git
from pipeline.stages.run import run_stage

LOG, AT = "MEDLOOM_FAULT_LOG", "MEDLOOM_FAULT_AT"
_GIT_WRITES = ("clone", "commit", "commit-tree", "fetch", "push")
_REGISTRY_WRITES = ("register", "attach_verdict", "apply")


class Steps:
    """Counts external calls, and kills the process at the selected one."""

    def __init__(self, log: Path, at: str) -> None:
        self.log, self.count = log, 0
        number, _, seconds = at.partition("+")
        self.at, self.seconds = int(number or 0), float(seconds) if seconds else None

    def watch(self, kind: type, method: str, name: Callable[..., str | None]) -> None:
        """Count every call of a method for which `name` returns a name."""
        inner = getattr(kind, method)

        @functools.wraps(inner)
        def watched(itself: Any, *given: Any, **named: Any) -> Any:
            what = name(*given)
            if what is None:
                return inner(itself, *given, **named)
            self.begin()
            started = time.monotonic()
            result = inner(itself, *given, **named)
            line = json.dumps({"step": what, "seconds": time.monotonic() - started})
            with self.log.open("a") as stream:
                stream.write(line + "\n")
            return result

        setattr(kind, method, watched)

    def begin(self) -> None:
        """Count a call; if it is the selected one, kill the process now or after the delay."""
        self.count += 1
        if self.count == self.at and self.seconds is None:
            _end()
        if self.count == self.at and self.seconds is not None:
            timer = threading.Timer(self.seconds, _end)
            timer.daemon = True
            timer.start()


def _end() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def _git_step(*arguments: str) -> str | None:
    return f"git {arguments[0]}" if arguments[0] in _GIT_WRITES else None


def watch_everything(steps: Steps) -> None:
    """Watch all external calls of tasks."""
    steps.watch(Git, "run", _git_step)
    steps.watch(Dvc, "run", lambda *arguments: f"dvc {arguments[0]}")
    steps.watch(LocalIndex, "record", lambda *_: "index")


def _watch_registry(steps: Steps) -> None:
    from pipeline.registry.registry import Registry

    for method in _REGISTRY_WRITES:
        steps.watch(Registry, method, lambda *_, name=method: f"registry {name}")


def main() -> None:
    """Run the step given by the arguments."""
    steps = Steps(Path(os.environ[LOG]), os.environ.get(AT, ""))
    watch_everything(steps)
    project, (action, *more) = Project.load(), sys.argv[1:]
    if action == "ingest":
        print(flow_steps.ingest(project).new)
    elif action == "plan":
        print(flow_steps.plan(project, trigger="manual").run.key)
    elif action == "stage":
        run_stage(project, more[1], more[0], DagRunFolder.of(project, "fault"))
    else:
        from pipeline.promotion.judge import promote, register

        _watch_registry(steps)
        if action == "register":
            print(register(project, more[0]))
        else:
            print(promote(project, more[0], lambda **_: None)[0].action)


if __name__ == "__main__":
    run_as_command(main)
