"""Families that are given images, through the real scheduler: learned, retrained, judged, promoted.

The first training is so short, or so one-sided, that the second, on more images, is surely better.
"""

import json
import os
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import mlflow
import numpy as np
import pytest
import yaml

from bench.faults.storm import DAG
from bench.faults.tiny import TINY
from model.tasks import Task, task_of, work_of
from pipeline.ledger.journal import Journal, Record
from pipeline.ledger.ledger import Ledger
from pipeline.local import services
from pipeline.phantoms.phantom import write_phantom
from pipeline.phantoms.phantom_pairs import MODALITIES, write_pairs
from pipeline.phantoms.phantom_study import PhantomConfig
from pipeline.promotion.gate import Verdict
from pipeline.registry.registry import Registry
from tests.support.in_airflow import Airflow
from tests.support.running import RunningCheckout

pytestmark = [
    pytest.mark.timeout(3600),
    pytest.mark.skipif(
        os.environ.get("MEDLOOM_TEST_LIVE") != "1",
        reason="minutes through the real scheduler: `make test-live` runs it",
    ),
]
NUMBERS = dict(TINY) | {
    "snapshots": 1, "looks": 2, "min_groups": 8, "val_share": 0.1, "test_share": 0.35,
}  # fmt: skip
"""The level of one look is 0.05, that of a usual project 0.005; groups are as many as usual."""
PATIENTS = 6
"""Of each class, that arrive at a time."""
AS_SEEN = PhantomConfig(size=64, slices=3)
"""Pairs of the size that is learned: what resampling does to greys costs a mix of both its MI."""


@dataclass(frozen=True)
class Lesson:
    """What a family learns in this test, and how.

    Attributes:
        family: of the project.
        sections: of params.yaml, for the first training and for the second.
        deliver: puts images of new patients into a landing zone, given the number of those before
            and of new ones, both of each class; returns the files.
    """

    family: str
    sections: tuple[Mapping[str, Any], Mapping[str, Any]]
    deliver: Callable[[Path, int, int], list[Path]]

    @property
    def task(self) -> Task:
        return task_of(self.family)


def phantoms(landing: Path, before: int, more: int) -> list[Path]:
    known = set(landing.glob("*/*.png"))
    write_phantom(landing, more, 0, first_patient=before)
    return sorted(set(landing.glob("*/*.png")) - known)


def pairs(landing: Path, before: int, more: int) -> list[Path]:
    known = set(landing.glob("*/*.png"))
    write_pairs(landing, before + more, 0, "windows", config=AS_SEEN)
    return sorted(set(landing.glob("*/*.png")) - known)


def enlarging(kimg: float) -> dict[str, Any]:
    small = {"factor": 2, "widths": [8], "blocks": 2, "patch": 12, "batch": 8, "critic_width": 4}
    return {"train": {"kimg": kimg, "recipe": small}}


def fusing(gradient: float) -> dict[str, Any]:
    """The more the gradient counts, the more of the first image is taken, and the less SSIM is."""
    preprocess = {"size": 64, "modalities": [*MODALITIES["windows"]]}
    return {"preprocess": preprocess, "train": {"kimg": 6.0, "recipe": {"gradient": gradient}}}


LESSONS = [
    Lesson("enlarge_se", (enlarging(0.04), enlarging(4.0)), phantoms),
    Lesson("fuse_difference", (fusing(0.65), fusing(0.5)), pairs),
]


@pytest.fixture(params=LESSONS, ids=lambda lesson: lesson.family)
def lesson(request: pytest.FixtureRequest) -> Lesson:
    found: Lesson = request.param
    return found


@pytest.fixture
def tiny(tmp_path: Path, lesson: Lesson) -> Iterator[RunningCheckout]:
    made = RunningCheckout.make(tmp_path / "medloom", NUMBERS)
    learn(made, lesson, 0)
    made.medloom("up")
    try:
        yield made
    finally:
        made.medloom("down")
        assert made.processes() == [], "every process that medloom starts ends with it"


@pytest.fixture
def airflow(tiny: RunningCheckout) -> Airflow:
    return Airflow.of(tiny.project)


