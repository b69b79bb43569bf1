"""What tests share: a project of their own in a temporary folder."""

import os
from pathlib import Path

import pytest

from pipeline.settings import Settings

SHARED_DATA = Path(__file__).resolve().parents[2] / "shared" / "data"


@pytest.fixture(autouse=True)
def _no_settings_from_outside(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing of whoever runs the tests may reach them."""
    for name in list(os.environ):
        if name.startswith(("MEDLOOM_", "AIRFLOW", "MLFLOW_")):
            monkeypatch.delenv(name)


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings.load({"MEDLOOM_STATE": str(tmp_path / "state" / "tiny")})
