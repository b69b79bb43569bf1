"""Time audits on a ledger of many versions."""

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from statistics import median
from typing import TypeVar

from bench.audit_history import SyntheticHistory, make_history
from model.section import Stored
from pipeline.audit.trace import trace
from pipeline.audit.uses import find_uses
from pipeline.base.errors import BadInputError
from pipeline.base.project import Project

Say = Callable[[str, int, int], None]
T = TypeVar("T")
_ROUNDS = 5


class Timing(Stored):
    """Seconds for one question: the median of five calls in this process, and of five commands."""

    question: str
    inside: float
    command: float
    answer: str


class AuditScale(Stored):
    """What was measured.

    Attributes:
        versions, revisions, images: of the history; images in the newest revision.
        made: seconds to make the synthetic history.
        timings: by question.
    """

    versions: int
    revisions: int
    images: int
    made: float
    timings: tuple[Timing, ...]


def audit_scale(versions: int, revisions: int, images: int, say: Say) -> AuditScale:
    """Make a synthetic history and time audits of it.

    Raises:
        BadInputError: fewer images than revisions, or no version.
    """
    if images // revisions < 1 or versions < 1:
        raise BadInputError(f"{images} images are not one for each of {revisions} revisions")
    with tempfile.TemporaryDirectory() as folder:
        project = Project.load({"MEDLOOM_STATE": str(Path(folder) / "state" / "scale")})
        say("making the history", 0, 1)
        made, known = _timed(lambda: make_history(project, versions, revisions, images))
        say("making the history", 1, 1)
        return AuditScale(
            versions=versions,
            revisions=revisions,
            images=images - len(known.withdrawn),
            made=made,
            timings=tuple(_timings(project, known, versions, say)),
        )


def _timings(project: Project, known: SyntheticHistory, versions: int, say: Say) -> list[Timing]:
    uses = {
        "uses of an image": known.images[0],
        "uses of its first digits": known.images[0][:10],
        "uses of a withdrawn image": (known.withdrawn or known.images)[0],
        "uses of a patient": known.patients[0],
        "uses of an unknown image": "0" * 64,
    }
    traces = {"trace of the champion": "champion", "trace of the last version": str(versions)}
    found = []
    for number, (question, asked) in enumerate({**uses, **traces}.items()):
        say("asking", number, len(uses) + len(traces))
        ask_inside = partial(_uses if question in uses else _trace, project, asked)
        ask_outside = partial(_run, project, question.split()[0], asked)
        inside, outside = _median(ask_inside), _median(ask_outside)
        found.append(Timing(question=question, inside=inside, command=outside, answer=ask_inside()))
    return found


def _uses(project: Project, asked: str) -> str:
    answer = find_uses(project, asked)
    return f"{len(answer.revisions)} revisions, {len(answer.versions)} runs"


def _trace(project: Project, asked: str) -> str:
    answer = trace(project, asked)
    return f"version {answer.version}, {answer.data.images} images"


def _run(project: Project, command: str, asked: str) -> None:
    """Run the command, and check that it prints JSON."""
    line = [sys.executable, "-m", "pipeline", "audit", command, asked, "--json"]
    environment = {**os.environ, **project.environment()}
    done = subprocess.run(line, env=environment, capture_output=True, text=True, check=True)
    json.loads(done.stdout)


def _median(work: Callable[[], object]) -> float:
    return median(_timed(work)[0] for _ in range(_ROUNDS))


def _timed(work: Callable[[], T]) -> tuple[float, T]:
    started = time.perf_counter()
    result = work()
    return time.perf_counter() - started, result
