"""Checkpoints are copied to the remote and from there to other hosts."""

import os
import signal
import subprocess
import sys
import time
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import pytest

from pipeline.base.errors import TransientError
from pipeline.base.project import Project
from pipeline.ledger.remote_files import RemoteFiles, checkpoints_of
from pipeline.stages import checkpoint_sync
from pipeline.stages.checkpoint_sync import synced_checkpoints

TRAINING, KEY = "f00d", "k"


def save(project: Project, seen: int) -> Path:
    folder = project.checkpoints / KEY / TRAINING
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / f"checkpoint-{seen:012d}.pt"
    file.write_text(f"{seen} images")
    return file


def here(project: Project) -> list[str]:
    return sorted(file.name for file in project.checkpoints.glob("*/*/checkpoint-*"))


def there(project: Project) -> list[str]:
    return [name.split("/")[-1] for name in RemoteFiles(project.remote).names(checkpoints_of(KEY))]


@pytest.fixture
def other(project: Project, tmp_path: Path) -> Project:
    """Another host of the same project."""
    return replace(project, state=tmp_path / "other")


def test_checkpoints_of_a_failed_try_are_downloaded_on_another_host(
    project: Project, other: Project
) -> None:
    with suppress(TransientError), synced_checkpoints(project, KEY):
        save(project, 8)
        newest = save(project, 16)
        raise TransientError("the host is shut down")
    assert there(project) == [newest.name]
    with synced_checkpoints(other, KEY):
        assert here(other) == [newest.name]
        assert (other.checkpoints / KEY / TRAINING / newest.name).read_text() == "16 images"
        later = save(other, 24)
    assert there(project) == [later.name], "one is enough"
    with synced_checkpoints(project, KEY):
        assert here(project)[-1] == later.name


def test_an_older_one_is_not_downloaded(project: Project, other: Project) -> None:
    with synced_checkpoints(project, KEY):
        save(project, 8)
    ahead = save(other, 16)
    with synced_checkpoints(other, KEY):
        assert here(other) == [ahead.name]


def test_the_newest_is_uploaded_while_the_stage_runs(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(checkpoint_sync, "_POLL", 0.02)
    with synced_checkpoints(project, KEY):
        first = save(project, 8)
        while there(project) != [first.name]:
            time.sleep(0.01)
        last = save(project, 16)
        time.sleep(0.3)
        assert there(project) == [first.name], "not again within two minutes"
    assert there(project) == [last.name]


def test_uploads_go_on_after_one_that_failed(
    project: Project, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(checkpoint_sync, "_POLL", 0.02)
    monkeypatch.setattr(checkpoint_sync, "SECONDS", 0.02)
    store = Path(project.remote)
    store.parent.mkdir(parents=True)
    with synced_checkpoints(project, KEY):
        store.write_text("no folder")
        file, said = save(project, 8), ""
        while "stays on this host" not in said:
            said += capsys.readouterr().out
        store.unlink()
        while there(project) != [file.name]:
            time.sleep(0.01)


def test_a_remote_that_fails_meanwhile_is_a_warning(
    project: Project, capsys: pytest.CaptureFixture[str]
) -> None:
    with synced_checkpoints(project, KEY):
        save(project, 8)
        Path(project.remote).write_text("no folder")
    assert "stays on this host" in capsys.readouterr().out


TOLD_TO_END = """
import sys, time
from pathlib import Path
from pipeline.base.project import Project
from pipeline.stages.checkpoint_sync import synced_checkpoints
project = Project.load()
folder = project.checkpoints / "k" / "f00d"
with synced_checkpoints(project, "k"):
    folder.mkdir(parents=True)
    (folder / "checkpoint-000000000008.pt").write_text("8 images")
    print("saved", flush=True)
    time.sleep(600)
"""


def test_a_terminated_task_uploads_the_newest_first(project: Project) -> None:
    process = subprocess.Popen(
        [sys.executable, "-c", TOLD_TO_END],
        env=os.environ | project.environment(),
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout
    assert process.stdout.readline() == "saved\n"
    process.send_signal(signal.SIGTERM)
    assert process.wait(timeout=60) == -signal.SIGTERM
    process.stdout.close()
    assert there(project) == ["checkpoint-000000000008.pt"]
