"""The environment of a stage that a task runs: progress, checkpoints, a lease, a feature cache.

None of it affects the stage's result. Without these environment variables (a bare `dvc repro`)
progress goes to the terminal, checkpoints go to the user's cache folder, and no lease is checked.
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
    """Report this stage's progress; keys depend on the stage, values are JSON."""
    if path := os.environ.get(PROGRESS_FILE):
        write_atomically(Path(path), json.dumps(facts) + "\n")
    else:
        print("  ".join(f"{key} {value}" for key, value in facts.items()), flush=True)


def checkpoint_folder(default: Path) -> Path:
    """The folder of training checkpoints, outside the workspace, which DVC empties."""
    return Path(os.environ.get(CHECKPOINT_FOLDER) or default)


def feature_cache() -> Path | None:
    """The folder of the feature cache, keyed by image content; None: no cache."""
    path = os.environ.get(FEATURE_CACHE)
    return Path(path) if path else None


def lease_is_ours() -> bool:
    """Whether the task that started this stage still holds its lease.

    The task keeps an flock on the lease file and writes a token into it. If the task was killed,
    the lock is free; if a newer try took over, the token differs. In both cases the stage must
    stop without writing anything.
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
