"""Following a run: what is said when Airflow gives no answer any more."""

from typing import Any, cast

import pytest
from typer.testing import CliRunner

from pipeline.base.errors import BadInputError, TransientError
from pipeline.base.project import Project
from pipeline.base.terminal import Terminal
from pipeline.cli.follow import DAG, follow, going_on
from pipeline.cli.main import app
from pipeline.local import services
from pipeline.local.airflow_api import AirflowApi
from pipeline.local.services import Services


class Silent:
    """An Airflow that stops to answer."""

    patience = None
    is_finished = staticmethod(AirflowApi.is_finished)

    def run(self, dag: str, run_id: str) -> dict[str, Any]:
        raise TransientError(f"no answer about {run_id} of {dag}")

    def find_run(self, dag: str, run_id: str) -> dict[str, Any] | None:
        return {"state": "running"} if run_id == "manual__1" else None


class Nothing:
    def progress(self, task: str) -> dict[str, Any]:
        return {}

    result = progress


def test_giving_up_says_how_to_go_on() -> None:
    api = cast(AirflowApi, Silent())
    with pytest.raises(TransientError, match=r"no answer about manual__1 of retrain.*\. Go on\."):
        follow(api, "manual__1", Nothing(), Terminal(width=80), lambda: "Go on.")


@pytest.mark.parametrize("up", [True, False])
def test_the_commands_that_follow_a_run_again_are_of_its_project(
    project: Project, up: bool
) -> None:
    said = going_on(project, "manual__1", up=up)
    assert "--project tiny run --follow manual__1" in said
    assert ("--project tiny up" in said) != up


@pytest.fixture
def running(project: Project, monkeypatch: pytest.MonkeyPatch) -> Project:
    """Services that are up, with an Airflow that does not answer."""
    project.state.mkdir(parents=True)
    up = Services(1, "m", "a", "admin", "p", ready=True)
    monkeypatch.setattr(services, "find", lambda _: up)
    monkeypatch.setattr(Services, "airflow", lambda _: Silent())
    monkeypatch.setattr(Services, "alive", property(lambda _: True))
    return project


def test_a_run_can_be_followed_again(running: Project) -> None:
    said = CliRunner().invoke(app, ["run", "--follow", "manual__1"], env=running.environment())
    assert isinstance(said.exception, TransientError)
    assert "run --follow manual__1` follows it again" in str(said.exception)


@pytest.mark.parametrize(
    ("words", "why"),
    [
        (["--follow", "manual__2"], f"no run 'manual__2' of {DAG}"),
        (["--follow", "manual__1", "--start", "fresh"], "--start fresh is of a new run"),
    ],
)
def test_what_cannot_be_followed_is_refused(running: Project, words: list[str], why: str) -> None:
    said = CliRunner().invoke(app, ["run", *words], env=running.environment())
    assert isinstance(said.exception, BadInputError)
    assert why in str(said.exception)
