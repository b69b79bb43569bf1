"""`medloom monitor`, its tasks, and the line of `medloom status`: words and exit codes."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from pipeline.base.errors import ExitCode
from pipeline.base.project import Project
from pipeline.cli.main import app
from pipeline.ledger.journal import Journal
from pipeline.ledger.ledger import Ledger
from pipeline.monitor import run as runs
from tests.pipeline.cli.test_main import invoke
from tests.support.pictures import put
from tests.support.shown import shown_project


@pytest.fixture(scope="module")
def shown(tmp_path_factory: pytest.TempPathFactory) -> Project:
    project = shown_project(tmp_path_factory.mktemp("shown"))
    put(project.params_file, b"monitor:\n  redraw_images: 1\n")
    return project


@pytest.fixture
def stale(shown: Project, monkeypatch: pytest.MonkeyPatch) -> Project:
    """The project half a year and more later."""
    champion = Journal(Ledger(shown)).champion
    assert champion
    later = datetime.fromisoformat(champion.time) + timedelta(days=181)

    class Later(datetime):
        @classmethod
        def now(cls, tz: object = None) -> datetime:  # type: ignore[override]
            return later.astimezone(UTC)

    monkeypatch.setattr(runs, "datetime", Later)
    return shown


def typed(project: Project, *arguments: str) -> Result:
    return CliRunner().invoke(app, list(arguments), env=project.environment())


def test_a_quiet_run_says_what_it_measured_and_exits_with_0(shown: Project) -> None:
    ran = typed(shown, "monitor")
    assert ran.exit_code == ExitCode.DONE
    for words in ("none", "version 1", "0 of 20", "the champion's data revision is not in"):
        assert words in ran.output
    told = json.loads(invoke(shown, "task", "monitor").splitlines()[-1])
    assert (told["outcome"], told["alarms"]) == ("done", [])
    asked = typed(shown, "task", "alarm", "--record", str(told["record"]))
    assert asked.exit_code == ExitCode.NOTHING_NEW
    assert json.loads(asked.stdout.splitlines()[-1])["why"] == "no alarm is on"
    assert json.loads(invoke(shown, "status", "--json"))["alarms"] == []


def test_an_alarm_exits_with_1_and_fails_no_task(stale: Project) -> None:
    ran = typed(stale, "monitor", "--json")
    assert ran.exit_code == 1
    (alarm,) = json.loads(ran.stdout)["alarms"]
    assert alarm["key"] == "age"
    assert "has been champion for 181 days, and 180 are allowed" in alarm["says"]
    shown = typed(stale, "monitor")
    assert shown.exit_code == 1
    assert "ALARM since" in shown.output
    assert "`medloom run` trains on the newest data" in " ".join(shown.output.split())
    done = typed(stale, "task", "monitor")
    assert done.exit_code == ExitCode.DONE
    told = json.loads(done.stdout.splitlines()[-1])
    assert told["alarms"] == ["age"]
    assert typed(stale, "task", "alarm", "--record", str(told["record"])).exit_code == 0
    missing = typed(stale, "task", "alarm", "--record", "99")
    assert missing.exit_code == ExitCode.BAD_INPUT
    assert "age; `medloom monitor` says more" in " ".join(invoke(stale, "status").split())


def test_a_reason_without_a_redraw_is_refused(shown: Project, tmp_path: Path) -> None:
    put(shown.params_file, b"monitor:\n  redraw_images: 0\n")
    ran = typed(shown, "monitor", "--accept", "a new host")
    assert "monitor.redraw_images is 0" in str(ran.exception)
