"""No name that comes in with an image leaves a trace, not in the scheduler's logs and databases."""

import json
import os
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from bench.faults.storm import DAG
from bench.faults.tiny import TINY
from tests.support.consenting import content_of
from tests.support.dicoms import SECRET, planted, to_bytes, with_preamble
from tests.support.in_airflow import Airflow
from tests.support.pictures import picture, put
from tests.support.running import RunningCheckout

pytestmark = [
    pytest.mark.timeout(900),
    pytest.mark.skipif(
        os.environ.get("MEDLOOM_TEST_LIVE") != "1",
        reason="minutes through the real scheduler: `make test-live` runs it",
    ),
]
CLASSES = ("cyst", "stone")
NEEDLES = [SECRET.encode(), SECRET.lower().encode(), SECRET.encode("utf-16-le"), b"15470929"]


@pytest.fixture
def tiny(tmp_path: Path) -> Iterator[RunningCheckout]:
    made = replace(
        RunningCheckout.make(tmp_path / "medloom", dict(TINY)),
        variables={"MEDLOOM_PATIENT_KEY_FILE": str(tmp_path / "patient.key")},
    )
    for number in range(80):
        dataset = planted(picture(1000 + number), number)
        dataset.PatientID = f"{SECRET}-{number % 20}"
        data = to_bytes(dataset)
        folder = made.project.landing / CLASSES[number % 2] / SECRET
        put(folder / f"{SECRET}-{number}.dcm", with_preamble(data))
    put(made.project.landing / "cyst" / f"{SECRET}-bad.dcm", b"\0" * 128 + b"DICM" + b"?" * 99)
    made.medloom("up")
    try:
        yield made
    finally:
        made.medloom("down")


def test_no_name_is_in_anything_that_a_retraining_writes(tiny: RunningCheckout) -> None:
    api = Airflow.of(tiny.project)
    run_id = api.trigger(DAG, {})
    api.ended(DAG, run_id)
    states = {task: one["state"] for task, one in api.tasks(DAG, run_id).items()}
    assert (states["ingest"], states["report"]) == ("success", "success"), states
    assert len(json.loads(tiny.medloom("quarantine", "--json"))) == 1
    tiny.medloom("down")
    # A killed or failed task leaves its clone, which holds the code, these needles in it.
    files = [f for f in tiny.state.rglob("*") if f.is_file() and f.suffix != ".py"]
    assert any("airflow" in str(file) and file.suffix == ".log" for file in files)
    assert any(file.name == "airflow.db" for file in files), "tasks' arguments and results"
    for file in files:
        assert SECRET not in str(file.relative_to(tiny.state))
        content = content_of(file)
        assert not any(needle in content for needle in NEEDLES), file
