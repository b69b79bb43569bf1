import hashlib
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image
from pydantic import ValidationError

from pipeline.base.errors import BadInputError
from pipeline.data.formats.canonical import encode_png, image_id
from pipeline.data.manifest import Row, write_batch
from pipeline.data.processed import SPLITS, Processed
from pipeline.data.region import RegionConfig
from pipeline.data.square import SMALL, PreprocessConfig, find_crop, to_square
from pipeline.stages import left_out
from pipeline.stages import preprocess as stage
from pipeline.stages.preprocess import contact_sheet, preprocess
from tests.support.trunks import draw_trunk

CONFIG = PreprocessConfig(size=32)
Grey = NDArray[np.uint8] | NDArray[np.uint16]


def store(workspace: Path, pixels: Grey, label: str, split: str, **changes: Any) -> Row:
    """Write one image as ingest does; returns its row of the manifest."""
    data = encode_png(pixels)
    id_ = image_id(pixels)
    sha256 = hashlib.sha256(data).hexdigest()
    facts = {"group": f"g-{id_[:8]}", "batch": "b0001-x"} | changes
    height, width = pixels.shape
    row = Row(
        id=id_,
        sha256=sha256,
        source_sha256=sha256,
        label=label,
        split=split,
        view="unknown",
        width=width,
        height=height,
        bits=8 * pixels.itemsize,
        **facts,
    )
    (workspace / row.path).parent.mkdir(parents=True, exist_ok=True)
    (workspace / row.path).write_bytes(data)
    return row


@pytest.fixture
def rows(tmp_path: Path) -> list[Row]:
    """Two images for each of two classes and three splits, in the manifest."""
    rng = np.random.default_rng(0)
    rows = [
        store(tmp_path, rng.integers(0, 256, (40, 56), dtype=np.uint8), label, split)
        for label in ("stone", "cyst")
        for split in SPLITS
        for _ in range(2)
    ]
    write_batch(tmp_path, "b0001-x", rows)
    return rows


def test_views_are_chosen_and_a_class_without_one_is_an_error(
    tmp_path: Path, rows: list[Row]
) -> None:
    chosen = [
        replace(row, view="axial" if number % 2 else "coronal") for number, row in enumerate(rows)
    ]
    write_batch(tmp_path, "b0001-x", chosen)
    result = preprocess(tmp_path, tmp_path / "out", PreprocessConfig(size=32, views=("axial",)))
    assert result.images["train"] == {"cyst": 1, "stone": 1}
    write_batch(
        tmp_path,
        "b0001-x",
        [replace(row, view="axial" if row.label == "cyst" else "coronal") for row in rows],
    )
    with pytest.raises(
        BadInputError, match="class stone has no such image in test; it has coronal 2"
    ):
        preprocess(tmp_path, tmp_path / "out", PreprocessConfig(size=32, views=("axial",)))


def test_every_image_is_in_its_split_under_its_label(tmp_path: Path, rows: list[Row]) -> None:
    told: list[tuple[int, int]] = []
    result = preprocess(
        tmp_path, tmp_path / "out", CONFIG, on_progress=lambda *done: told.append(done)
    )
    processed = Processed.load(tmp_path / "out")
    assert processed.classes == result.classes == ("cyst", "stone")
    assert result.images["val"] == {"cyst": 2, "stone": 2}
    assert told[-1] == (12, 12)
    by_id = {row.id: row for row in rows}
    for split, arrays in processed.splits.items():
        assert arrays.images.shape == (4, 32, 32)
        assert arrays.images.dtype == np.uint8
        for n, id_ in enumerate(arrays.ids):
            row = by_id[str(id_)]
            assert (row.split, row.group) == (split, arrays.groups[n])
            assert processed.classes[arrays.labels[n]] == row.label
            stored = np.asarray(Image.open(tmp_path / row.path))
            np.testing.assert_array_equal(arrays.images[n], to_square(stored, CONFIG))


