"""Masks and CT are recognised by their numbers alone."""

import gzip
from pathlib import Path
from typing import Any

import nibabel
import numpy as np
import pytest
from numpy.typing import NDArray

from pipeline.data.config import IngestConfig
from pipeline.data.formats.hounsfield import looks_like_ct
from pipeline.data.formats.labels import few_levels, holds_labels
from tests.support.pictures import IngestedFolder, encode, picture, put

ROWS, COLUMNS = np.mgrid[-1:1:64j, -1:1:64j]
BODY = np.broadcast_to((ROWS**2 + COLUMNS**2 < 0.7)[:, :, None], (64, 64, 8))
RNG = np.random.default_rng(0)
NOISE = RNG.normal(0, 1, BODY.shape)
SOFT = np.where(ROWS[:, :, None] > 0.1, 50.0, -100.0) + NOISE * 12  # organs, and fat
CT = np.where(BODY, SOFT, -1000 + NOISE * 12).astype(np.float32)
MR = np.where(BODY, 2000 + NOISE * 300 + 3000 * ROWS[:, :, None], np.abs(NOISE) * 30)


@pytest.mark.parametrize(
    "volume",
    [
        CT,
        np.where(BODY, CT, -2000),
        np.where(BODY, CT, -3024 + NOISE),  # smeared by interpolation
        CT.clip(-500, 1000),
        CT.clip(-1024, 3071),
        np.where(BODY, CT, np.nan),
        np.where(BODY[::-1], CT, -3024),
        np.where(np.abs(COLUMNS[:, :, None]) < 0.02, -950, SOFT),  # cut around a bowel with gas
    ],
)
def test_ct_is_recognised_by_its_air(volume: NDArray[np.float64]) -> None:
    finite = volume[np.isfinite(volume)]
    # Where nothing is left of the air but NaN, nothing tells CT.
    assert looks_like_ct(finite) == bool((finite <= -500).any())


@pytest.mark.parametrize(
    "volume",
    [
        MR,
        np.where(np.arange(MR.size).reshape(MR.shape) == 0, -610, MR),
        np.where(np.abs(NOISE) > 3.2, -400 - 300 * np.abs(NOISE - 3.2), MR),  # ringing
        (MR - MR.mean()) / MR.std(),
        RNG.uniform(-4096, 4096, MR.shape),  # phase
        np.where(BODY, RNG.uniform(-4096, 4096, MR.shape), -4096),
        np.where(BODY, NOISE * 300, 0),  # field maps
        np.where(BODY, NOISE * 600, 0),
        NOISE * 1000,
        CT + 1024,
    ],
)
def test_other_volumes_are_no_ct(volume: NDArray[np.float64]) -> None:
    assert not looks_like_ct(volume.ravel())


def blocks(numbers: NDArray[Any], side: int = 8) -> NDArray[np.float64]:
    """Regions of one number each."""
    return np.kron(numbers, np.ones((side, side, 1))).astype(np.float64)


MANY = RNG.permutation(144).reshape(12, 12, 1)


@pytest.mark.parametrize(
    ("volume", "truth"),
    [
        (BODY * 1.0, True),
        (BODY * 2.0 + (CT > 40), True),
        (blocks(MANY), True),
        (blocks(MANY * 13 + 1), True),  # as atlases number their regions
        (BODY * 0.5, False),  # shares, no labels
        (BODY * 1.0 - 2, False),
        (BODY * 0.0, False),  # of one number: empty, no map
        (CT, False),
        (np.round(MR / 40), False),  # 8 bits with noise
        (np.round(MR / 400).clip(0), True),  # of 16 numbers at most, whatever they are
        (np.where(BODY, np.nan, 1.0), False),
    ],
)
def test_label_maps_are_recognised_by_their_numbers(
    volume: NDArray[np.float64], truth: bool
) -> None:
    assert holds_labels(volume) is truth


def test_few_grey_levels_are_counted() -> None:
    mask = np.where(picture(1) > 99, 255, 0).astype(np.uint8)
    assert few_levels(mask, 16) == 2
    assert few_levels(mask.astype(np.uint16), 16) == 2
    assert few_levels(picture(1) // 16, 16) == len(np.unique(picture(1) // 16))
    assert few_levels(picture(1), 16) == 0
    assert few_levels(mask, 0) == 0
    assert few_levels(np.zeros((40, 40), np.uint8), 16) == 0
    rare = np.where(picture(1, 400) > 99, 255, 0).astype(np.uint8)
    rare.ravel()[1 : 1 + 30] = np.arange(30)  # between the pixels that are looked at first
    assert few_levels(rare, 16) == 0


def test_masks_beside_pictures_are_no_images(tmp_path: Path) -> None:
    project = IngestedFolder(tmp_path, IngestConfig(allow_missing=True))
    affine = np.diag([-1.0, -1.0, 2.0, 1.0])
    for case in range(3):
        folder = project.landing / "tumor" / f"case_{case:05d}"
        scan = CT + np.kron(RNG.normal(0, 40, (8, 8, 1)), np.ones((8, 8, 8)))
        mask = (scan > 60).astype(np.uint8) + (scan > 100)
        for name, volume in (("imaging", scan), ("segmentation", mask)):
            image = nibabel.Nifti1Image(volume.astype(np.int16), affine)
            put(folder / f"{name}.nii.gz", gzip.compress(image.to_bytes()))
    pixels = picture(3)
    put(project.landing / "tumor" / "benign (1).png", encode(pixels))
    put(
        project.landing / "tumor" / "benign (1)_mask.png", encode(np.where(pixels > 99, 255, 0) > 0)
    )
    report = project.ingest()
    # Masks beside their images are findings of those, and no images that are refused.
    assert (report.new, report.reasons) == (3 * 8 + 1, {})
