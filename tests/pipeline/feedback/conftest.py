"""A clinic with a champion, made once and copied for each test: a real ingest takes seconds."""

import shutil
from pathlib import Path

import pytest

from pipeline.flow import steps
from tests.support.consenting import Clinic


@pytest.fixture(scope="session")
def _clinic_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("clinic")
    Clinic.make(folder).judge("promoted")
    return folder


@pytest.fixture
def clinic(_clinic_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Clinic:
    """Its version 1 is champion, and nobody has said anything yet."""
    shutil.copytree(_clinic_folder, tmp_path / "clinic", symlinks=True)
    # Eight images are too few for a training, which is not the question here.
    monkeypatch.setattr(steps, "require_feasible", lambda *_, **__: ())
    return Clinic.at(tmp_path / "clinic")
