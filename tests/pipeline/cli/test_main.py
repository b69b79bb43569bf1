"""Read-only commands: what they print, and that they create nothing."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from pipeline.base.children import HEARTBEAT, IGNORED
from pipeline.base.errors import BadInputError, ExitCode
from pipeline.base.project import Project
from pipeline.cli.main import app
from pipeline.flow.steps import ingest
from pipeline.ledger.journal import Journal
from pipeline.ledger.ledger import Ledger
from pipeline.local.cleaning import find_leftovers, remove
from tests.support.pictures import fill


def invoke(project: Project, *arguments: str) -> str:
    result = CliRunner().invoke(app, list(arguments), env=project.environment())
    if result.exception and not isinstance(result.exception, SystemExit):
        raise result.exception
    return result.output


@pytest.mark.parametrize("command", [("champion", "show"), ("quarantine",), ("clean",), ("run",)])
def test_a_missing_project_is_reported_and_not_created(
    project: Project, command: tuple[str, ...]
) -> None:
    with pytest.raises(BadInputError, match="no project"):
        invoke(project, *command)
    assert not project.state.exists()


def test_status_of_an_empty_project(project: Project) -> None:
    facts = json.loads(invoke(project, "status", "--json"))
    assert facts["project"] == "tiny"
    assert facts["services"] is None
    assert facts["champion"] is None


def test_doctor_lists_its_checks(project: Project) -> None:
    found = {
        check["name"]: check["state"] for check in json.loads(invoke(project, "doctor", "--json"))
    }
    for name in ("Python", "git", "torch", "parameters", "state"):
        assert found[name] == "ok", name
    assert found["services"] == "note"


def decide(ledger: Ledger, run_key: str) -> None:
    facts: dict[str, Any] = {
        "action": "rejected", "version": 1, "weights_sha256": "a", "run_key": run_key,
        "data": "d", "predecessor": None, "verdict": {}, "test_set": "t", "by": "gate",
        "reason": "why",
    }  # fmt: skip
    assert Journal(ledger).append(**facts)


def test_clean_removes_only_checkpoints_of_decided_runs(project: Project) -> None:
    ledger = Ledger(project)
    decide(ledger, "decided")
    for key in ("decided", "open"):
        (project.checkpoints / key).mkdir(parents=True)
        (project.checkpoints / key / "state.pt").write_bytes(b"x" * 100)
    found = find_leftovers(project)
    sizes = {item.kind: item.bytes for item in found}
    assert sizes["checkpoints"] == 100
    remove(project, found)
    assert [folder.name for folder in project.checkpoints.iterdir()] == ["open"]
    assert Path(project.ledger).exists()
    assert project.cache.exists()


def doctors_findings(project: Project) -> dict[str, dict[str, str]]:
    return {found["name"]: found for found in json.loads(invoke(project, "doctor", "--json"))}


def test_doctor_names_what_was_ignored_and_who_is_reached_by_a_proxy(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = doctors_findings(project)
    assert (found["variables"]["state"], found["host"]["state"]) == ("ok", "ok")
    assert "proxy" not in found
    monkeypatch.setenv(IGNORED, "GIT_DIR,MLFLOW_TRACKING_URI")
    monkeypatch.setenv("https_proxy", "http://proxy:3128")
    monkeypatch.setenv("MEDLOOM_REMOTE", "https://store/here")
    found = doctors_findings(replace(project, remote="https://store/here"))
    assert found["variables"]["found"] == "ignored: GIT_DIR, MLFLOW_TRACKING_URI"
    assert found["proxy"]["found"].endswith("for the remote")


def test_doctor_names_what_the_next_training_lacks(project: Project, tmp_path: Path) -> None:
    fill(project.landing)
    ingest(project)
    (tmp_path / "file").touch()
    found = doctors_findings(replace(project, patient_key=tmp_path / "file" / "key"))
    assert found["patient key"]["state"] == found["next training"]["state"] == "bad"
    assert "at least 20 images of 2 groups are needed" in found["next training"]["advice"]


def test_a_state_that_is_not_supported_here_is_left_alone(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    project.state.mkdir(parents=True)
    monkeypatch.setenv(HEARTBEAT, "soon")
    found = doctors_findings(project)
    assert found[HEARTBEAT]["state"] == "bad"
    assert found["ledger"]["found"] == found["next training"]["found"] == "not looked at"
    for command in ("status", "clean"):
        with pytest.raises(BadInputError, match="it is 'soon'; set it to whole seconds"):
            invoke(project, command)
    assert list(project.state.iterdir()) == []


@pytest.mark.parametrize(
    ("arguments", "asked"), [([], ""), (["--start=params"], ""), (["--start=champion"], "champion")]
)
def test_the_plan_is_told_what_a_person_asked_it_to_begin_from(
    project: Project, monkeypatch: pytest.MonkeyPatch, arguments: list[str], asked: str
) -> None:
    def plan(_project: Project, *, trigger: str, start: str) -> None:
        raise BadInputError(f"{trigger} begins from {start!r}")

    monkeypatch.setattr("pipeline.flow.steps.plan", plan)
    environment = project.environment()
    result = CliRunner().invoke(app, ["task", "plan", *arguments], env=environment)
    assert result.exit_code == ExitCode.BAD_INPUT
    assert f"manual begins from {asked!r}" in json.loads(result.stdout.splitlines()[-1])["why"]


def test_a_task_that_cannot_write_its_result_says_so(project: Project) -> None:
    project.state.mkdir(parents=True)
    project.runs.write_text("a file, where the folder of the runs should be")
    result = CliRunner().invoke(app, ["task", "plan"], env=project.environment())
    assert result.exit_code == ExitCode.TRANSIENT
    told = json.loads(result.stdout.splitlines()[-1])
    assert (told["task"], told["outcome"]) == ("plan", "failed")
    assert "nothing can be written to" in told["why"]


def test_a_task_works_for_the_project_that_is_named(tmp_path: Path) -> None:
    environment = {"MEDLOOM_HOME": str(tmp_path)}
    result = CliRunner().invoke(app, ["--project", "chest", "task", "plan"], env=environment)
    assert json.loads(result.stdout.splitlines()[-1])["model"] == "medloom-chest"
