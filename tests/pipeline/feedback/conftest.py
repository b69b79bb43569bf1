"""A clinic with a champion, made once and copied for each test: a real ingest takes seconds."""

import shutil
from pathlib import Path

import pytest

from pipeline.flow import feasible
from pipeline.flow.feasible import Infeasible
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
    monkeypatch.setattr(feasible, "infeasible", lambda *_: Infeasible((), ()))
    return Clinic.at(tmp_path / "clinic")
