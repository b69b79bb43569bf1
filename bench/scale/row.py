"""One row of `medloom bench scale`: a question, at a size, and how long its answer took."""

import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

from model.section import Stored

Data = Literal["real", "simulated"]


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
