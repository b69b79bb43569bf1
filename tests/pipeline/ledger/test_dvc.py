"""Running DVC: its error messages."""

import subprocess
from pathlib import Path

import pytest

from pipeline.base.errors import TransientError
from pipeline.ledger.dvc import Dvc


def test_the_reason_of_a_failed_push_is_reported(tmp_path: Path) -> None:
    work, remote = tmp_path / "work", tmp_path / "remote"
    work.mkdir()
    remote.write_text("a file, where the remote should be")
    subprocess.run(["git", "init", "--quiet"], cwd=work, check=True)
    dvc = Dvc(work, tmp_path / "cache", str(remote))
    dvc.run("init")
    dvc.configure()
    (work / "image").write_bytes(b"pixels")
    dvc.run("add", "image")
    with pytest.raises(TransientError, match=rf"dvc push image\.dvc failed: .*{remote}"):
        dvc.run("push", "image.dvc")
