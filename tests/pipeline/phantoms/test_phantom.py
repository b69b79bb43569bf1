import json
import re
from functools import cache
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image
from pydantic import ValidationError
from scipy.ndimage import label as connected

from pipeline.base.errors import BadInputError
from pipeline.data.findings import decode_mask
from pipeline.phantoms.phantom import (
    CLASSES,
    PNG_KEY,
    PNG_TEXT,
    PhantomConfig,
    make_patient,
    write_phantom,
)

SEED = 20
PATIENTS = 16
SMALL = PhantomConfig(size=64, slices=3)

Slices = list[tuple[NDArray[np.uint8], dict[str, Any]]]


@cache
def study(label: str, number: int) -> Slices:
    return make_patient(label, number, SEED)


def studies(label: str) -> list[Slices]:
    return [study(label, number) for number in range(PATIENTS)]


def slices(label: str) -> Slices:
    return [each for patient in studies(label) for each in patient]


def disc(x: float, y: float, radius: float, size: int = 128) -> NDArray[np.bool_]:
    rows, columns = np.mgrid[:size, :size]
    inside: NDArray[np.bool_] = np.hypot(columns - x, rows - y) <= radius
    return inside


def kidney(truth: dict[str, Any], side: str) -> NDArray[np.bool_]:
    place = next(each for each in truth["kidneys"] if each["side"] == side)
    return disc(place["x"], place["y"], place["radius"])


def bright_blobs(image: NDArray[np.uint8], truth: dict[str, Any]) -> int:
    """Count stones from the pixels, given only the kidneys' positions."""
    region = kidney(truth, "left") | kidney(truth, "right")
    return int(connected((image >= 250) & region, np.ones((3, 3)))[1])


def thumbnail(image: NDArray[np.uint8]) -> NDArray[np.float64]:
    small = np.asarray(Image.fromarray(image).resize((32, 32), Image.Resampling.BOX), float)
    small -= small.mean()
    vector: NDArray[np.float64] = (small / np.linalg.norm(small)).ravel()
    return vector


def files(folder: Path) -> dict[str, bytes]:
    listed = sorted(file for file in folder.rglob("*") if file.is_file())
    return {str(file.relative_to(folder)): file.read_bytes() for file in listed}


def test_a_patient_is_the_same_every_time() -> None:
    for (image, truth), (again, told) in zip(
        make_patient("cyst", 3, SEED), study("cyst", 3), strict=True
    ):
        np.testing.assert_array_equal(image, again)
        assert truth == told


@pytest.mark.parametrize("other", [("cyst", 4, SEED), ("normal", 3, SEED), ("cyst", 3, SEED + 1)])
def test_label_number_and_seed_each_make_another_patient(other: tuple[str, int, int]) -> None:
    assert thumbnail(make_patient(*other)[0][0]) @ thumbnail(study("cyst", 3)[0][0]) < 0.96


@pytest.mark.parametrize("label", CLASSES)
def test_an_image_is_a_slice_of_a_body_in_air(label: str) -> None:
    for image, _ in slices(label):
        assert image.dtype == np.uint8
        assert image.shape == (128, 128)
        assert image[:4].max() < 40  # air above the patient
        assert 0.2 < (image > 20).mean() < 0.75
        assert (image == 255).sum() > 40  # bone
        assert image.std() > 25


@pytest.mark.parametrize("label", CLASSES)
def test_counts_are_those_of_the_listed_lesions_and_of_the_class_alone(label: str) -> None:
    for k, (_, truth) in enumerate(study(label, 1)):
        kinds = [lesion["kind"] for lesion in truth["lesions"]]
        assert truth["phantom"] is True
        assert (truth["class"], truth["patient"], truth["slice"]) == (label, 1, k)
        assert truth["counts"] == {kind: kinds.count(kind) for kind in ("cyst", "stone", "tumor")}
        assert set(kinds) <= {label}


@pytest.mark.parametrize(("label", "most"), [("cyst", 3), ("stone", 4), ("tumor", 1)])
def test_most_slices_of_a_study_show_its_finding(label: str, most: int) -> None:
    numbers = []
    for patient in studies(label):
        shown = [truth["counts"][label] for _, truth in patient]
        assert np.mean([count > 0 for count in shown]) > 0.5
        numbers.append(max(shown))
    assert min(numbers) == 1
    assert max(numbers) == most


