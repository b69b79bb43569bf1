"""Airflow finds medloom by MEDLOOM_COMMAND, or in its own environment."""

import importlib.util
import sys

import pytest

from medloom_airflow.command import NoCommandError, medloom
from medloom_airflow.projects import AirflowProject


def test_the_setting_is_a_command_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MEDLOOM_COMMAND", "env -u PYTHONPATH '/opt/med loom/bin/medloom'")
    words = ["env", "-u", "PYTHONPATH", "/opt/med loom/bin/medloom"]
    assert medloom(AirflowProject(), "task", "plan") == [*words, "task", "plan"]


def test_a_project_has_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MEDLOOM_COMMAND", "/opt/medloom")
    project = AirflowProject("kidney", command="docker run medloom")
    assert medloom(project, "status") == ["docker", "run", "medloom", "status"]


def test_without_it_medloom_beside_airflow_is_run() -> None:
    assert medloom(AirflowProject(), "task", "plan") == [
        sys.executable,
        "-m",
        "medloom",
        "task",
        "plan",
    ]


def test_a_folder_that_is_called_medloom_is_no_medloom(monkeypatch: pytest.MonkeyPatch) -> None:
    for found in (None, importlib.util.spec_from_loader("medloom", None)):
        monkeypatch.setattr("medloom_airflow.command.find_spec", lambda _, found=found: found)
        with pytest.raises(NoCommandError, match="MEDLOOM_COMMAND=/opt"):
            medloom(AirflowProject(), "task", "plan")
