"""The page Monitor: before the first run, when all is quiet, and with alarms."""

from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from pipeline.base.project import Project
from tests.app.conftest import page_of
from tests.support.monitored import write_past
from tests.support.shown import empty_project


@pytest.fixture
def quiet(tmp_path: Path) -> Project:
    return empty_project(tmp_path)


def monitor_of(project: Project, monkeypatch: pytest.MonkeyPatch) -> AppTest:
    page = page_of(project, monkeypatch).run()
    page.switch_page("pages/monitor.py").run()
    assert not page.exception
    return page


def test_before_the_first_run_it_says_what_to_type(
    quiet: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    page = monitor_of(quiet, monkeypatch)
    assert page.subheader[-1].value == "Nothing has been measured yet"
    assert "medloom --project shown monitor" in page.code[-1].value
    assert not page.error


def test_alarms_stand_on_top_with_what_to_do(
    quiet: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_past(quiet, 12, ("cyst", "normal", "stone"))
    page = monitor_of(quiet, monkeypatch)
    redraw, drift = (one.value for one in page.error)
    assert redraw.startswith("**redraw**, since 2026-03-23. 1 of 12 images of version 3")
    assert "torch was 2.14 and is 2.15" in redraw
    assert drift.startswith("**drift:stone**, since 2026-03-09. 146 images of stone")
    assert "What to do: look at them" in drift
    metrics = {one.label: one.value for one in page.metric}
    assert metrics["Champion, version 3"] == "77 days"
    assert metrics["Redraw"] == "11 of 12 the same"
    assert metrics["Looks at the test split"] == "2 of 20"
    assert metrics["Drawn on the monitor's host"] == "1551 images"


def test_a_quiet_project_says_so(quiet: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    from pipeline.monitor.run import run_monitor

    run_monitor(quiet)
    page = monitor_of(quiet, monkeypatch)
    assert [one.value for one in page.success] == ["No alarm is on."]
    assert "In the last run there is no champion." in "\n".join(one.value for one in page.caption)
