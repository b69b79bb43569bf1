"""Pictures: deterministic bytes and no metadata, for any columns of the history."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from pipeline.evaluation.figures import draw_curves, draw_grids, draw_nearest


def test_pictures_have_the_same_bytes_and_no_metadata(tmp_path: Path) -> None:
    history = tmp_path / "history.csv"
    history.write_text("images_seen,a,b,c,d\n0,1,2,3,4\n1,2,3,4,5\n2,3,5,6,7\n")
    pixels = np.random.default_rng(0).integers(0, 255, (6, 64, 64), dtype=np.uint8)
    for name in ("a", "b"):
        draw_curves([history], tmp_path / f"curves-{name}.png")
        draw_nearest(tmp_path / f"near-{name}.png", pixels[:3], pixels[3:], np.array([0.9, 0.8, 0]))
    for kind in ("curves", "near"):
        first, second = (tmp_path / f"{kind}-{name}.png" for name in ("a", "b"))
        assert first.read_bytes() == second.read_bytes()
        with Image.open(first) as image:
            assert set(image.info) <= {"dpi"}


@pytest.mark.parametrize(
    "text", ["", "images_seen,loss\n", "images_seen,loss\n1,2\n", "a,b\n1,2\n"]
)
def test_no_history_no_curves(text: str, tmp_path: Path) -> None:
    (tmp_path / "history.csv").write_text(text)
    assert not draw_curves([tmp_path / "history.csv"], tmp_path / "curves.png")
    assert not (tmp_path / "curves.png").exists()


def test_a_history_of_the_axis_alone_draws_nothing(tmp_path: Path) -> None:
    (tmp_path / "history.csv").write_text("kimg,note\n1,x\n2,y\n")
    assert not draw_curves([tmp_path / "history.csv"], tmp_path / "curves.png")


def test_a_class_without_images_has_no_grid(tmp_path: Path) -> None:
    pixels, labels = np.zeros((4, 128, 128), np.uint8), np.zeros(4, np.int64)
    files = draw_grids(tmp_path, ("cyst", "stone"), (pixels, labels), (pixels, labels), columns=2)
    assert [file.name for file in files] == ["grid-cyst.png"]
    with Image.open(files[0]) as image:
        assert image.size == (2 * (2 * 131 - 3) + 14, 2 * 131 - 3), "128 px are not enlarged"
