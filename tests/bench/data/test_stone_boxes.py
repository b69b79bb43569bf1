from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from bench.data.stone_boxes import blobs, write_stones
from pipeline.base.errors import BadInputError
from pipeline.data.marks.names import Kinds
from pipeline.data.marks.yolo import read_yolo

SIDE = 100


def kidney(stone: bool = True, rib: bool = True) -> np.ndarray:
    image = np.full((SIDE, SIDE), 90, np.uint8)
    if stone:
        image[40:43, 50:54] = 230
    if rib:
        image[20:30, 35:40] = 240
    return image


def test_a_box_around_a_kidney_is_narrowed_to_its_stone_and_not_to_the_rib_at_its_edge() -> None:
    assert blobs(kidney(), (0.35, 0.2, 0.7, 0.6)) == [(0.5, 0.4, 0.54, 0.43)]


def test_a_box_that_ends_at_its_stone_keeps_it() -> None:
    assert blobs(kidney(rib=False), (0.48, 0.4, 0.56, 0.46)) == [(0.5, 0.4, 0.54, 0.43)]


def test_single_pixels_are_no_blob() -> None:
    image = kidney(stone=False, rib=False)
    image[50, 50:53] = 240
    assert blobs(image, (0.3, 0.3, 0.7, 0.7)) == []


@pytest.fixture
def sets(tmp_path: Path) -> tuple[Path, Path]:
    kidneys, boxes = tmp_path / "kidneys", tmp_path / "boxes"
    for name in ("normal/n.png", "stone/twin.png", "cyst/c.png"):
        (kidneys / name).parent.mkdir(parents=True)
        Image.fromarray(kidney()).save(kidneys / name)
    (boxes / "images").mkdir(parents=True)
    Image.fromarray(kidney()).save(boxes / "images/a.png")
    Image.fromarray(kidney(stone=False)).save(boxes / "images/nothing.png")
    Image.fromarray(kidney(stone=False, rib=False)).save(boxes / "images/no-blob.png")
    (boxes / "boxes.csv").write_text(
        "file,x0,y0,x1,y1,kidney_ct_file\n"
        "images/a.png,0.35,0.2,0.7,0.6,stone/twin.png\n"
        "images/nothing.png,,,,,\n"
        "images/no-blob.png,0.3,0.3,0.6,0.6,\n"
    )
    return kidneys, boxes


def test_both_sets_become_one_folder_that_ingest_reads(
    sets: tuple[Path, Path], tmp_path: Path
) -> None:
    made = write_stones(*sets, tmp_path / "made")
    files = {
        file.relative_to(tmp_path / "made").as_posix() for file in (tmp_path / "made").rglob("*.*")
    }
    assert files == {
        "normal/n.png",
        "normal/n.txt",
        "cyst/c.png",
        "stone/boxes-a.png",
        "stone/boxes-a.txt",
        "stone/boxes-no-blob.png",
        "normal/boxes-nothing.png",
        "normal/boxes-nothing.txt",
    }
    assert (made.images, made.boxed, made.boxes) == (5, 1, 1)
    assert (made.empty, made.without_blob, made.twins) == (2, 1, 1)
    (mark,) = read_yolo((tmp_path / "made/stone/boxes-a.txt").read_bytes(), Kinds()).marks
    assert mark.box == pytest.approx((0.5, 0.4, 0.54, 0.43))
    assert (tmp_path / "made/normal/n.txt").read_text() == ""


def test_a_folder_of_another_form_is_refused(sets: tuple[Path, Path], tmp_path: Path) -> None:
    kidneys, boxes = sets
    with pytest.raises(BadInputError, match=r"no boxes\.csv"):
        write_stones(kidneys, kidneys, tmp_path / "made")
    with pytest.raises(BadInputError, match="no class folders"):
        write_stones(boxes / "images", boxes, tmp_path / "made")
    (boxes / "images/a.png").unlink()
    with pytest.raises(BadInputError, match=r"1 images are missing, such as images/a\.png"):
        write_stones(kidneys, boxes, tmp_path / "made")
    (boxes / "boxes.csv").write_text("file,x0,y0,x1\n")
    with pytest.raises(BadInputError, match="no column y1"):
        write_stones(kidneys, boxes, tmp_path / "made")