def test_the_same_revision_gives_the_same_bytes(tmp_path: Path, rows: list[Row]) -> None:
    for out in ("one", "two"):
        preprocess(tmp_path, tmp_path / out, CONFIG)
    files = sorted(f.relative_to(tmp_path / "one") for f in (tmp_path / "one").rglob("*.*"))
    assert len(files) == 2 + 3 * 5 + 6
    for file in files:
        assert (tmp_path / "one" / file).read_bytes() == (tmp_path / "two" / file).read_bytes()


PAIR = PreprocessConfig(
    size=32, region=RegionConfig(frame="trunk", centre=(0.0, 0.14), half_side=0.72)
)


def trunks(workspace: Path) -> list[Row]:
    """Three slices of a trunk for each of two classes and three splits."""
    cells = [(label, split) for label in ("stone", "cyst") for split in SPLITS for _ in range(3)]
    return [
        store(workspace, draw_trunk(centre=(55.0 + number, 60.0)), label, split)
        for number, (label, split) in enumerate(cells)
    ]


def test_images_without_the_region_are_left_out_and_counted(tmp_path: Path) -> None:
    noise = np.random.default_rng(0).integers(0, 5, (2, 64, 64), dtype=np.uint8)
    flat = draw_trunk(flatness=0.25, half_width=48)
    strange = [
        store(tmp_path, noise[0], "stone", "train"),
        store(tmp_path, noise[1], "cyst", "test"),
        store(tmp_path, flat, "cyst", "test"),
    ]
    rows = [*trunks(tmp_path), *strange]
    write_batch(tmp_path, "b0001-x", rows)
    result = preprocess(tmp_path, tmp_path / "out", PAIR)
    assert result.images == {
        split: dict.fromkeys(("cyst", "stone"), 3) for split in ("train", "val", "test")
    }
    assert left_out.in_words(result.left_out) == (
        "cyst 2 (no body 1, outline unlike an axial trunk 1); stone 1 (no body 1)"
    )
    lines = (tmp_path / "out" / "left-out.csv").read_text().splitlines()
    assert lines[0] == "id,label,split,reason"
    assert f"{strange[2].id},cyst,test,outline unlike an axial trunk" in lines
    processed = Processed.load(tmp_path / "out")
    assert processed.view == "trunk (0, 0.14) 0.72"
    assert not {row.id for row in strange} & {*processed.train.ids, *processed.test.ids}
    by_id = {row.id: row for row in rows}
    for image, id_ in zip(processed.train.images, processed.train.ids, strict=True):
        stored = np.asarray(Image.open(tmp_path / by_id[str(id_)].path))
        np.testing.assert_array_equal(image, to_square(stored, PAIR, find_crop(stored, PAIR)[0]))


def test_a_class_that_is_left_out_whole_is_named(tmp_path: Path) -> None:
    rows = [row for row in trunks(tmp_path) if (row.label, row.split) != ("stone", "val")]
    black = np.zeros((64, 64), np.uint8)
    black[0, 0] = 9
    rows.append(store(tmp_path, black, "stone", "val"))
    write_batch(tmp_path, "b0001-x", rows)
    with pytest.raises(BadInputError, match=r"none of the 1 images of class stone in val.*no body"):
        preprocess(tmp_path, tmp_path / "out", PAIR)


def test_arrays_of_before_show_whole_images(tmp_path: Path, rows: list[Row]) -> None:
    write_batch(tmp_path, "b0001-x", rows)
    preprocess(tmp_path, tmp_path / "out", CONFIG)
    assert Processed.load(tmp_path / "out").view == ""
    assert not (tmp_path / "out" / "left-out.csv").exists()
    (tmp_path / "out" / "view.json").unlink()
    assert Processed.load(tmp_path / "out").view == ""


@pytest.mark.parametrize("turn", [False, True])
def test_padding_keeps_a_disc_round(turn: bool) -> None:
    y, x = np.mgrid[:100, :300]
    disc = (np.hypot(y - 49.5, x - 149.5) < 40).astype(np.uint8) * 255
    small = to_square(disc.T if turn else disc, PreprocessConfig(size=64)) > 127
    rows, columns = np.flatnonzero(small.any(1)), np.flatnonzero(small.any(0))
    assert abs(len(rows) - len(columns)) <= 1
    assert len(rows) == pytest.approx(80 * 64 / 300, abs=1)
    assert rows.mean() == pytest.approx(31.5, abs=0.5)
    assert columns.mean() == pytest.approx(31.5, abs=0.5)


