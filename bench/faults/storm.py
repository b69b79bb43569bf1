"""A storm of images: many arrive, each with its event, while a retraining is under way.

Airflow folds the events of a run's time into one next run, which knows the payload of one of them.
So nothing may hang on payloads: every image must end in a data revision that a verdict names, in
few runs.
"""

import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from bench.faults.tiny import TinyProject
from pipeline.base.errors import TransientError
from pipeline.base.settings import Settings
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
"""After the one that was under way."""
_FIRST = 6
"""Patients a class that the first run finds: enough for every class in every split."""
_SPREAD = 30.0
"""Seconds over which the events come: most of a tiny run, so that they meet all its tasks."""
_PATIENCE = 1800.0
_ONE_SLICE = PhantomConfig(slices=1)


@dataclass(frozen=True)
class StormTable:
    """What a storm came to.

    Attributes:
        events: how many were emitted, each after new images.
        during: those of them that a run was under way at, or waiting to begin.
        images: that arrived with the events.
        runs: that followed the one that was under way.
        lost: images, by file, in no data revision that a verdict names; none is expected.
    """

    events: int
    during: int
    images: int
    runs: int
    lost: tuple[str, ...]
    seconds: float = field(compare=False)

    @property
    def fine(self) -> bool:
        """Every image was learned, in at most `MOST_RUNS` runs, and there was a run to meet."""
        return not self.lost and 0 < self.runs <= MOST_RUNS and self.during > 0

    @property
    def words(self) -> str:
        """How much came."""
        return f"{self.events} events, {self.images} images"


def storm(project: TinyProject, events: int = 50) -> StormTable:
    """Let images arrive while a run is under way, an event each time, and wait until it is quiet.

    Args:
        project: with or without images; its services are started for the storm if they are down.
        events: how many.

    Raises:
        TransientError: the services do not come up, or are still busy after half an hour.
    """
    project.set({"min_new_images": 1})
    were_up = services.find(project.settings) is not None
    if not were_up:
        _start(project)
    try:
        return _storm(project.settings, events)
    finally:
        if not were_up:
            project.python("-m", "pipeline", "down")


def _start(project: TinyProject) -> None:
    done = project.python("-m", "pipeline", "up")
    if done.returncode:
        raise TransientError(f"the services did not come up: {done.stderr.strip()[-500:]}")


def _storm(settings: Settings, events: int) -> StormTable:
    started, running = time.monotonic(), services.find(settings)
    if running is None:
        raise TransientError(f"the services of {settings.project} ended; see {settings.logs}")
    api = running.airflow()
    _deliver(settings.landing, _FIRST)
    known = {run["dag_run_id"] for run in api.runs(DAG, 100)} | {api.trigger(DAG, {})}
    arrived: list[str] = []
    during = 0
    for _ in range(events):
        time.sleep(_SPREAD / events)
        arrived += _deliver(settings.landing, 1)
        during += api.is_busy(DAG)
        api.emit(LANDING)
    _wait_until_quiet(api)
    return StormTable(
        events=events,
        during=during,
        images=len(arrived),
        runs=sum(run["dag_run_id"] not in known for run in api.runs(DAG, 100)),
        lost=tuple(_unjudged(settings, arrived)),
        seconds=time.monotonic() - started,
    )


def _deliver(landing: Path, patients: int) -> list[str]:
    """Put new patients of every class into the landing zone; returns their files."""
    before = _files(landing)
    # Each patient has an image at least, so that their count is a number that none of them has.
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


def _unjudged(settings: Settings, files: list[str]) -> Iterator[str]:
    """Files whose image no verdict's data revision holds."""
    ledger = Ledger(settings)
    revisions, index = Revisions(ledger), LocalIndex.of(settings)
    images = {entry.file: entry.image_id for entry in index.entries()}
    learned = {r.data for r in Journal(ledger).records if r.action in VERDICTS}
    held = {row.id for commit in learned for row in revisions.rows(commit)}
    for file in files:
        if images.get(index.names.file(file)) not in held:
            yield file
