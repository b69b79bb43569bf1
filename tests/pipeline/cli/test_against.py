"""`medloom demo --against`: a run in a deployment, whose Airflow is a double here."""

import functools
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

import pytest

from pipeline.base import code as code_module
from pipeline.base.errors import BadInputError
from pipeline.base.project import Project
from pipeline.base.terminal import Terminal
from pipeline.cli.against import SHARED, NewsFromAfar, run_against
from pipeline.cli.follow import TASKS
from pipeline.data.branch import declare_data, is_phantom
from pipeline.ledger.ledger import CODE
from pipeline.ledger.project_params import ProjectParams
from pipeline.local.airflow_api import PASSWORD, TOKEN, USER, AirflowApi
from tests.support.decisions import Story

URI = "http://airflow.example.org"
LOG_IN = {USER: "ada", PASSWORD: "secret"}


@dataclass
class Deployment:
    """An Airflow with workers that do their tasks as soon as a DAG is triggered."""

    story: Story
    dags: dict[str, bool] = field(default_factory=lambda: {"retrain_generator__tiny": False})
    state: str = "success"
    asked: list[str] = field(default_factory=list)
    results: dict[str, dict[str, Any]] = field(default_factory=dict)

    def find_dag(self, dag: str) -> dict[str, Any] | None:
        return {"is_paused": self.dags[dag]} if dag in self.dags else None

    def trigger(self, dag: str, conf: Mapping[str, Any]) -> str:
        assert not conf
        self.asked.append(dag)
        if self.state == "success":
            record = self.story.verdict("promoted", 1)
            self.results["promote"] = {"record": record.sequence, "outcome": "done"}
        return "manual__1"

    def run(self, dag: str, run_id: str) -> dict[str, Any]:
        return {"dag_id": dag, "dag_run_id": run_id, "state": self.state}

    def tasks(self, dag: str, run_id: str) -> dict[str, Any]:
        return {task: {"state": self.state, "start_date": None, "end_date": None} for task in TASKS}

    def result(self, dag: str, run_id: str, task: str) -> dict[str, Any]:
        return self.results.get(task, {})

    is_finished = staticmethod(AirflowApi.is_finished)
    uri = URI


_hashed = functools.cache(code_module.behaviour_hash)
_imported = functools.cache(code_module._imports)


@pytest.fixture
def deployment(project: Project, monkeypatch: pytest.MonkeyPatch) -> Deployment:
    # The code is described anew for each test, but each source of it is parsed once for all.
    monkeypatch.setattr(code_module, "behaviour_hash", _hashed)
    monkeypatch.setattr(code_module, "_imports", _imported)
    made = Deployment(Story(project))
    monkeypatch.setattr(AirflowApi, "of_environment", lambda *_: made)
    return made


def demo(project: Project, **environ: str) -> tuple[int, str]:
    console = Terminal(width=200)
    told = dict.fromkeys(SHARED, "as the workers have it") | LOG_IN | environ
    with console.capture() as captured:
        code = run_against(project, URI, 1, console, told)
    return code, captured.get()


def test_the_run_is_followed_to_its_verdict(project: Project, deployment: Deployment) -> None:
    code, said = demo(project)
    assert code == 0
    assert deployment.asked == ["retrain_generator__tiny"]
    assert len(list(project.landing.rglob("*.png"))) >= 12
    assert is_phantom(deployment.story.ledger)
    for words in (
        "promoted: ",
        "medloom-tiny 1 @champion",
        f"{URI}/dags/retrain_generator__tiny/runs/manual__1",
        "/#/models/medloom-tiny/versions/1",
    ):  # fmt: skip
        assert words in said
    assert "secret" not in said


def test_workers_get_the_demos_parameters_by_the_ledger(
    project: Project, deployment: Deployment, tmp_path: Path
) -> None:
    demo(project)
    assert deployment.story.ledger.head(CODE)
    worker = Project.load({"MEDLOOM_STATE": str(tmp_path / "w"), "MEDLOOM_LEDGER": project.ledger})
    assert ProjectParams.of(worker).changed == ProjectParams.of(project).changed != {}


def test_parameters_of_this_machine_reach_the_workers_too(
    project: Project, deployment: Deployment, tmp_path: Path
) -> None:
    project.params_file.write_text("train: {kimg: 3.0}")
    demo(project)
    worker = Project.load({"MEDLOOM_STATE": str(tmp_path / "w"), "MEDLOOM_LEDGER": project.ledger})
    assert ProjectParams.of(worker).changed == {"train.kimg": (24.0, 3.0)}


def test_a_failed_run_is_told_by_the_exit_code(project: Project, deployment: Deployment) -> None:
    deployment.state = "failed"
    deployment.results["train"] = {"outcome": "failed", "why": "no room"}
    code, said = demo(project)
    assert code == 1
    assert "train failed" in said
    assert "no room" in said


def test_an_airflow_of_one_project_has_a_dag_without_its_name(
    project: Project, deployment: Deployment
) -> None:
    deployment.dags = {"retrain_generator": False}
    assert demo(project)[0] == 0
    assert deployment.asked == ["retrain_generator"]


def test_a_failed_try_is_not_the_last_word(deployment: Deployment) -> None:
    news = NewsFromAfar(cast(AirflowApi, deployment), "dag", "run")
    assert news.result("register") == {}
    for told in ({"outcome": "failed", "why": "gone"}, {"outcome": "done", "version": 1}):
        deployment.results["register"] = told
        assert news.result("register") == told
    del deployment.results["register"]
    assert news.result("register")["version"] == 1


@pytest.mark.parametrize("name", SHARED)
def test_settings_that_workers_have_must_be_here(
    project: Project, deployment: Deployment, name: str
) -> None:
    with pytest.raises(BadInputError, match=f"{name} must be set.*docker compose run --rm medloom"):
        demo(project, **{name: ""})
    assert not deployment.asked


def test_a_project_that_airflow_does_not_know_is_named(
    project: Project, deployment: Deployment
) -> None:
    deployment.dags = {"retrain_generator__other": False}
    with pytest.raises(BadInputError, match="no DAG retrain_generator__tiny or retrain_generator"):
        demo(project)
    assert not project.landing.exists()


def test_a_paused_dag_would_wait_for_ever(project: Project, deployment: Deployment) -> None:
    deployment.dags = {"retrain_generator__tiny": True}
    with pytest.raises(BadInputError, match="airflow dags unpause retrain_generator__tiny"):
        demo(project)


def test_phantoms_never_join_patients(project: Project, deployment: Deployment) -> None:
    declare_data(project, phantom=False)
    with pytest.raises(BadInputError, match="holds images of patients"):
        demo(project)
    assert not deployment.asked


def test_a_log_in_is_needed_and_its_secrets_are_not_shown() -> None:
    with pytest.raises(BadInputError, match=f"set {USER} and {PASSWORD}, or {TOKEN}"):
        AirflowApi.of_environment(URI, {USER: "ada"})
    for environ in (LOG_IN, {TOKEN: "secret"}):
        assert "secret" not in repr(AirflowApi.of_environment(f"{URI}/", environ))
    assert AirflowApi.of_environment(f"{URI}/", LOG_IN).uri == URI