def test_an_image_of_the_right_size_is_unchanged() -> None:
    pixels = np.random.default_rng(1).integers(0, 256, (32, 32), dtype=np.uint8)
    np.testing.assert_array_equal(to_square(pixels, CONFIG), pixels)


def test_a_fine_pattern_is_averaged_not_sampled() -> None:
    stripes = np.zeros((256, 256), np.uint8)
    stripes[:, ::2] = 255
    small = to_square(stripes, CONFIG)[4:-4, 4:-4].astype(float)
    np.testing.assert_allclose(small, 127.5, atol=2)


@pytest.mark.parametrize("top", [1023, 4095, 65535])
def test_sixteen_bits_fill_the_range_whatever_part_they_use(top: int) -> None:
    ramp = np.linspace(0, top, 64 * 64).reshape(64, 64).astype(np.uint16)
    small = to_square(ramp, CONFIG)
    assert small.min() <= 3
    assert small.max() >= 252
    assert abs(float(small.mean()) - 127.5) < 2


def test_a_few_bright_pixels_do_not_darken_a_sixteen_bit_image() -> None:
    ramp = np.linspace(0, 4095, 64 * 64).reshape(64, 64).astype(np.uint16)
    metal = ramp.copy()
    metal[3, 3:9] = 65535
    plain, hit = to_square(ramp, CONFIG).astype(int), to_square(metal, CONFIG).astype(int)
    assert np.abs(plain - hit)[4:].max() <= 3


def test_a_nearly_flat_sixteen_bit_image_has_no_nan() -> None:
    dot = np.zeros((32, 32), np.uint16)
    dot[5, 5] = 900
    assert to_square(dot, CONFIG)[5, 5] == 255
    assert to_square(np.full((32, 32), 7, np.uint16), CONFIG).max() == 0


def test_an_altered_file_is_named(tmp_path: Path, rows: list[Row]) -> None:
    file = tmp_path / rows[3].path
    data = bytearray(file.read_bytes())
    data[-20] ^= 1
    file.write_bytes(data)
    with pytest.raises(BadInputError, match=f"{rows[3].id}.png was altered"):
        preprocess(tmp_path, tmp_path / "out", CONFIG)
    assert not (tmp_path / "out").exists()


def test_a_missing_file_says_what_to_pull(tmp_path: Path, rows: list[Row]) -> None:
    (tmp_path / rows[0].path).unlink()
    with pytest.raises(BadInputError, match="dvc pull --force data/raw/b0001-x"):
        preprocess(tmp_path, tmp_path / "out", CONFIG)


PIXELS = np.arange(1024, dtype=np.uint8).reshape(32, 32)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"group": "shared"}, "group shared is in two splits"),
        ({"split": "holdout"}, "allowed are train, val, test"),
        ({"same": True}, "is in two batches, b0001-x and b0002-y"),
    ],
)
def test_a_manifest_changed_by_hand_is_refused(
    tmp_path: Path, changes: dict[str, Any], said: str
) -> None:
    same = changes.pop("same", False)
    first = store(tmp_path, PIXELS, "cyst", "train", group="shared")
    other = PIXELS if same else PIXELS.T.copy()
    facts = {"label": "cyst", "split": "val", "batch": "b0002-y"} | changes
    second = store(tmp_path, other, **facts)
    write_batch(tmp_path, "b0001-x", [first])
    write_batch(tmp_path, "b0002-y", [second])
    with pytest.raises(BadInputError, match=said):
        preprocess(tmp_path, tmp_path / "out", CONFIG)


def test_no_image_says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(BadInputError, match="landing zone"):
        preprocess(tmp_path, tmp_path / "out", CONFIG)


def test_a_contact_sheet_holds_up_to_64_images_row_by_row() -> None:
    images = np.arange(11, dtype=np.uint8)[:, None, None] * np.ones((1, 4, 4), np.uint8)
    sheet = contact_sheet(images)
    assert sheet.shape == (8, 32)
    assert sheet[:4, ::4].tolist() == [[0, 1, 2, 3, 4, 5, 6, 7]] * 4
    assert sheet[4, ::4].tolist() == [8, 9, 10, 0, 0, 0, 0, 0]


