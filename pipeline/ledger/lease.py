"""Who works on what: one lock file for each thing that only one process may work on.

    ingest      the newest data revision: ingest, relabel, withdraw, quarantine's decisions
    run-<key>   a training: its stages, registering, promoting, comparing, its report
    purge       removing what was withdrawn
    show-<id>   and the like: a workspace that one process alone looks at (`hold_own_lease`)

A lease is waited for. The lock is an flock, so that a kill releases it. What holds it writes down
who it is (`pipeline.ledger.holder`), and takes that away again when it lets go. The first line is
a token that each holder makes anew: a stage that outlived its task finds the lock free or another
token, and stops (`pipeline.base.harness.lease_is_ours`).

Nobody who holds a lease is ended for another's sake, but for one case: an earlier try of the same
task, which its scheduler has given up by starting a later one. It must be a process of this host
and pid namespace. A person's command and a server are never ended.

Order, so that no two wait for each other: `purge` before any other; whoever holds `ingest`,
`run-<key>` or a lease of its own waits for no further one.

Leases are a host's own. Several containers of one host may share a state folder: they share locks,
and wait for each other. On a network file system locks may reach other hosts, or fail (then no
lease is given), or seem to work and reach nobody. In that last case two hosts hold a lease at once:
what they write stays right, as the ledger refuses all but the first push and a stage stops when it
finds another's token, but one may remove the other's workspace and make it fail.
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
from pipeline.base.harness import LEASE_FILE, LEASE_TOKEN
from pipeline.ledger.holder import Holder

_PATIENCE = 600.0
"""Seconds that a person's command or a server waits; a task waits as long as it takes."""
_FIRST_WORD, _NEXT_WORD = 1.0, 60.0
"""Seconds of waiting until it is told, and between two times that it is."""
_POLL = 0.2

_UNDER_INGEST = ("ingest", "quarantine", "relabel", "withdraw")


@contextmanager
def hold_lease(
    folder: Path, name: str, work: str, *, patience: float | None = None
) -> Iterator[dict[str, str]]:
    """Hold the lease `name`; yields the variables that a stage needs to check it.

    Waits for whoever has it, and says so on standard error. An earlier try of the task that this
    process works for is ended.

    Args:
        folder: of the leases.
        name: of the lease.
        work: what it is held for, in a word; others are told.
        patience: seconds to wait; None: ten minutes, or without end for a scheduler's task.

    Raises:
        TransientError: it was not let go in time, or the file system has no locks.
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
    """Hold a lease that nobody else asks for; yields its name, for a workspace to bear.

    As many processes may do the same work at once as there are, also those of several hosts.
    """
    name = f"{work}-{uuid.uuid4().hex[:12]}"
    with hold_lease(folder, name, work):
        try:
            yield name
        finally:
            (folder / f"{name}.lease").unlink(missing_ok=True)


@contextmanager
def hold_if_idle(folder: Path, name: str, work: str) -> Iterator[str]:
    """Hold a lease for the block if it is idle; yields why it may not be, or an empty text."""
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
            yield f"nobody here can tell whether it is in use by {holder or 'another version'}"
        else:
            with _recorded(lease, Holder.me(work)):
                yield ""


def lease_of(workspace: str) -> str | None:
    """The lease under which a folder of `Settings.workspaces` is worked in; None: of none."""
    if re.fullmatch(r"[0-9a-f]{16}", workspace):
        return f"run-{workspace}"
    if workspace in _UNDER_INGEST:
        return "ingest"
    own = workspace == "purge" or re.fullmatch(r"[a-z]+-[0-9a-f]{12}", workspace)
    return workspace if own else None


def end_holder(file: Path) -> None:
    """End what holds a lease, with all its children, if it is a scheduler's task of this place.

    A person's command, a server, and what runs elsewhere are left alone.
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
                f"the lease {name!r} is held by {holder or 'an unknown process'}, and was not let "
                f"go within {patience:.0f} s; {advice}, then type the same again"
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
            f"{lease.name} cannot be locked ({error.strerror}): let MEDLOOM_STATE lie on a disk of "
            "this machine, or on a file system that has flock"
        ) from error
    return True


@contextmanager
def _recorded(lease: IO[str], me: Holder) -> Iterator[None]:
    """Say in the locked file who holds it, and take it back before the lock is released."""
    lease.truncate(0)
    lease.write(me.text)
    lease.flush()
    try:
        yield
    finally:
        lease.truncate(0)
        # Not only by closing: a child that was forked meanwhile would keep the lock.
        fcntl.flock(lease, fcntl.LOCK_UN)


def _holder(lease: IO[str]) -> Holder | None:
    return Holder.read(_text(lease))


def _text(lease: IO[str]) -> str:
    lease.seek(0)
    return lease.read()


def _say(text: str) -> None:
    print(f"medloom: {text}", file=sys.stderr, flush=True)
