"""Feedback's whole way round: readers flag images in the app, the real scheduler plans a training
for it, the gate judges it, and records, command line and app say why.

The first model learns next to nothing, so that the one of the longer training is better. No setting
of the feedback's rules is changed.
"""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
import streamlit as st
from streamlit.testing.v1 import AppTest

from bench.faults.storm import DAG
from bench.faults.tiny import TINY
from pipeline.base.dag_run_folder import DagRunFolder
from pipeline.ledger.journal import Journal
from pipeline.ledger.ledger import Ledger
from pipeline.local import services
from pipeline.registry.registry import Registry
from tests.app.conftest import keyed, page_of
from tests.support.in_airflow import Airflow, wait_for
from tests.support.running import RunningCheckout

pytestmark = [
    pytest.mark.timeout(3600),
    pytest.mark.skipif(
        os.environ.get("MEDLOOM_TEST_LIVE") != "1",
        reason="minutes through the real scheduler: `make test-live` runs it",
    ),
]
WATCH = "watch_landing"
NUMBERS = dict(TINY) | {
    "kimg": 0.04, "warm_up_kimg": 0.4, "snapshots": 1,
    "repeat_margin": 1.0, "looks": 1, "false_promotion": 0.49,
}  # fmt: skip
READERS = ("ann", "bob", "cas")
REASON = "feedback on version 1: stone flawed in 6 of 6"


@pytest.fixture
def tiny(tmp_path: Path) -> Iterator[RunningCheckout]:
    made = RunningCheckout.make(tmp_path / "medloom", NUMBERS)
    made.medloom("bench", "data", "phantom", str(made.project.landing), "--images", "80")
    made.medloom("up")
    try:
        yield made
    finally:
        made.medloom("down")


def test_flags_in_the_app_become_a_new_champion(
    tiny: RunningCheckout, monkeypatch: pytest.MonkeyPatch
) -> None:
    airflow = Airflow.of(tiny.project)
    first = airflow.trigger(DAG, {})
    assert airflow.ended(DAG, first) == "success"
    assert [(one["action"], one["version"]) for one in tiny.history()] == [("promoted", 1)]
    tiny.set({"kimg": 4.0})

    # One account alone starts nothing, whatever the names and the number of its flags.
    flags = [word for number in range(10) for word in ("--index", str(number))]
    for name in READERS:
        said = ("--label", "cyst", *flags, "--tag", "wrong-class", "--by", name)
        tiny.medloom("feedback", "give", *said)
    assert watched(airflow) == "skipped"
    assert tiny.status()["feedback"] is None

    for name in READERS:
        flag_in_the_app(tiny, monkeypatch, name)
    told = words(page(tiny, monkeypatch, "feedback"))
    assert f"{REASON}. A retraining is asked for; the scheduler plans it" in told
    before = {run["dag_run_id"] for run in airflow.runs(DAG, 100)}
    assert watched(airflow) == "success"

    def begun() -> list[str]:
        return [run["dag_run_id"] for run in airflow.runs(DAG, 100)
                if run["dag_run_id"] not in before]  # fmt: skip

    run_id = wait_for(begun, "the retraining")[-1]  # they are listed newest first
    folder = DagRunFolder.of(tiny.project, run_id)
    wait_for(lambda: folder.result("plan").get("outcome"), "the plan")
    key = folder.result("plan")["run"]["key"]
    assert folder.result("plan")["reasons"][0] == REASON
    assert f"Run {key} was planned for it" in words(page(tiny, monkeypatch, "feedback"))
    assert tiny.status()["feedback"]["run"] == key
    assert airflow.ended(DAG, run_id) == "success"
    came_of_it(tiny, monkeypatch, key)
    assert watched(airflow) == "skipped", "what was said is answered"


def came_of_it(tiny: RunningCheckout, monkeypatch: pytest.MonkeyPatch, key: str) -> None:
    """Records, command line and app say that there is a new champion, and why."""
    verdict = Journal(Ledger(tiny.project)).verdict_on(key)
    assert verdict is not None
    assert (verdict.action, verdict.version) == ("promoted", 2), verdict.reason
    assert verdict.details["because"].startswith(REASON)
    running = services.find(tiny.project)
    assert running is not None
    registry = Registry(running.mlflow_uri, tiny.project.model)
    assert registry.tags(2)["medloom.because"] == verdict.details["because"]
    assert registry.aliases()["champion"] == 2
    assert tiny.told("audit", "trace", "2")["because"] == verdict.details["because"]
    status = tiny.status()
    assert (status["champion"]["version"], status["feedback"]["became"]) == (2, 2)
    assert status["champion"]["because"].startswith(REASON)
    led_to = [
        (one["label"], one["led_to"] and one["led_to"]["became"])
        for one in tiny.told("feedback", "list")
    ]
    assert led_to == [("stone", 2)] * 6 + [("cyst", None)] * 30
    assert "version 2 promoted" in tiny.medloom("feedback", "list")
    told = words(page(tiny, monkeypatch, "feedback"))
    assert f"{REASON}. Version 2 was trained for it in run {key}, and promoted" in told
    assert f"Trained because: {REASON}" in words(page(tiny, monkeypatch, "versions"))
    assert "version 2 (champion)" in words(page(tiny, monkeypatch, "generate"))


def watched(airflow: Airflow) -> str:
    """What one run of the watcher of the landing zone came to."""
    run_id = airflow.trigger(WATCH, {})
    assert airflow.ended(WATCH, run_id) == "success"
    return str(wait_for(lambda: airflow.tasks(WATCH, run_id), "its tasks")["watch"]["state"])


def flag_in_the_app(tiny: RunningCheckout, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    """A reader says of two images of stone, each of them seen by nobody else, what is wrong."""
    monkeypatch.setenv("LOGNAME", name)
    for number in range(2):
        shown = page_of(tiny.project, monkeypatch)
        shown.query_params |= {"label": "stone", "view": "One", "image": "0"}
        shown.query_params["seed"] = str(100 * READERS.index(name) + number)
        shown.run()
        keyed(shown.button_group, "opinion-tags").set_value(["artefact"])
        shown.button(key="opinion-flawed").click().run()
        assert not shown.exception
        assert "Recorded: artefact." in [one.value for one in shown.success]


def page(tiny: RunningCheckout, monkeypatch: pytest.MonkeyPatch, name: str) -> AppTest:
    """A page as it is now."""
    st.cache_data.clear()
    shown = page_of(tiny.project, monkeypatch).run()
    if name != "generate":
        shown.switch_page(f"pages/{name}.py").run()
    assert not shown.exception
    assert not [one.value for one in shown.error]
    return shown


def words(shown: AppTest) -> str:
    """What a page says, without the signs that keep it from being formatted."""
    said = [one.value for kind in (shown.info, shown.caption) for one in kind]
    return "\n".join(said).replace("\\", "")
