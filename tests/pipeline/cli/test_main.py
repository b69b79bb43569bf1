"""Read-only commands: what they print, and that they create nothing."""

import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from pipeline.base.errors import BadInputError
from pipeline.base.settings import Settings
from pipeline.cli.main import app
from pipeline.ledger.journal import Journal
from pipeline.ledger.ledger import Ledger
from pipeline.local.cleaning import find_leftovers, remove


def invoke(settings: Settings, *arguments: str) -> str:
    result = CliRunner().invoke(app, list(arguments), env=settings.environment())
    if result.exception and not isinstance(result.exception, SystemExit):
        raise result.exception
    return result.output


@pytest.mark.parametrize("command", [("champion", "show"), ("quarantine",), ("clean",), ("run",)])
def test_a_missing_project_is_reported_and_not_created(
    settings: Settings, command: tuple[str, ...]
) -> None:
    with pytest.raises(BadInputError, match="no project"):
        invoke(settings, *command)
    assert not settings.state.exists()


def test_status_of_an_empty_project(settings: Settings) -> None:
    facts = json.loads(invoke(settings, "status", "--json"))
    assert facts["project"] == "tiny"
    assert facts["services"] is None
    assert facts["champion"] is None


def test_doctor_lists_its_checks(settings: Settings) -> None:
    found = {
        check["name"]: check["state"] for check in json.loads(invoke(settings, "doctor", "--json"))
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


def test_clean_removes_only_checkpoints_of_decided_runs(settings: Settings) -> None:
    ledger = Ledger(settings)
    decide(ledger, "decided")
    for key in ("decided", "open"):
        (settings.checkpoints / key).mkdir(parents=True)
        (settings.checkpoints / key / "state.pt").write_bytes(b"x" * 100)
    found = find_leftovers(settings)
    sizes = {item.kind: item.bytes for item in found}
    assert sizes["checkpoints"] == 100
    remove(settings, found)
    assert [folder.name for folder in settings.checkpoints.iterdir()] == ["open"]
    assert Path(settings.ledger).exists()
    assert settings.cache.exists()
