"""Guessing the view of a slice by its outline."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from pipeline.data.config import IngestConfig
from pipeline.data.formats import Pixels
from pipeline.data.manifest import read_manifest
from pipeline.data.reading.views import guess_view
from tests.support.pictures import IngestedFolder, encode, picture, put

SHARED = Path(__file__).parents[5] / "shared" / "data"
ROWS, COLUMNS = np.mgrid[:96, :96] / 96 - 0.5


def shape(body: np.ndarray, seed: int = 0) -> Pixels:
    texture = picture(seed, 96).astype(float) / 4 + 90
    return np.where(body, texture, 0).astype(np.uint8)


ACROSS = (ROWS / 0.3) ** 2 + (COLUMNS / 0.42) ** 2 < 1
UPRIGHT = np.abs(COLUMNS) < 0.28 + 0.05 * np.cos(ROWS * 9)
LYING = np.abs(ROWS) < 0.2


@pytest.mark.parametrize(
    ("body", "view"),
    [(ACROSS, "axial"), (UPRIGHT, "coronal"), (LYING, "unknown"), (ROWS > 9, "unknown")],
)
def test_outlines(body: np.ndarray, view: str) -> None:
    assert guess_view(shape(body)) == view
    assert guess_view(shape(body).astype(np.uint16) * 200) == view


def test_views_are_guessed_only_when_unknown(tmp_path: Path) -> None:
    project = IngestedFolder(tmp_path, IngestConfig(guess_views=True, allow_missing=True))
    put(project.landing / "cyst" / "a.png", encode(shape(ACROSS, 1)))
    put(project.landing / "cyst" / "b.png", encode(shape(UPRIGHT, 2)))
    put(project.landing / "cyst" / "c.png", encode(shape(UPRIGHT, 3)))
    put(project.landing / "medloom.csv", b"file,view\ncyst/c.png,oblique\n")
    project.ingest()
    views = sorted(row.view for row in read_manifest(project.workspace))
    assert views == ["axial", "coronal", "oblique"]


@pytest.mark.skipif(not SHARED.is_dir(), reason="real images are not beside this checkout")
def test_axial_slices_of_many_patients() -> None:
    files = sorted((SHARED / "kidney-ct").rglob("*.png"))[::20]
    views = [guess_view(np.asarray(Image.open(file).convert("L"))) for file in files]
    assert views.count("axial") > 0.98 * len(views)
    assert "coronal" not in views
