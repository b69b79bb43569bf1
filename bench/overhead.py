"""Measure the overhead of scheduler, versioning and registry over the bare stages.

A demo runs in a temporary project with the real scheduler, then a run with nothing new, then the
bare stages in a clone, then a backup and a restore.
"""

import json
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench.faults.tiny import TinyCheckout
from model.section import Stored
from pipeline.base.dag_run_folder import DagRunFolder
from pipeline.base.errors import MedloomError
from pipeline.base.project import Project
from pipeline.cli.follow import TASKS
from pipeline.data.reading.readers import READERS
from pipeline.ledger.ledger import STAGES
from pipeline.ledger.project_params import ProjectParams

MOST_OVERHEAD, MOST_IDLE = 60.0, 30.0
"""Promised limits, seconds."""

Say = Callable[[str], None]


class Overhead(Stored):
    """What was measured, in seconds of wall-clock time.

    Attributes:
        images: real images of the project.
        kimg: length of the training.
        services_up, services_down: Airflow and MLflow; not part of a run.
        run: from the request of a retraining to its end.
        tasks: seconds of each task of it, by its own record.
        bare: ingest and the stages without scheduler, DVC, ledger and registry.
        nothing_new: a run that finds nothing to do.
        backup, restore: of the project, by their commands.
        megabytes: size of the backup.
        same: whether `audit verify --all` passes with the same output on the project and the
            restored one.
    """

    images: int
    kimg: float
    services_up: float
    services_down: float
    run: float
    tasks: dict[str, float]
    bare: dict[str, float]
    nothing_new: float
    backup: float
    restore: float
    megabytes: float
    same: bool

    @property
    def overhead(self) -> float:
        """Seconds of a run in addition to its bare stages."""
        return self.run - sum(self.bare.values())

    @property
    def fine(self) -> bool:
        """Whether all promises were kept."""
        return self.overhead <= MOST_OVERHEAD and self.nothing_new <= MOST_IDLE and self.same


@dataclass(frozen=True)
class _Timed:
    tiny: TinyCheckout

    def medloom(self, *arguments: str, **more: str) -> tuple[float, str]:
        """Run a command; returns seconds and what it printed."""
        started = time.monotonic()
        done = self.tiny.python("-m", "pipeline", *arguments, **more)
        if done.returncode:
            words = (done.stdout + done.stderr).strip()[-1500:]
            raise MedloomError(
                f"medloom {' '.join(arguments)} ended with {done.returncode}: {words}"
            )
        return time.monotonic() - started, done.stdout


def measure_overhead(folder: Path, images: int, kimg: float, say: Say) -> Overhead:
    """Run all measurements in a folder that is empty or missing.

    Args:
        folder: for the project and its clone.
        images: phantom images, classes in equal shares.
        kimg: length of the training; it does not change the overhead.
        say: called with the next activity.

    Raises:
        MedloomError: a command failed.
    """
    tiny = TinyCheckout.make(folder / "medloom", {"kimg": kimg})
    timed, landing = _Timed(tiny), tiny.project.landing
    timed.medloom("bench", "data", "phantom", str(landing), "--images", str(images))
    say("starting services")
    services_up, _ = timed.medloom("up")
    try:
        say("a retraining")
        run, told = timed.medloom("run", "--wait", "--json")
        records = _tasks(tiny, json.loads(told)["run_id"])
        say("nothing new")
        nothing_new, _ = timed.medloom("run", "--wait", "--json")
    finally:
        say("ending services")
        services_down, _ = timed.medloom("down")
    say("the bare stages")
    bare = _bare(timed, folder / "clone")
    say("backup and restore")
    file = folder / "backup.tar"
    backup, _ = timed.medloom("backup", str(file))
    restored = {"MEDLOOM_STATE": str(folder / "restored" / "state" / "phantom")}
    restored |= dict.fromkeys(("MEDLOOM_LEDGER", "MEDLOOM_REMOTE", "MEDLOOM_CACHE"), "")
    restore, _ = timed.medloom("restore", str(file), **restored)
    say("verifying both")
    here, there = _verified(timed), _verified(timed, **restored)
    return Overhead(
        images=sum(1 for _ in landing.glob("*/[!.]*.png")),
        kimg=kimg,
        services_up=services_up,
        services_down=services_down,
        run=run,
        tasks=records,
        bare=bare,
        nothing_new=nothing_new,
        backup=backup,
        restore=restore,
        megabytes=file.stat().st_size / 1e6,
        same=here == there,
    )


def _tasks(tiny: TinyCheckout, run_id: str) -> dict[str, float]:
    """Seconds of each task of a run, in the order of the road."""
    folder = DagRunFolder.of(tiny.project, run_id)
    results = {task: folder.result(task) for task in TASKS}
    return {task: float(told["seconds"]) for task, told in results.items() if "seconds" in told}


def _bare(timed: _Timed, clone: Path) -> dict[str, float]:
    """Seconds of reading the landing zone, and of each stage's module in a clone of the data."""
    timed.medloom("checkout", str(clone))
    landing, empty = timed.tiny.project.landing, clone.with_name("empty")
    read = f"from {__name__} import read_images; read_images({str(landing)!r}, {str(empty)!r})"
    commands = {"ingest": ["-c", read]}
    commands |= {stage: ["-m", f"pipeline.stages.{stage}"] for stage in STAGES}
    return {name: _seconds_of(timed.tiny, clone, command) for name, command in commands.items()}


def _seconds_of(tiny: TinyCheckout, clone: Path, command: list[str]) -> float:
    started = time.monotonic()
    done = subprocess.run(
        [sys.executable, *command],
        cwd=clone,
        env={**tiny.environment, "PYTHONPATH": str(clone)},
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        words = done.stderr.strip()[-1500:]
        raise MedloomError(f"{' '.join(command)} ended with {done.returncode}: {words}")
    return time.monotonic() - started


def read_images(landing: str, workspace: str) -> None:
    """Ingest into a folder, without ledger and DVC."""
    from pipeline.data.config import IngestConfig
    from pipeline.data.ingest.run import ingest
    from pipeline.data.landing.index import LocalIndex
    from pipeline.data.names import Pseudonyms

    folder = Path(workspace)
    folder.mkdir()
    names = Pseudonyms(b"of a benchmark, which are nobody's")
    index = LocalIndex(folder / "index.sqlite", names)
    config = ProjectParams.of(Project.load()).section("ingest", IngestConfig)
    ingest(Path(landing), folder, index, config, workers=READERS)


def _verified(timed: _Timed, **more: str) -> Any:
    """The output of `audit verify --all`, which fails if a chain is broken."""
    _, told = timed.medloom("audit", "verify", "--all", "--json", **more)
    return json.loads(told)