def test_a_version_is_learned_retrained_judged_and_promoted(
    tiny: RunningCheckout, airflow: Airflow, lesson: Lesson
) -> None:
    landing = tiny.project.landing
    batches = [lesson.deliver(landing, 0, PATIENTS)]
    first = verdict_of_a_run(tiny, airflow)
    assert (first.action, first.version, first.predecessor) == ("promoted", 1, None), first.reason
    assert {f"guard:{bound.quality}" for bound in lesson.task.bounds} == rules(first)

    learn(tiny, lesson, 1)
    batches.append(lesson.deliver(landing, PATIENTS, PATIENTS))
    second = verdict_of_a_run(tiny, airflow)
    assert (second.action, second.version, second.predecessor) == ("promoted", 2, 1), second.reason
    assert second.data != first.data
    judged_by_the_task(second, lesson.task)

    registered(tiny, lesson)
    for number, learned in ((1, batches[:1]), (2, batches)):
        traced(tiny, number, lesson, learned)
    assert versions_with(tiny, batches[0][0]) == [1, 2]
    assert versions_with(tiny, batches[1][0]) == [2]
    found = tiny.told("audit", "verify", "--all")
    broken = [chain for chain in found["chains"] if chain.get("broken")]
    assert (found["whole"], broken) == (True, [])
    assert [one.split(":")[0] for one in found["not_checked"]] == ["signatures"], (
        "none is asked for"
    )


def learn(tiny: RunningCheckout, lesson: Lesson, turn: int) -> None:
    """Write the project's parameters; threads of so small a network would wait for each other."""
    sections = lesson.sections[turn]
    train = {"family": lesson.family, "threads": 1} | sections["train"]
    tiny.project.params_file.parent.mkdir(parents=True, exist_ok=True)
    tiny.project.params_file.write_text(yaml.safe_dump({**sections, "train": train}))


def verdict_of_a_run(tiny: RunningCheckout, airflow: Airflow) -> Record:
    """Retrain once by the scheduler; the record that the gate appended."""
    before = len(Journal(Ledger(tiny.project)).records)
    assert airflow.ended(DAG, airflow.trigger(DAG, {})) == "success"
    (record,) = Journal(Ledger(tiny.project)).records[before:]
    return record


def rules(record: Record) -> set[str]:
    return {one.name for one in verdict(record).rules}


def verdict(record: Record) -> Verdict:
    return Verdict.model_validate_json(json.dumps(record.verdict))


def judged_by_the_task(record: Record, task: Task) -> None:
    """The champion was scored again, and the t test is on the task's score."""
    found = verdict(record)
    assert found.comparison is not None
    assert found.comparison.groups >= NUMBERS["min_groups"]  # type: ignore[operator]
    assert found.comparison.t > found.comparison.t_needed
    (better,) = (one for one in found.rules if one.name == "primary:better")
    assert better.passed
    assert f"{task.score} changes by" in better.says


def registered(tiny: RunningCheckout, lesson: Lesson) -> None:
    """MLflow knows champion and previous, and a consumer gives what the task takes."""
    running = services.find(tiny.project)
    assert running is not None
    registry = Registry(running.mlflow_uri, tiny.project.model)
    assert registry.aliases() == {"champion": 2, "previous": 1}
    spec = registry.output_spec(2)
    assert spec.task == lesson.task.name
    given = work_of(lesson.task).example(spec.given_size)
    model = mlflow.pyfunc.load_model(f"models:/{tiny.project.model}@champion")
    made = model.predict(given)
    assert (made.dtype, made.shape) == (np.uint8, (len(given), spec.image_size, spec.image_size))


def traced(tiny: RunningCheckout, number: int, lesson: Lesson, learned: list[list[Path]]) -> None:
    """A trace names parameters, the verdict, and the files of the run; it counts the images."""
    found: dict[str, Any] = tiny.told("audit", "trace", str(number))
    assert (found["version"], found["missing"]) == (number, [])
    assert found["params"]["train"]["family"] == lesson.family
    ours = lesson.sections[number - 1]["train"]
    assert found["params"]["train"]["kimg"] == ours["kimg"]
    assert found["params"]["train"]["recipe"].items() >= ours["recipe"].items()
    assert found["verdict"]["action"] == "promoted"
    assert {one["path"] for one in found["outputs"]} == {"data/processed", "models", "reports"}
    assert found["seen_images"] == sum(map(len, learned))


def versions_with(tiny: RunningCheckout, file: Path) -> list[int]:
    """The versions that a file of the landing zone was used for."""
    return sorted(use["version"] for use in tiny.told("audit", "uses", str(file))["versions"])
