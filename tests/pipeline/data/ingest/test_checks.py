"""Checks of new images against others of their class."""

from pathlib import Path

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter

from pipeline.base.errors import BadInputError
from pipeline.data.config import CheckRule, ChecksConfig, IngestConfig
from pipeline.data.formats import Pixels
from pipeline.data.formats.canonical import brightness, shrink
from pipeline.data.manifest import Row, read_manifest
from tests.support.pictures import IngestedFolder, encode, picture, put

SIDE = 64
ROWS, COLUMNS = np.mgrid[:SIDE, :SIDE] / SIDE - 0.5
BODY = (ROWS / 0.4) ** 2 + (COLUMNS / 0.45) ** 2 < 1


def slice_of(patient: int, level: float = 100.0) -> Pixels:
    """A body with organs and noise, similar to those of other patients."""
    rng = np.random.default_rng(patient)
    organs = gaussian_filter(rng.normal(0, 150, (SIDE, SIDE)), 6)
    noise = gaussian_filter(rng.normal(0, 12, (SIDE, SIDE)), 0.7)
    return np.where(BODY, level + organs + noise, 0).clip(0, 255).astype(np.uint8)


def fill(project: IngestedFolder, start: int, count: int) -> None:
    for number in range(start, start + count):
        name = f"phantom-{number:05d}-a.png"
        put(project.landing / "cyst" / name, encode(slice_of(number)))


@pytest.fixture
def project(tmp_path: Path) -> IngestedFolder:
    made = IngestedFolder(tmp_path)
    fill(made, 0, 60)
    made.ingest()
    return made


def warned(project: IngestedFolder) -> list[Row]:
    return [row for row in read_manifest(project.workspace) if row.warnings]


def odd_one(kind: str) -> Pixels:
    if kind == "windowing":
        return slice_of(900, level=240.0)
    if kind == "outlier":
        return picture(9, SIDE)
    if kind == "near-duplicate":
        copy = slice_of(7).copy()
        copy[30, 30] ^= 3
        return copy
    spot = np.hypot(ROWS, COLUMNS) < 0.06  # low-information
    shaded = np.where(spot, 180 + 400 * ROWS + 57 * COLUMNS, 0)  # of more levels than a mask
    return np.kron(shaded, np.ones((4, 4))).astype(np.uint8)


def test_ordinary_images_have_no_findings(project: IngestedFolder) -> None:
    assert warned(project) == []
    fill(project, 100, 10)
    assert project.ingest().new == 10
    assert warned(project) == []
    assert {row.brightness for row in read_manifest(project.workspace)} >= {"0.392"}


@pytest.mark.parametrize("kind", ["windowing", "outlier", "near-duplicate", "low-information"])
def test_an_unusual_image_is_ingested_with_a_warning(project: IngestedFolder, kind: str) -> None:
    put(project.landing / "cyst" / "phantom-00800-a.png", encode(odd_one(kind)))
    assert project.ingest().new == 1
    (row,) = warned(project)
    assert kind in [told.split(" ")[0] for told in row.warnings.split("; ")]


@pytest.mark.parametrize("kind", ["windowing", "outlier", "near-duplicate", "low-information"])
def test_an_unusual_image_can_be_quarantined_until_released(
    project: IngestedFolder, kind: str
) -> None:
    put(project.landing / "cyst" / "phantom-00800-a.png", encode(odd_one(kind)))
    strict = only(kind.replace("-", "_"))
    report = project.ingest(config=strict)
    assert (report.new, report.reasons) == (0, {kind: 1})
    (entry,) = (e for e in report.entries if e.outcome == "quarantined")
    project.release(entry.image_id)
    report = project.ingest(config=strict)
    assert (report.new, report.reasons) == (1, {})


def only(check: str) -> IngestConfig:
    """A configuration with one check, which quarantines."""
    checks = {name: CheckRule(limit=0, action="ignore") for name in ChecksConfig.model_fields}
    limit = getattr(ChecksConfig(), check).limit
    return IngestConfig(
        checks=ChecksConfig(**checks | {check: CheckRule(limit=limit, action="quarantine")})
    )


def test_of_two_near_duplicates_the_first_stays(project: IngestedFolder) -> None:
    first, second = slice_of(500), slice_of(500).copy()
    second[30, 30] ^= 3
    put(project.landing / "cyst" / "phantom-00500-a.png", encode(first))
    put(project.landing / "cyst" / "phantom-00500-b.png", encode(second))
    report = project.ingest(config=only("near_duplicate"))
    assert (report.new, report.reasons) == (1, {"near-duplicate": 1})
    assert project.ingest(config=only("near_duplicate")).read == 0


def test_an_image_quarantined_in_one_class_conflicts_with_another(project: IngestedFolder) -> None:
    pixels = encode(odd_one("near-duplicate"))
    put(project.landing / "cyst" / "phantom-00800-a.png", pixels)
    config = only("near_duplicate").model_copy(
        update={"add_classes": ("stone",), "allow_missing": True}
    )
    assert project.ingest(config=config).reasons == {"near-duplicate": 1}
    put(project.landing / "stone" / "phantom-00801-a.png", pixels)
    report = project.ingest(config=config)
    assert (report.new, report.reasons) == (0, {"near-duplicate": 1, "conflict": 1})


def test_twelve_bits_in_sixteen_are_as_bright_as_eight() -> None:
    pixels = slice_of(3)
    deep = pixels.astype(np.uint16) * 16
    bright = [brightness(shrink(one), int(one.max())) for one in (pixels, deep)]
    assert bright[0] == pytest.approx(bright[1], abs=0.01)
    assert bright[0] > 0.2


def test_damaged_thumbnails_are_reported(project: IngestedFolder) -> None:
    (file,) = project.workspace.rglob("thumbnails.npz")
    with np.load(file) as arrays:
        few = {name: arrays[name][3:] for name in arrays.files}
    np.savez_compressed(file, **few)
    fill(project, 100, 1)
    with pytest.raises(BadInputError, match="3 images have no thumbnail"):
        project.ingest()


def test_small_classes_are_not_checked(tmp_path: Path) -> None:
    project = IngestedFolder(tmp_path)
    fill(project, 0, 20)
    put(project.landing / "cyst" / "phantom-00800-a.png", encode(odd_one("windowing")))
    project.ingest()
    assert warned(project) == []
