"""One row of `medloom bench scale`: a question, at a size, and how long its answer took."""

import json
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from model.section import Stored
from pipeline.base.children import child_environment
from pipeline.base.errors import MedloomError
from pipeline.base.project import PROJECT_ROOT, Project
from pipeline.local.processes import START_SECONDS

Data = Literal["real", "simulated"]
NOTHING_NEW = 99
"""Exit code of a task that found nothing to do."""


class ScaleRow(Stored):
    """What was measured.

    Attributes:
        question: what somebody waits for.
        size: how much there is, in words.
        data: whether medloom made what is read, or this benchmark did.
        seconds: of each round; empty where a size is told and no time.
        told: what came out, such as a number of versions or of megabytes.
    """

    question: str
    size: str
    data: Data
    seconds: tuple[float, ...] = ()
    told: str = ""

    @property
    def median(self) -> float | None:
        """Of all rounds, in seconds; None where no time was taken."""
        return statistics.median(self.seconds) if self.seconds else None


@dataclass(frozen=True)
class Sizes:
    """How much there is.

    Attributes:
        images: of one project, real files in the landing zone, and rows of the synthetic history.
        versions, revisions: of the synthetic history of one project.
        projects: of one Airflow and one MLflow.
        runs: of each project: of two of its DAGs, and in MLflow.
        rounds: of each question.
    """

    images: int = 100_000
    versions: int = 1000
    revisions: int = 100
    projects: int = 50
    runs: int = 1000
    rounds: int = 5


@dataclass(frozen=True)
class Asking:
    """Times questions that are put to data of one size.

    Attributes:
        size: of the data, in words.
        data: real or simulated.
        rounds: of each question.
    """

    size: str
    data: Data
    rounds: int = 1

    def ask(self, question: str, work: Callable[[], Any], rounds: int = 0) -> ScaleRow:
        """Time the rounds of a question; what the last one returns is told as text.

        `rounds` may be fewer, of a question that is a command; 0: all.
        """
        seconds, told = list[float](), None
        for _ in range(min(rounds or self.rounds, self.rounds)):
            started = time.perf_counter()
            told = work()
            seconds.append(time.perf_counter() - started)
        return self.took(question, seconds, "" if told is None else str(told))

    def took(self, question: str, seconds: list[float], told: str = "") -> ScaleRow:
        """A row of what was timed elsewhere."""
        return ScaleRow(
            question=question, size=self.size, data=self.data, seconds=tuple(seconds), told=told
        )


def medloom(project: Project, *words: str) -> str:
    """What a command of medloom prints; a task with nothing to do is no error.

    Raises:
        MedloomError: it failed.
    """
    done = subprocess.run(
        [sys.executable, "-m", "pipeline", *words],
        cwd=PROJECT_ROOT,
        env=command_environment(project),
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode not in (0, NOTHING_NEW):
        said = (done.stdout + done.stderr).strip()[-1500:]
        raise MedloomError(f"medloom {' '.join(words)} ended with {done.returncode}: {said}")
    return done.stdout


def medloom_json(project: Project, *words: str) -> Any:
    """As `medloom`, of a command that prints JSON."""
    return json.loads(medloom(project, *words, "--json"))


def command_environment(project: Project) -> dict[str, str]:
    """Variables of a command of a project, without settings of the caller's own project."""
    named = {k: v for k, v in os.environ.items() if not k.startswith("MEDLOOM_")}
    return child_environment(named) | project.environment()


def wait_for(
    ready: Callable[[], bool], server: "subprocess.Popen[bytes]", what: str, logs: Path
) -> None:
    """Wait until a server answers.

    Raises:
        MedloomError: it ended, or did not answer in time.
    """
    deadline = time.monotonic() + START_SECONDS
    while not ready():
        if server.poll() is not None or time.monotonic() > deadline:
            raise MedloomError(f"{what} did not start, see {logs}")
        time.sleep(0.1)