def test_normal_studies_show_nothing() -> None:
    assert not any(truth["lesions"] for _, truth in slices("normal"))


def test_stones_counted_in_the_pixels_agree_with_the_truth() -> None:
    agree = [
        bright_blobs(image, truth) == truth["counts"]["stone"] for image, truth in slices("stone")
    ]
    assert np.mean(agree) >= 0.97


def test_kidneys_without_stones_hold_no_bright_blob() -> None:
    assert np.mean([bright_blobs(image, truth) == 0 for image, truth in slices("normal")]) >= 0.97


def test_stones_survive_at_64_pixels() -> None:
    peaks = []
    for image, truth in slices("stone"):
        small = np.asarray(Image.fromarray(image).resize((64, 64), Image.Resampling.BICUBIC))
        for stone in truth["lesions"]:
            x, y = round((stone["x"] - 0.5) / 2), round((stone["y"] - 0.5) / 2)
            body = np.median(small[kidney(truth, stone["side"])[::2, ::2]])
            peaks.append(float(small[y - 1 : y + 2, x - 1 : x + 2].max()) - body)
    assert np.percentile(peaks, 5) > 40


def test_a_cyst_is_darker_than_its_kidney_and_evenly_so() -> None:
    contrast = []
    for image, truth in slices("cyst"):
        cysts = [disc(c["x"], c["y"], c["radius"] + 1) for c in truth["lesions"]]
        for cyst in truth["lesions"]:
            tissue = kidney(truth, cyst["side"]) & ~np.any(cysts, axis=0)
            core = image[disc(cyst["x"], cyst["y"], 0.6 * cyst["radius"])]
            # The upper half of the kidney's grey values: cortex, not the fat of its sinus.
            contrast.append(np.percentile(image[tissue], 75) - core.mean())
    assert np.mean(np.array(contrast) > 8) >= 0.98


def test_a_tumor_is_large_and_uneven() -> None:
    tumors = [(i, t, lesion) for i, t in slices("tumor") for lesion in t["lesions"]]
    cysts = [lesion["radius"] for _, t in slices("cyst") for lesion in t["lesions"]]
    assert np.median([lesion["radius"] for *_, lesion in tumors]) > 1.8 * np.median(cysts)
    spread = [i[disc(m["x"], m["y"], 0.6 * m["radius"])].std() for i, _, m in tumors]
    even = [
        i[disc(c["x"], c["y"], 0.6 * c["radius"])].std()
        for i, t in slices("cyst")
        for c in t["lesions"]
        if c["radius"] > 4
    ]
    assert np.median(spread) > 1.5 * np.median(even)


@pytest.mark.parametrize("label", ["cyst", "stone", "tumor"])
def test_lesions_lie_on_the_told_side_and_intensity_is_read_from_the_image(label: str) -> None:
    for image, truth in slices(label):
        where = {each["side"]: each for each in truth["kidneys"]}
        assert where["right"]["x"] < where["left"]["x"]  # seen from the feet
        for lesion in truth["lesions"]:
            own = where[lesion["side"]]
            away = np.hypot(lesion["x"] - own["x"], lesion["y"] - own["y"])
            assert away < own["radius"] + 0.6 * lesion["radius"]
            assert lesion["radius"] == pytest.approx(np.sqrt(lesion["area"] / np.pi), abs=0.01)
            if label == "cyst":  # a disc: its mask can be rebuilt from its centre and radius
                inside = image[disc(lesion["x"], lesion["y"], lesion["radius"])]
                assert lesion["intensity"] == pytest.approx(inside.mean(), abs=12)


def test_the_truth_has_each_mask_and_its_size_in_millimetres() -> None:
    for image, truth in slices("stone"):
        for lesion in truth["lesions"]:
            mask = decode_mask(lesion["mask"], *image.shape)
            rows, columns = np.nonzero(mask)
            assert len(rows) == lesion["area"]
            assert lesion["x"] == pytest.approx(columns.mean(), abs=0.01)
            assert lesion["y"] == pytest.approx(rows.mean(), abs=0.01)
            assert lesion["intensity"] == pytest.approx(image[mask].mean(), abs=0.01)
            across = 2 * np.sqrt(lesion["area"] / np.pi) * truth["pixel_mm"]
            assert lesion["diameter_mm"] == pytest.approx(across, abs=0.02)
            assert lesion["diameter_mm"] < 16


