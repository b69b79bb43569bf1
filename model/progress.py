"""The progress of a training: its record so far, and when to report it."""

import dataclasses
import math
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor

from .config import TrainConfig
from .families.base import Generator, Report, Row
from .validation import Judge

PROGRESS_SECONDS = 1.0


@dataclass(frozen=True)
class Progress:
    """The progress of a training; the speed is that of this process, since its start."""

    images_seen: int
    images_total: int
    loss: dict[str, float]
    images_per_second: float
    eta_seconds: float


class Stopped(Exception):  # noqa: N818 - an order that was followed, not an error
    """`should_stop` returned true; nothing was written after that."""


@dataclass
class Record:
    """The training so far; part of the checkpoint.

    Attributes:
        window: what the steps since the last row of `history` reported; `settle` makes numbers of
            it, and everything that reads it calls that first.
    """

    steps: int = 0
    images_seen: int = 0
    seconds: float = 0.0
    done: float = 0.0
    window: list[Report] = field(default_factory=list)
    history: list[Row] = field(default_factory=list)
    grids: dict[int, Tensor] = field(default_factory=dict)
    validations: list[Row] = field(default_factory=list)
    best: dict[str, Tensor] = field(default_factory=dict)
    best_validation: int = 0
    resumed: list[dict[str, Any]] = field(default_factory=list)

    def add(self, report: Report, batch: int) -> None:
        """Count a step; a key missing from its report keeps its last value."""
        last = self.window[-1] if self.window else {}
        self.steps += 1
        self.images_seen += batch
        self.window.append(last | report)

    def settle(self) -> None:
        """Turn the tensors of the window into numbers, all in one transfer from the device.

        Raises:
            FloatingPointError: one is NaN or infinite.
        """
        waiting = [
            (place, key, value)
            for place, report in enumerate(self.window)
            for key, value in report.items()
            if isinstance(value, Tensor)
        ]
        if not waiting:
            return
        numbers = torch.stack([value.float() for _, _, value in waiting]).tolist()
        bad: dict[int, list[str]] = {}
        for (place, key, _), number in zip(waiting, numbers, strict=True):
            self.window[place][key] = number
            if not math.isfinite(number):
                bad.setdefault(place, []).append(key)
        if bad:
            first = min(bad)
            later = len(self.window) - 1 - first
            _refuse(bad[first], self.images_seen - later * (self.images_seen // self.steps))

    def close_window(self) -> None:
        """Average the steps since the last row into a row; the last step opens the next window."""
        self.settle()
        row = {"images_seen": float(self.images_seen)}
        for key in self.window[-1]:
            values = [float(step[key]) for step in self.window if key in step]
            row[key] = math.fsum(values) / len(values)
        self.history.append(row)
        self.window = self.window[-1:]

    def validate(self, average: Generator, judge: Judge) -> None:
        """Judge the averaged generator, and keep its weights if they are the best so far.

        Any generator that has not collapsed is better than one that has.
        """
        judgement = judge(average)
        row = {"images_seen": float(self.images_seen)} | dataclasses.asdict(judgement)
        self.validations.append(row | {"collapsed": float(judgement.collapsed)})

        def merit(index: int) -> tuple[float, float]:
            row = self.validations[index]
            return row["collapsed"], row[judgement.merit]

        latest = len(self.validations) - 1
        if not self.best or merit(latest) < merit(self.best_validation):
            self.best_validation, self.best = latest, copy_of(average)


class Watch:
    """Measures the time, and calls `on_progress` and `should_stop` about once a second."""

    def __init__(
        self,
        config: TrainConfig,
        record: Record,
        on_progress: Callable[[Progress], None] | None,
        should_stop: Callable[[], bool] | None,
    ) -> None:
        self.config, self.record = config, record
        self.on_progress, self.should_stop = on_progress, should_stop
        self.seen_at_start, self.seconds_before = record.images_seen, record.seconds
        self.started = self.told = time.monotonic()

    def seconds(self) -> float:
        """Seconds of training, including those before a resume."""
        return self.seconds_before + time.monotonic() - self.started

    def share_done(self) -> float:
        """Share of the run, 0 to 1: of its images, or of `budget_minutes` if set."""
        if self.config.budget_minutes:
            return min(self.seconds() / (60 * self.config.budget_minutes), 1.0)
        return self.record.images_seen / self.config.images_total

    def look(self) -> None:
        """Call both callbacks if a second has passed or the run is over."""
        now, record = time.monotonic(), self.record
        if now - self.told < PROGRESS_SECONDS and record.done < 1:
            return
        self.told = now
        self.stop_if_told()
        if self.on_progress:
            speed = (record.images_seen - self.seen_at_start) / (now - self.started)
            total = round(record.images_seen / record.done)
            record.settle()
            last = record.window[-1]
            self.on_progress(
                Progress(
                    images_seen=record.images_seen,
                    images_total=total,
                    loss={key: float(last[key]) for key in last if key.startswith("loss")},
                    images_per_second=speed,
                    eta_seconds=(total - record.images_seen) / speed,
                )
            )

    def stop_if_told(self) -> None:
        """Call `should_stop`.

        Raises:
            Stopped: it returned true.
        """
        if self.should_stop and self.should_stop():
            raise Stopped("training was asked to stop")


def _refuse(names: list[str], images_seen: int) -> None:
    raise FloatingPointError(
        f"{', '.join(sorted(names))} became NaN or infinite after {images_seen} images: training "
        "has diverged; halve train.recipe.learning_rate, or double train.recipe.gamma if there is "
        "one"
    )


def copy_of(generator: Generator) -> dict[str, Tensor]:
    """A copy of the weights on the CPU, by name."""
    return {
        name: value.detach().cpu().clone(memory_format=torch.contiguous_format)
        for name, value in generator.state_dict().items()
    }
