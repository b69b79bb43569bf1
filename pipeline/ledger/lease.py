"""Who works on what: one lock file a run key, held for as long as its task lives.

The lock is an flock, so a kill releases it. The file's first line is a token that each holder
writes anew: a stage that outlived its task finds the lock free or another token, and stops
(`pipeline.base.harness.lease_is_ours`). The second line is the holder's process id, so that the
next try can end an orphaned task before it starts.
"""

import fcntl
import os
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO

import psutil

from pipeline.base.errors import TransientError
from pipeline.base.harness import LEASE_FILE, LEASE_TOKEN


@contextmanager
def hold_lease(folder: Path, name: str) -> Iterator[dict[str, str]]:
    """Hold the lease `name`; yields the variables that a stage needs to check it.

    The newest try wins: a task that still holds the lease was given up by whoever started this
    one, so it is ended first.

    Raises:
        TransientError: the lease could not be had within half a minute.
    """
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / f"{name}.lease"
    with file.open("a+") as lease:
        _lock(lease)
        token = uuid.uuid4().hex
        lease.truncate(0)
        lease.write(f"{token}\n{os.getpid()}\n")
        lease.flush()
        yield {LEASE_FILE: str(file), LEASE_TOKEN: token}


def _lock(lease: IO[str], patience: float = 30.0) -> None:
    deadline = time.monotonic() + patience
    while not _try_lock(lease):
        if time.monotonic() > deadline:
            raise TransientError(f"{lease.name} is still held; `medloom down` ends what holds it")
        _end_recorded(lease)
        time.sleep(0.5)


def _try_lock(lease: IO[str]) -> bool:
    try:
        fcntl.flock(lease, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def end_holder(file: Path) -> None:
    """End the process that holds a lease, with all its children; nothing when it is free."""
    with file.open("a+") as lease:
        if not _try_lock(lease):
            _end_recorded(lease)


def _end_recorded(lease: IO[str]) -> None:
    lease.seek(0)
    lines = lease.read().split("\n")
    if len(lines) > 1 and lines[1].isdigit() and int(lines[1]) != os.getpid():
        end_process_tree(int(lines[1]))


def end_process_tree(pid: int, patience: float = 5.0) -> None:
    """Ask the process and all its descendants to end, then make them."""
    try:
        root = psutil.Process(pid)
        family = [*root.children(recursive=True), root]
    except psutil.NoSuchProcess:
        return
    for process in family:
        with suppress(psutil.NoSuchProcess):
            process.terminate()
    for process in psutil.wait_procs(family, timeout=patience)[1]:
        with suppress(psutil.NoSuchProcess):
            process.kill()
