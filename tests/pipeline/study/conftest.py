"""A project with held-out images, made once; a study of it is a branch, so tests take names."""

from pathlib import Path

import pytest

from pipeline.base.project import Project
from tests.support.studied import studied_project


@pytest.fixture(scope="session")
def studied(tmp_path_factory: pytest.TempPathFactory) -> Project:
    """A project that tests add studies to, of names of their own, and else leave as it is."""
    return studied_project(tmp_path_factory.mktemp("studied"))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path
