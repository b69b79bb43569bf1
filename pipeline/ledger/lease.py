"""Leases: one lock file for each thing that only one process may work on.

    ingest      the newest data revision: ingest, relabel, withdraw, decisions on the quarantine
    run-<key>   a training: its stages, registering, promoting, comparing, its report
    purge       removing withdrawn images
    show-<id>   and the like: the workspace of one process (`hold_own_lease`)

The lock is an flock, which a kill releases. Its holder writes its identity into the file
(`lease_holder`) and removes it on release. The first line is a new random token: a stage that
outlived its task finds the lock free or another token, and stops
(`pipeline.base.stage_environment.lease_is_ours`).

A process that needs a lease waits for it. It ends the holder in one case only: the holder is an
earlier try of the same task, which the scheduler has given up, on this host and in this pid
namespace. A user's command and a server are never ended.

To avoid deadlocks, `purge` is taken before any other lease, and a process that holds `ingest`,
`run-<key>` or its own lease takes no further one.

Leases work within one host. Containers of one host that share a state folder share its locks. On a
network file system a lock may reach other hosts, may fail (then the lease is refused), or may
succeed on two hosts at once. In the last case the ledger stays correct, since it refuses all but
the first push and a stage stops when it finds another token, but one host may remove the other's
workspace and make its task fail.
"""

import fcntl
import math
import re
import sys
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from pipeline.base.errors import TransientError
from pipeline.base.stage_environment import LEASE_FILE, LEASE_TOKEN
from pipeline.ledger.lease_holder import Holder

_PATIENCE = 600.0
"""Seconds that a user's command or a server waits; a task waits without limit."""
_FIRST_WORD, _NEXT_WORD = 1.0, 60.0
"""Seconds until the first message about waiting, and between further messages."""
_POLL = 0.2

_UNDER_INGEST = ("ingest", "quarantine", "relabel", "withdraw")


@contextmanager
def hold_lease(
    folder: Path, name: str, work: str, *, patience: float | None = None
) -> Iterator[dict[str, str]]:
    """Hold the lease `name`; yields the environment variables with which a stage checks it.

    Waits for the current holder and reports that on standard error. Ends an earlier try of this
    process's task.

    Args:
        folder: folder of the leases.
        name: name of the lease.
        work: what it is held for, in a word, shown to other processes.
        patience: seconds to wait; None: ten minutes, or without limit for an Airflow task.

    Raises:
        TransientError: the lease was not released in time, or the file system has no locks.
    """
    folder.mkdir(parents=True, exist_ok=True)
    file, me = folder / f"{name}.lease", Holder.me(work)
    if patience is None:
        patience = math.inf if me.task else _PATIENCE
    with file.open("a+") as lease:
        _wait(lease, name, me, patience)
        with _recorded(lease, me):
            yield {LEASE_FILE: str(file), LEASE_TOKEN: me.token}


@contextmanager
def hold_own_lease(folder: Path, work: str) -> Iterator[str]:
    """Hold a new lease with a unique name; yields the name, for use as a workspace's name.

    Any number of processes, on any host, can do the same work at once.
    """
    name = f"{work}-{uuid.uuid4().hex[:12]}"
    with hold_lease(folder, name, work):
        try:
            yield name
        finally:
            (folder / f"{name}.lease").unlink(missing_ok=True)


@contextmanager
def hold_if_idle(folder: Path, name: str, work: str) -> Iterator[str]:
    """Hold a lease if it is free; yields "", or the reason why it may be in use."""
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / f"{name}.lease").open("a+") as lease:
        try:
            locked = _try_lock(lease)
        except TransientError as error:
            yield str(error)
            return
        holder, left = _holder(lease), _text(lease)
        if not locked:
            yield f"in use by {holder or 'an unknown process'}"
        elif left and not (holder and holder.is_gone()):
            yield f"it may be in use by {holder or 'another version'}, unknown on this host"
        else:
            with _recorded(lease, Holder.me(work)):
                yield ""


def lease_of(workspace: str) -> str | None:
    """The lease that protects a folder of `Project.workspaces`; None: no known lease."""
    if re.fullmatch(r"[0-9a-f]{16}", workspace):
        return f"run-{workspace}"
    if workspace in _UNDER_INGEST:
        return "ingest"
    own = workspace == "purge" or re.fullmatch(r"[a-z]+-[0-9a-f]{12}", workspace)
    return workspace if own else None


def end_holder(file: Path) -> None:
    """End the holder of a lease and its children, if it is an Airflow task of this host.

    A user's command, a server and processes elsewhere are not ended.
    """
    with file.open("a+") as lease:
        if _try_lock(lease):
            return
        holder = _holder(lease)
    if holder and holder.task:
        holder.end()


def _wait(lease: IO[str], name: str, me: Holder, patience: float) -> None:
    begun, next_word = time.monotonic(), _FIRST_WORD
    while not _try_lock(lease):
        holder, waited = _holder(lease), time.monotonic() - begun
        if holder and me.is_later_try_of(holder) and holder.end():
            _say(f"ended the earlier try: {holder}")
            continue
        if waited >= patience:
            advice = holder.advice if holder else "let it finish"
            raise TransientError(
                f"the lease {name!r} is held by {holder or 'an unknown process'}, which did not "
                f"release it within {patience:.0f} s; {advice}, then repeat the command"
            )
        if waited >= next_word:
            next_word = waited + _NEXT_WORD
            _say(f"waiting for {name!r}, {waited:.0f} s so far: {holder or 'an unknown process'}")
        time.sleep(_POLL)


def _try_lock(lease: IO[str]) -> bool:
    try:
        fcntl.flock(lease, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError as error:
        raise TransientError(
            f"{lease.name} cannot be locked ({error.strerror}): set MEDLOOM_STATE to a folder on a "
            "local disk, or on a file system that supports flock"
        ) from error
    return True


@contextmanager
def _recorded(lease: IO[str], me: Holder) -> Iterator[None]:
    """Write the holder into the locked file, and clear it before the lock is released."""
    lease.truncate(0)
    lease.write(me.text)
    lease.flush()
    try:
        yield
    finally:
        lease.truncate(0)
        # Closing is not enough: a child forked meanwhile would keep the lock.
        fcntl.flock(lease, fcntl.LOCK_UN)


def _holder(lease: IO[str]) -> Holder | None:
    return Holder.read(_text(lease))


def _text(lease: IO[str]) -> str:
    lease.seek(0)
    return lease.read()


def _say(text: str) -> None:
    print(f"medloom: {text}", file=sys.stderr, flush=True)
