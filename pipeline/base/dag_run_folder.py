"""Where a run of the DAG tells a watcher on this machine what it does and how it ended.

A convenience: no task reads it, as the tasks of a run may each be on another machine.
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
from pipeline.base.settings import Settings


@dataclass(frozen=True)
class DagRunFolder:
    """What one run of the DAG tells whoever watches it: progress and results, a file a task."""

    folder: Path

    @classmethod
    def of(cls, settings: Settings, run_id: str) -> "DagRunFolder":
        """The folder of a DAG run; ids of scheduled runs hold characters that no path should."""
        safe = "".join(c if c.isalnum() or c in "-_." else "-" for c in run_id)
        return cls(settings.runs / safe)

    def progress_file(self, task: str) -> Path:
        """Where a running task says how far it is."""
        return self.folder / f"{task}.progress.json"

    def progress(self, task: str) -> dict[str, Any]:
        """How far a task is, in its own words; empty when it has not said."""
        return _read_json(self.progress_file(task))

    def result(self, task: str) -> dict[str, Any]:
        """What a task ended with; empty when it has not."""
        return _read_json(self.folder / f"{task}.json")

    def save(self, task: str, facts: dict[str, Any]) -> None:
        """Keep a task's result."""
        write_atomically(self.folder / f"{task}.json", json.dumps(facts, indent=2) + "\n")

    @contextmanager
    def recorded(self, task: str) -> Iterator[dict[str, Any]]:
        """Keep what the block puts into the dict, how long it took, and how it failed if it did.

        All of that is in the dict afterwards, too.
        """
        facts: dict[str, Any] = {"task": task}
        started = time.time()
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
