"""Backup and restore: equal findings of the audit, and nothing is overwritten."""

import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from pipeline.audit.verify import verify
from pipeline.base.errors import BadInputError
from pipeline.base.project import Project
from pipeline.ledger.ledger import Ledger
from pipeline.ledger.remote_files import FOLDER
from pipeline.ledger.signing import Verifier
from pipeline.local import services
from pipeline.local.backup import Backup, backup, restore
from pipeline.registry.registry import Registry
from tests.support.tiny import Tiny


def no_progress(*_: object) -> None:
    """Ignore progress."""


@pytest.fixture
def elsewhere(tmp_path: Path) -> Project:
    return Project.load({"MEDLOOM_STATE": str(tmp_path / "elsewhere" / "state" / "tiny")})


@pytest.fixture
def made(tiny: Tiny, tmp_path: Path) -> tuple[Path, Backup]:
    file = tmp_path / "backups" / "tiny.tar"
    return file, backup(replace(tiny.project, mlflow_uri=""), file, no_progress)


def test_a_restored_project_verifies_like_the_first(
    tiny: Tiny, made: tuple[Path, Backup], elsewhere: Project
) -> None:
    file, held = made
    restore(file, elsewhere, no_progress)
    assert not (elsewhere.state / "cache").exists()
    keys = [Verifier.load(Path(f"{tiny.project.journal_key}.pub"))]
    before = verify(tiny.ledger, tiny.registry, None, keys, no_progress)
    with services.mlflow(elsewhere) as uri:
        registry = Registry(uri, elsewhere.model)
        after = verify(Ledger(elsewhere), registry, None, keys, no_progress)
    assert after == before
    assert before.whole
    assert after.whole
    assert held.model == tiny.project.model
    assert list(file.parent.iterdir()) == [file], "nothing half-written stays"


def test_the_key_is_not_in_it(tiny: Tiny, made: tuple[Path, Backup]) -> None:
    assert tiny.project.journal_key is not None
    secret = tiny.project.journal_key.read_bytes().splitlines()[1]
    assert secret not in made[0].read_bytes()
    assert any("MEDLOOM_JOURNAL_KEY" in what for what in made[1].left)


def test_files_for_other_hosts_are_not_in_it(tiny: Tiny, made: tuple[Path, Backup]) -> None:
    assert (Path(tiny.project.remote) / FOLDER / "index").exists()
    stored = {name.split("/")[1] for name in made[1].files if name.startswith("remote/")}
    assert stored == {"files"}


def test_nothing_is_overwritten(tiny: Tiny, made: tuple[Path, Backup], elsewhere: Project) -> None:
    with pytest.raises(BadInputError, match="is not overwritten"):
        backup(tiny.project, made[0], no_progress)
    with pytest.raises(BadInputError, match="is not overwritten"):
        restore(made[0], tiny.project, no_progress)
    with pytest.raises(BadInputError, match="MEDLOOM_REMOTE"):
        restore(made[0], replace(elsewhere, remote="/somewhere"), no_progress)
    assert not elsewhere.state.exists()


@pytest.mark.parametrize("at", [0.3, 0.6, 0.9])
def test_a_damaged_backup_makes_no_project(
    made: tuple[Path, Backup], elsewhere: Project, at: float
) -> None:
    content = bytearray(made[0].read_bytes())
    content[int(len(content) * at)] ^= 0xFF
    made[0].write_bytes(content)
    with pytest.raises(BadInputError, match="not a complete backup"):
        restore(made[0], elsewhere, no_progress)
    made[0].write_bytes(content[: len(content) // 2])
    with pytest.raises(BadInputError, match="not a complete backup"):
        restore(made[0], elsewhere, no_progress)
    assert list(elsewhere.state.parent.iterdir()) == []


def test_a_remote_elsewhere_is_named_without_its_password(tiny: Tiny, tmp_path: Path) -> None:
    project = replace(tiny.project, remote="https://me:hidden@host/store")
    held = backup(project, tmp_path / "b.tar", no_progress)
    assert not [name for name in held.files if name.startswith("remote/")]
    assert any("MEDLOOM_REMOTE=https://host/store" in what for what in held.left)
    assert b"hidden" not in (tmp_path / "b.tar").read_bytes()
    shutil.rmtree(tmp_path)