def test_neighbouring_slices_are_more_alike_than_patients() -> None:
    everyone = [[thumbnail(image) for image, _ in p] for label in CLASSES for p in studies(label)]
    neighbours = [a @ b for p in everyone for a, b in pairwise(p)]
    middles = np.array([p[2] for p in everyone])
    others = (middles @ middles.T)[np.triu_indices(len(middles), 1)]
    assert np.percentile(neighbours, 5) > np.percentile(others, 99.5)
    assert np.median(others) < 0.85


def test_files_lie_in_class_folders_with_the_truth_beside(tmp_path: Path) -> None:
    seen: list[tuple[int, int]] = []
    written = write_phantom(
        tmp_path, 2, SEED, config=SMALL, on_progress=lambda *at: seen.append(at)
    )
    images = sorted(tmp_path.rglob("*.png"))
    assert written == len(images) == 2 * len(CLASSES) * SMALL.slices
    assert seen[-1] == (written, written)
    assert {file.parent.name for file in images} == set(CLASSES)
    owners: dict[str, set[str]] = {}
    for file in images:
        match = re.search(r"phantom-(?P<patient>\d+)", file.name)
        assert match is not None
        owners.setdefault(match["patient"], set()).add(file.parent.name)
        truth = json.loads(file.with_suffix(".truth.json").read_text())
        assert truth["class"] == file.parent.name
        assert f"phantom-{truth['patient']:05d}-slice-{truth['slice']}.png" == file.name
        image, told = make_patient(truth["class"], truth["patient"], SEED, SMALL)[truth["slice"]]
        assert told == truth
        with Image.open(file) as stored:
            assert stored.mode == "L"
            assert stored.info == {PNG_KEY: PNG_TEXT}
            np.testing.assert_array_equal(np.asarray(stored), image)
    assert len(owners) == 2 * len(CLASSES)
    assert all(len(labels) == 1 for labels in owners.values())
    assert len(files(tmp_path)) == 2 * written


def test_writing_again_touches_nothing_and_mends_what_is_broken(tmp_path: Path) -> None:
    write_phantom(tmp_path, 1, SEED, config=SMALL)
    before, times = files(tmp_path), {f: f.stat().st_mtime_ns for f in tmp_path.rglob("*.*")}
    assert write_phantom(tmp_path, 1, SEED, config=SMALL) == 0
    assert times == {f: f.stat().st_mtime_ns for f in tmp_path.rglob("*.*")}
    broken = sorted(tmp_path.rglob("*.png"))[0]
    broken.write_bytes(b"half a file")
    assert write_phantom(tmp_path, 1, SEED, config=SMALL) == 1
    assert files(tmp_path) == before


def test_later_patients_are_the_same_however_many_came_first(tmp_path: Path) -> None:
    write_phantom(tmp_path / "whole", 3, SEED, config=SMALL)
    write_phantom(tmp_path / "parts", 1, SEED, config=SMALL)
    write_phantom(tmp_path / "parts", 2, SEED, first_patient=1, config=SMALL)
    assert files(tmp_path / "whole") == files(tmp_path / "parts")


def test_what_cannot_be_made_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BadInputError, match="cyst, normal, stone, tumor"):
        make_patient("gallstone", 0, SEED)
    with pytest.raises(BadInputError, match="0 or more"):
        make_patient("cyst", 0, -1)
    with pytest.raises(BadInputError, match="1 or more"):
        write_phantom(tmp_path, 0, SEED)
    with pytest.raises(ValidationError):
        PhantomConfig(size=16)


def test_one_slice_a_study_works() -> None:
    (image, truth), *rest = make_patient("stone", 0, SEED, PhantomConfig(size=96, slices=1))
    assert image.shape == (96, 96)
    assert truth["counts"]["stone"] >= 1
    assert not rest
