"""What a host must offer before work starts: owner, places, time and room.

Each fault is told by name, with what to do. `medloom doctor` lists all of them.
"""

import os
import pwd
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from pipeline.base.children import HEARTBEAT
from pipeline.base.errors import BadInputError, TransientError
from pipeline.base.project import PROJECT_ROOT, Project

_UNSUPPORTED = "?%$\\{}"
"""Characters that SQLAlchemy, MLflow, Airflow or DVC do not take as part of a path."""
_OLDEST_TIME = 1_748_736_000.0
"""1 June 2025, in seconds since 1970; no clock that is right shows an earlier time."""
_TEMPORARY_BYTES = 64 << 20


@dataclass(frozen=True)
class Fault:
    """A reason why work cannot start on this host.

    Attributes:
        what: the subject, such as `clock`.
        found: what came.
        advice: what to type or change next.
        passes: it may end by itself, so that a later try can succeed.
    """

    what: str
    found: str
    advice: str
    passes: bool = False


def faults(project: Project, now: float | None = None) -> list[Fault]:
    """Every reason why this host cannot work on a project.

    Args:
        project: the project.
        now: seconds since 1970; None: the clock's.
    """
    checks: list[Callable[[Project], Iterator[Fault]]] = [
        _paths, _owners, partial(_clock, now=now), _heartbeat, _temporary,
    ]  # fmt: skip
    return [fault for check in checks for fault in check(project)]


def require_fit(project: Project) -> None:
    """Check the host before work starts.

    Raises:
        BadInputError: something is not supported; the message names all faults.
        TransientError: only what may pass by itself is wrong.
    """
    _refuse(project, faults(project))


def require_supported(project: Project) -> None:
    """Check the host before a command that only reads; what may pass by itself does not matter.

    Raises:
        BadInputError: something is not supported; the message names all faults.
    """
    _refuse(project, [fault for fault in faults(project) if not fault.passes])


def _refuse(project: Project, found: list[Fault]) -> None:
    if found:
        lines = "\n".join(f"  {fault.what}: {fault.found}; {fault.advice}" for fault in found)
        kind = TransientError if all(fault.passes for fault in found) else BadInputError
        raise kind(f"{project.name} cannot be worked on here:\n{lines}")


def nearest_existing(path: Path) -> Path:
    """The path, or the nearest folder above it that exists."""
    return path if path.exists() else nearest_existing(path.parent)


def _places(project: Project) -> dict[str, Path]:
    """The project's own places on this host, by the variable that moves each."""
    named = {"MEDLOOM_STATE": str(project.state), "MEDLOOM_LEDGER": project.ledger,
             "MEDLOOM_REMOTE": project.remote, "MEDLOOM_CACHE": str(project.cache)}  # fmt: skip
    return {name: Path(place) for name, place in named.items() if "://" not in place}


def _paths(project: Project) -> Iterator[Fault]:
    places = {f"set {name} to another folder": str(at) for name, at in _places(project).items()}
    told = set[str]()
    for advice, path in {**places, "move medloom's folder": str(PROJECT_ROOT)}.items():
        wrong = [c for c in _UNSUPPORTED if c in path]
        wrong += [repr(c) for c in sorted({c for c in path if not c.isprintable()})]
        if path == str(PROJECT_ROOT) and os.pathsep in path:
            wrong.append(os.pathsep)
        if wrong and not any(path.startswith(above) for above in told):
            told.add(f"{path}/")
            shown = path if path.isprintable() else repr(path)
            yield Fault("path", f"{shown} contains {' '.join(wrong)}", advice)


def _owners(project: Project) -> Iterator[Fault]:
    """git refuses another user's repository. Other places may be shared by a group."""
    repositories = [project.cache / "ledger-mirror.git"]
    repositories += [Path(project.ledger)] if "://" not in project.ledger else []
    me = os.geteuid()
    for place in repositories:
        if place.exists() and (owner := place.stat().st_uid) != me:
            found = f"{place} belongs to {_user(owner)}, and this is {_user(me)}"
            advice = f"run medloom as {_user(owner)}, or give that user's folders to {_user(me)}"
            yield Fault("owner", found, advice)


def _user(number: int) -> str:
    try:
        return pwd.getpwuid(number).pw_name
    except KeyError:
        return f"user {number}"


def _clock(_project: Project, now: float | None) -> Iterator[Fault]:
    now = time.time() if now is None else now
    if now < _OLDEST_TIME:
        date = time.strftime("%Y-%m-%d", time.gmtime(now))
        yield Fault("clock", f"it shows {date}, which is before this version", "set the clock")


def _heartbeat(_project: Project) -> Iterator[Fault]:
    given = os.environ.get(HEARTBEAT, "60")
    if not (given.isascii() and given.isdecimal() and int(given) > 0):
        yield Fault(HEARTBEAT, f"it is {given!r}", "set it to whole seconds, such as 60")


def _temporary(_project: Project) -> Iterator[Fault]:
    advice = "free room there, or set TMPDIR to a folder that has some"
    try:
        place = tempfile.gettempdir()
        free = shutil.disk_usage(place).free
    except OSError as error:
        yield Fault("temporary files", error.strerror or str(error), advice, passes=True)
        return
    if free < _TEMPORARY_BYTES:
        least = f"{_TEMPORARY_BYTES >> 20} MB are needed"
        found = f"{place} has {free >> 20} MB left, and {least}"
        yield Fault("temporary files", found, advice, passes=True)
