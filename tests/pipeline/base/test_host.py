"""What a host lacks is told by name, before work starts."""

import os
from pathlib import Path

import pytest

from pipeline.base import host
from pipeline.base.children import HEARTBEAT
from pipeline.base.errors import BadInputError, TransientError
from pipeline.base.host import faults, require_fit, require_supported
from pipeline.base.project import Project


def test_a_fit_host_has_no_faults(project: Project) -> None:
    assert faults(project) == []
    require_fit(project)


@pytest.mark.parametrize("name", ["a?b", "a%20b", "$HOME", "a\\b", "{a}", "a\nb", "a\udcffb"])
def test_a_path_that_a_database_cannot_have_is_refused(tmp_path: Path, name: str) -> None:
    project = Project.load({"MEDLOOM_STATE": str(tmp_path / name / "kidney")})
    with pytest.raises(
        BadInputError, match=r"path: .* contains .*; set MEDLOOM_STATE to"
    ) as raised:
        require_fit(project)
    assert str(raised.value).count("path:") == 1, "what lies inside is not told again"
    str(raised.value).encode()  # it can be printed


@pytest.mark.parametrize("name", ["a b", "a#b", "a,b", "a[1]", "a'b", 'a"b', "é", "a:b", "~"])
def test_any_other_path_is_supported(tmp_path: Path, name: str) -> None:
    assert faults(Project.load({"MEDLOOM_STATE": str(tmp_path / name / "kidney")})) == []


def test_the_ledger_of_another_user_is_refused(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    Path(project.remote).mkdir(parents=True)  # a group may share it
    monkeypatch.setattr("os.geteuid", lambda: os.getuid() + 1)
    assert faults(project) == []
    Path(project.ledger).mkdir()
    with pytest.raises(BadInputError, match=r"owner: .*ledger\.git belongs to .*; run medloom as"):
        require_supported(project)


@pytest.mark.parametrize(("now", "fine"), [(0.0, False), (1e9, False), (1.8e9, True)])
def test_a_clock_that_was_never_set_is_refused(project: Project, now: float, fine: bool) -> None:
    assert [fault.what for fault in faults(project, now)] == ([] if fine else ["clock"])


@pytest.mark.parametrize(
    ("value", "fine"), [("30", True), ("abc", False), ("0", False), ("1.5", False)]
)
def test_the_one_option_of_airflow_is_checked(
    project: Project, monkeypatch: pytest.MonkeyPatch, value: str, fine: bool
) -> None:
    monkeypatch.setenv(HEARTBEAT, value)
    assert [fault.what for fault in faults(project)] == ([] if fine else [HEARTBEAT])


def test_no_room_for_temporary_files_may_pass(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(host, "_TEMPORARY_BYTES", 1 << 60)
    with pytest.raises(TransientError, match=r"temporary files: .* MB left.*set TMPDIR"):
        require_fit(project)
    require_supported(project)  # reading needs none

    def no_place() -> str:
        raise FileNotFoundError(2, "No usable temporary directory found")

    monkeypatch.setattr("tempfile.gettempdir", no_place)
    with pytest.raises(TransientError, match="No usable temporary directory"):
        require_fit(project)
    monkeypatch.setattr("time.time", lambda: 0.0)
    with pytest.raises(BadInputError, match="clock"):  # which does not pass by itself
        require_fit(project)
