"""Running DVC: its error messages."""

import subprocess
from pathlib import Path

import pytest
from dvc.config import Config

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


@pytest.mark.parametrize(
    "name", ["a#b", "a,b", "a b", "'a'", '"a"', "'a\"", " a", "[a]", "a;b", "$a", "é", "a=b"]
)
def test_a_place_of_any_name_is_read_as_it_was_written(tmp_path: Path, name: str) -> None:
    (tmp_path / ".dvc").mkdir()
    Dvc(tmp_path, tmp_path / name, f"{tmp_path}/{name}/remote").configure()
    found = Config.load_file(str(tmp_path / ".dvc" / "config.local"))
    assert found["cache"]["dir"] == f"{tmp_path}/{name}/dvc"
    assert found["remote"]["store"]["url"] == f"{tmp_path}/{name}/remote"
    assert (found["core"]["analytics"], found["core"]["check_update"]) == ("false", "false")
