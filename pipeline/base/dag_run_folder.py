"""The folder in which a DAG run's tasks report progress and results on this machine.

No task reads it, because the tasks of a DAG run may run on different machines.
"""

import json
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pipeline.base.errors import NothingNewError
from pipeline.base.files import write_atomically
from pipeline.base.project import Project


@dataclass(frozen=True)
class DagRunFolder:
    """Progress and results of one DAG run, one file each per task."""

    folder: Path

    @classmethod
    def of(cls, project: Project, run_id: str) -> "DagRunFolder":
        """The folder of a DAG run; characters of its id that are unsafe in paths become dashes."""
        safe = "".join(c if c.isalnum() or c in "-_." else "-" for c in run_id)
        return cls(project.runs / safe)

    def progress_file(self, task: str) -> Path:
        """The file to which a running task writes its progress."""
        return self.folder / f"{task}.progress.json"

    def progress(self, task: str) -> dict[str, Any]:
        """A task's progress; empty if it has not reported any."""
        return _read_json(self.progress_file(task))

    def result(self, task: str) -> dict[str, Any]:
        """A task's result; empty if it has not ended, or runs again."""
        return _read_json(self.folder / f"{task}.json")

    def save(self, task: str, facts: dict[str, Any]) -> None:
        """Write a task's result."""
        write_atomically(self.folder / f"{task}.json", json.dumps(facts, indent=2) + "\n")

    @contextmanager
    def recorded(self, task: str) -> Iterator[dict[str, Any]]:
        """Save the dict that the block fills, with its outcome, error and duration.

        An earlier result of the task, which a retry or a cleared task has, goes at the start. The
        yielded dict has all of these afterwards.
        """
        facts: dict[str, Any] = {"task": task}
        started = time.time()
        (self.folder / f"{task}.json").unlink(missing_ok=True)
        try:
            yield facts
        except NothingNewError as nothing:
            facts |= {"outcome": "skipped", "why": str(nothing)}
            raise
        except Exception as error:
            facts |= {"outcome": "failed", "why": f"{error}"}
            raise
        else:
            facts["outcome"] = "done"
        finally:
            facts.setdefault("outcome", "ended from outside")
            facts |= {
                "started": started,
                "seconds": round(time.time() - started, 3),
                "tries": int(os.environ.get("MEDLOOM_TRY", "1")),
            }
            self.save(task, facts)


def _read_json(file: Path) -> dict[str, Any]:
    try:
        return dict(json.loads(file.read_text()))
    except FileNotFoundError:
        return {}
