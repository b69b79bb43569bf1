"""A child process runs the code of the process that starts it, or that of its own workspace."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from pipeline.base.children import child_environment
from pipeline.base.project import PROJECT_ROOT


def test_the_tree_that_runs_comes_first_and_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(["/plugins", str(PROJECT_ROOT), ""]))
    found = child_environment()["PYTHONPATH"].split(os.pathsep)
    assert found == [str(PROJECT_ROOT), "/plugins"]
    monkeypatch.delenv("PYTHONPATH")
    assert child_environment()["PYTHONPATH"] == str(PROJECT_ROOT)


def test_a_workspace_runs_its_own_code(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "pipeline").mkdir()
    (tmp_path / "pipeline" / "__init__.py").touch()
    (tmp_path / "pipeline" / "stage.py").write_text("print('of the workspace')\n")
    monkeypatch.setenv("PYTHONSAFEPATH", "1")  # which would leave the workspace out
    said = subprocess.run(
        [sys.executable, "-m", "pipeline.stage"],
        cwd=tmp_path, env=child_environment(), capture_output=True, text=True, check=True,
    ).stdout  # fmt: skip
    assert said == "of the workspace\n"
