"""The order in which services start, what is said meanwhile, and an app that does not start."""

import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import pytest

from pipeline.base.errors import TransientError
from pipeline.base.project import Project
from pipeline.local import supervisor as module
from pipeline.local.airflow_api import AirflowApi
from pipeline.local.services import Services
from pipeline.local.supervisor import Supervisor

LIVES, ENDS, FAILS = "import time; time.sleep(60)", "", "raise SystemExit(3)"


@pytest.fixture
def started(project: Project, monkeypatch: pytest.MonkeyPatch) -> Iterator[dict[str, Any]]:
    """What each service does instead, by its log's name; after the start, its process."""
    does: dict[str, Any] = {}

    def spawn(_project: Project, name: str, *_command: str, env: Any = None) -> Any:
        code = does.get(name, ENDS if name == "airflow-db" else LIVES)
        does[name] = subprocess.Popen([sys.executable, "-c", code])
        if code == FAILS:
            does[name].wait()
        return does[name]

    monkeypatch.setattr(module, "spawn", spawn)
    monkeypatch.setattr(module, "answers", lambda _: "app" not in does)
    monkeypatch.setattr(AirflowApi, "is_healthy", lambda _: True)
    monkeypatch.setattr(AirflowApi, "has_dags", lambda *_: True)
    monkeypatch.setattr(AirflowApi, "ensure_pool", lambda *_, **__: None)
    project.state.mkdir(parents=True, exist_ok=True)
    yield does
    for process in does.values():
        if isinstance(process, subprocess.Popen):
            process.kill()
            process.wait()


def states(made: Supervisor, monkeypatch: pytest.MonkeyPatch) -> list[tuple[bool, str]]:
    """What `up` can read while the services start: ready, and what is waited for."""
    told: list[tuple[bool, str]] = []
    keep = Services.save

    def save(one: Services, file: Any) -> None:
        told.append((one.ready, one.waiting_for))
        keep(one, file)

    monkeypatch.setattr(Services, "save", save)
    return told


def test_services_are_ready_before_the_app_and_an_app_that_fails_ends_nothing(
    project: Project,
    started: dict[str, Any],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    made = Supervisor(project)
    told = states(made, monkeypatch)
    made._start()
    started["app"] = FAILS
    made._serve_app()
    assert [what for _, what in told if what] == [
        "Airflow's database",
        "MLflow",
        "Airflow",
        "Airflow's DAGs",
        "the app",
    ]
    assert [ready for ready, what in told if what] == [False, False, False, False, True]
    assert told[-1] == (True, "")
    assert made.services.app_uri
    assert "the app did not start: app ended with 3" in capsys.readouterr().out
    made._check_children()


def test_a_service_that_ends_while_the_app_starts_ends_all(
    project: Project, started: dict[str, Any]
) -> None:
    made = Supervisor(project)
    made._start()
    started["scheduler"].kill()
    started["scheduler"].wait()
    started["app"] = LIVES
    made._serve_app()
    with pytest.raises(TransientError, match="scheduler ended with -9"):
        made._check_children()  # as it does from then on


@pytest.mark.parametrize(
    ("name", "why"),
    [("airflow-db", "db migrate` failed"), ("mlflow", "mlflow ended with 3"),
     ("dag-processor", "dag-processor ended with 3")],
)  # fmt: skip
def test_a_service_that_fails_is_named(
    project: Project, started: dict[str, Any], name: str, why: str
) -> None:
    started[name] = FAILS
    with pytest.raises(TransientError, match=why):
        Supervisor(project)._start()
