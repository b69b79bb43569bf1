"""What surrounds a stage when a task runs it: progress, checkpoints, a lease, a feature cache.

A stage stays a pure function of its inputs: nothing in here reaches its result. Without these
environment variables (a bare `dvc repro`) progress goes to the terminal, checkpoints lie under
the user's cache folder, and nobody else can own the work.
"""

import fcntl
import json
import os
from pathlib import Path
from typing import Any

from pipeline.base.files import write_atomically

PROGRESS_FILE = "MEDLOOM_PROGRESS_FILE"
CHECKPOINT_FOLDER = "MEDLOOM_CHECKPOINT_FOLDER"
FEATURE_CACHE = "MEDLOOM_FEATURE_CACHE"
LEASE_FILE = "MEDLOOM_LEASE_FILE"
LEASE_TOKEN = "MEDLOOM_LEASE_TOKEN"  # noqa: S105 - the name of a variable


def report_progress(**facts: Any) -> None:
    """Tell whoever watches how far this stage is; keys are the stage's own, values JSON."""
    if path := os.environ.get(PROGRESS_FILE):
        write_atomically(Path(path), json.dumps(facts) + "\n")
    else:
        print("  ".join(f"{key} {value}" for key, value in facts.items()), flush=True)


def checkpoint_folder(default: Path) -> Path:
    """Where training keeps its checkpoints: outside the workspace, which DVC empties."""
    return Path(os.environ.get(CHECKPOINT_FOLDER) or default)


def feature_cache() -> Path | None:
    """Where features of images are cached by content, if anywhere."""
    path = os.environ.get(FEATURE_CACHE)
    return Path(path) if path else None


def lease_is_ours() -> bool:
    """Whether the task that started this stage still holds the lease on the work.

    The task holds an flock on the lease file for as long as it lives, and writes a token into it.
    A stage whose task was killed finds the lock free; one whose work was handed to a newer try
    finds another token. Either way it must stop and write nothing more.
    """
    path = os.environ.get(LEASE_FILE)
    if not path:
        return True
    try:
        with Path(path).open("r+") as lease:
            if lease.read().split("\n")[0] != os.environ.get(LEASE_TOKEN):
                return False
            try:
                fcntl.flock(lease, fcntl.LOCK_SH | fcntl.LOCK_NB)
            except BlockingIOError:
                return True
            return False
    except FileNotFoundError:
        return False
