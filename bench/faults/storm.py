"""A storm of images: many arrive, each with an event, during a retraining.

Airflow combines the events during a run into one next run, which gets the payload of only one of
them. So nothing may depend on payloads: every image must be in a data revision with a verdict,
after few runs.
"""

import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from bench.faults.tiny import TinyCheckout
from pipeline.base.errors import TransientError
from pipeline.base.project import Project
from pipeline.data.landing.index import LocalIndex
from pipeline.data.revise.revision import Revisions
from pipeline.ledger.journal import VERDICTS, Journal
from pipeline.ledger.ledger import Ledger
from pipeline.local import services
from pipeline.phantoms.phantom import PhantomConfig, write_phantom

if TYPE_CHECKING:
    from pipeline.local.airflow_api import AirflowApi

DAG, LANDING = "retrain_generator", "medloom-landing"
MOST_RUNS = 3
"""Runs after the one that was running."""
_FIRST = 6
"""Patients per class in the first run: enough for every class in every split."""
_SPREAD = 30.0
"""Seconds over which the events come: most of a tiny run, so that they overlap all its tasks."""
_PATIENCE = 1800.0
_ONE_SLICE = PhantomConfig(slices=1)


@dataclass(frozen=True)
class StormTable:
    """The result of a storm.

    Attributes:
        events: number emitted, each after new images.
        during: events while a run was running or queued.
        images: number that arrived with the events.
        runs: number of runs after the one that was running.
        lost: images, by file, in no data revision with a verdict; none are expected.
    """

    events: int
    during: int
    images: int
    runs: int
    lost: tuple[str, ...]
    seconds: float = field(compare=False)

    @property
    def fine(self) -> bool:
        """Whether at most `MOST_RUNS` runs trained on all images, and events came during a run."""
        return not self.lost and 0 < self.runs <= MOST_RUNS and self.during > 0

    @property
    def words(self) -> str:
        """The name of this row."""
        return f"{self.events} events, {self.images} images"


def storm(tiny: TinyCheckout, events: int = 50) -> StormTable:
    """Let images arrive during a run, with an event each time, and wait until no run is active.

    Args:
        project: with or without images; its services are started for the storm if they are down.
        events: number of events.

    Raises:
        TransientError: the services do not come up, or are still busy after half an hour.
    """
    tiny.set({"min_new_images": 1})
    were_up = services.find(tiny.project) is not None
    if not were_up:
        _start(tiny)
    try:
        return _storm(tiny.project, events)
    finally:
        if not were_up:
            tiny.python("-m", "pipeline", "down")


def _start(tiny: TinyCheckout) -> None:
    done = tiny.python("-m", "pipeline", "up")
    if done.returncode:
        raise TransientError(f"the services did not come up: {done.stderr.strip()[-500:]}")


def _storm(project: Project, events: int) -> StormTable:
    started, running = time.monotonic(), services.find(project)
    if running is None:
        raise TransientError(f"the services of {project.name} ended; see {project.logs}")
    api = running.airflow()
    _deliver(project.landing, _FIRST)
    known = {run["dag_run_id"] for run in api.runs(DAG, 100)} | {api.trigger(DAG, {})}
    arrived: list[str] = []
    during = 0
    for _ in range(events):
        time.sleep(_SPREAD / events)
        arrived += _deliver(project.landing, 1)
        during += api.is_busy(DAG)
        api.emit(LANDING)
    _wait_until_quiet(api)
    return StormTable(
        events=events,
        during=during,
        images=len(arrived),
        runs=sum(run["dag_run_id"] not in known for run in api.runs(DAG, 100)),
        lost=tuple(_unjudged(project, arrived)),
        seconds=time.monotonic() - started,
    )


def _deliver(landing: Path, patients: int) -> list[str]:
    """Put new patients of every class into the landing zone; returns their files."""
    before = _files(landing)
    # Each patient has at least one image, so the number of files is an unused patient number.
    write_phantom(landing, patients, 0, first_patient=len(before), config=_ONE_SLICE)
    return sorted(_files(landing) - before)


def _files(landing: Path) -> set[str]:
    return {str(file.relative_to(landing)) for file in landing.glob("*/[!.]*.png")}


def _wait_until_quiet(api: "AirflowApi") -> None:
    deadline = time.monotonic() + _PATIENCE
    while api.is_busy(DAG):
        if time.monotonic() > deadline:
            raise TransientError(f"{DAG} still runs after {_PATIENCE:.0f} s")
        time.sleep(1.0)


def _unjudged(project: Project, files: list[str]) -> Iterator[str]:
    """Files whose image is in no data revision with a verdict."""
    ledger = Ledger(project)
    revisions, index = Revisions(ledger), LocalIndex.of(project)
    images = {entry.file: entry.image_id for entry in index.entries()}
    learned = {r.data for r in Journal(ledger).records if r.action in VERDICTS}
    held = {row.id for commit in learned for row in revisions.rows(commit)}
    for file in files:
        if images.get(index.names.file(file)) not in held:
            yield file
