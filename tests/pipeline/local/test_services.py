"""Stopping the services, and recognising the supervisor."""

import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from pipeline.base.errors import BadInputError, TransientError
from pipeline.base.project import Project
from pipeline.ledger.lease_holder import Place
from pipeline.local import services
from pipeline.local.services import Services
from tests.support.leases import TRY, holding


def test_down_ends_a_left_task_and_leaves_a_persons_command_alone(project: Project) -> None:
    with (
        holding(project.leases, "ingest") as person,
        holding(project.leases, "run-k", MEDLOOM_TRY="1", **TRY) as task,
    ):
        person.has_it()
        task.has_it()
        assert not services.down(project)
        assert person.lives
        assert not task.lives
        person.let_go()


@pytest.mark.parametrize("change", [{"pids": "pid:[1]"}, {"host": "elsewhere"}, {}], ids=str)
def test_a_supervisor_of_another_place_is_not_ended(
    project: Project, tmp_path: Path, change: dict[str, str]
) -> None:
    words = ["-c", "import time; time.sleep(60)", "pipeline.local.supervisor"]
    process = subprocess.Popen([sys.executable, *words])
    place = str(Place.here().model_copy(update=change))
    Services(process.pid, "m", "a", "admin", "p", ready=True, place=place).save(
        project.services_file
    )
    try:
        assert (services.find(project) is None) == bool(change)
        assert services.down(project) != bool(change)
        assert (process.poll() is None) == bool(change)
    finally:
        process.kill()
        process.wait()


@pytest.fixture
def elsewhere(project: Project, monkeypatch: pytest.MonkeyPatch) -> list[Services]:
    """A supervisor that writes one state after the other; each is read as often as needed."""
    states: list[Services] = []
    monkeypatch.setattr(services, "find", lambda _: states[0])
    monkeypatch.setattr(services.Services, "load", lambda _: states.pop(0))
    monkeypatch.setattr(services.Services, "alive", property(lambda one: not one.error))
    return states


def test_up_waits_for_the_app_and_says_so(project: Project, elsewhere: list[Services]) -> None:
    starting = Services(1, "m", "a", "admin", "p", ready=True, waiting_for="the app")
    elsewhere += [starting, starting, replace(starting, waiting_for="")]
    said: list[str] = []
    assert not services.up(project, on_wait=said.append).waiting_for
    assert said == ["the app", "the app"]


def test_up_says_why_services_ended_while_it_waited(
    project: Project, elsewhere: list[Services]
) -> None:
    starting = Services(1, "m", "a", "admin", "p", ready=True, waiting_for="the app")
    ended = replace(starting, ready=False, error="scheduler ended with 1")
    elsewhere += [starting, ended, ended]
    with pytest.raises(TransientError, match="did not start: scheduler ended with 1; see"):
        services.up(project)


def test_a_schedulers_task_never_starts_an_mlflow_server(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MEDLOOM_RUN_ID", "manual__1")
    with (
        pytest.raises(BadInputError, match="set MEDLOOM_MLFLOW_URI"),
        services.mlflow(project),
    ):
        pass
    assert not (project.state / "mlflow").exists()