@pytest.mark.parametrize("size", [16, 48, 512, 64.0])
def test_the_size_is_a_power_of_two_from_32_to_256(size: Any) -> None:
    with pytest.raises(ValidationError):
        PreprocessConfig(size=size)


def test_the_stage_reads_its_section_and_reports(
    tmp_path: Path,
    rows: list[Row],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    (tmp_path / "params.yaml").write_text("preprocess:\n  size: 32\n")
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("MEDLOOM_PROGRESS_FILE", raising=False)
    stage.main()
    assert Processed.load(tmp_path / "data/processed").train.images.shape == (4, 32, 32)
    assert "done 12  total 12" in capsys.readouterr().out


LARGE = PreprocessConfig(size=64, smaller="leave_out")


def test_small_images_are_left_out_where_they_would_be_enlarged(
    tmp_path: Path, rows: list[Row]
) -> None:
    """Of 40 x 56 px beside others of 40 x 64 px, which are not enlarged."""
    rng = np.random.default_rng(1)
    large = [
        store(tmp_path, rng.integers(0, 256, (40, 64), dtype=np.uint8), label, split)
        for label in ("stone", "cyst")
        for split in SPLITS
    ]
    write_batch(tmp_path, "b0001-x", [*rows, *large])
    result = preprocess(tmp_path, tmp_path / "out", LARGE)
    assert result.images == {split: {"cyst": 1, "stone": 1} for split in SPLITS}
    assert left_out.in_words(result.left_out) == (
        "cyst 6 (smaller than preprocess.size 6); stone 6 (smaller than preprocess.size 6)"
    )
    assert (
        f"{rows[0].id},stone,train,smaller than preprocess.size"
        in (tmp_path / "out" / "left-out.csv").read_text().splitlines()
    )
    every = preprocess(tmp_path, tmp_path / "all", PreprocessConfig(size=64))
    assert every.left_out == ()


def test_too_few_large_images_are_an_error(tmp_path: Path, rows: list[Row]) -> None:
    with pytest.raises(
        BadInputError,
        match=r"no image of class cyst in test is left: of 2 that were left out, 2 are smaller "
        r"than preprocess\.size, 64 px: set it to a smaller power of two",
    ):
        preprocess(tmp_path, tmp_path / "out", LARGE)
    test = [row for row in rows if row.split == "test"]
    many = sorted((row.label, row.id, n) for row in test for n in range(5))
    tested = [replace(test[0], label=label, id=f"{id_}-{n}") for label, id_, n in many]
    small = [left_out.LeftOut(row, SMALL) for row in (*tested[:9], *tested[10:19])]
    with pytest.raises(BadInputError, match="2 of 20 images of the test split are left, and 20"):
        left_out.require_enough(tested, small, LARGE)


def test_a_region_of_few_pixels_is_left_out() -> None:
    trunk = draw_trunk()
    crop, _ = find_crop(trunk, PAIR)
    assert crop is not None
    size = 32 if crop[2] - crop[0] < 64 else 64
    leave = PAIR.model_copy(update={"smaller": "leave_out"})
    assert find_crop(trunk, leave.model_copy(update={"size": size}))[0] is not None
    assert find_crop(trunk, leave.model_copy(update={"size": 256})) == (None, SMALL)


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (["CT", "MR", "CT"], "CT, MR, CT are not two modalities"),
        (["CT"], "CT are not two modalities"),
        (["CT", "ct"], "CT, CT are not two modalities"),
        (["CT", "T1, weighted"], "'T1, WEIGHTED' is no modality; allowed are 1 to 16 of A-Z"),
    ],
)
def test_modalities_are_two_words_that_a_list_can_have(given: list[str], said: str) -> None:
    with pytest.raises(ValidationError, match=said):
        PreprocessConfig.model_validate({"modalities": given})
    config = PreprocessConfig.model_validate({"modalities": ["low-dose", "MR"]})
    assert config.modalities == ("LOW-DOSE", "MR")
