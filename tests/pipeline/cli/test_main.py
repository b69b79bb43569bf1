"""Read-only commands: what they print, and that they create nothing."""

import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from pipeline.base.errors import BadInputError
from pipeline.base.project import Project
from pipeline.cli.main import app
from pipeline.ledger.journal import Journal
from pipeline.ledger.ledger import Ledger
from pipeline.local.cleaning import find_leftovers, remove


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
