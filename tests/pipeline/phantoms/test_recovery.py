from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter

from pipeline.base.errors import BadInputError
from pipeline.data.region import RegionConfig
from pipeline.data.square import PreprocessConfig, find_crop, to_square
from pipeline.phantoms import recovered, recovery
from pipeline.phantoms.phantom import CLASSES, make_patient
from pipeline.phantoms.recovered import (
    Recovered,
    compare_recovered,
    count_distance,
    size_distance,
)
from pipeline.phantoms.recovery import Found, found_in_truth
from tests.support.read_once import recover_once

STONE, CYST, NORMAL = (CLASSES.index(name) for name in ("stone", "cyst", "normal"))


WHOLE = RegionConfig()
PAIR = RegionConfig(frame="trunk", centre=(0.0, 0.14), half_side=0.72)


@pytest.fixture(autouse=True)
def _each_image_is_read_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(recovered, "recover", recover_once)


@dataclass(frozen=True)
class Phantoms:
    images: NDArray[np.uint8]
    labels: NDArray[np.int64]
    truth: list[Found]
    region: RegionConfig

    def found(self, label: int) -> list[Found]:
        return recover_once(self.images[self.labels == label], self.region)

    def told(self, label: int) -> list[Found]:
        return [self.truth[i] for i in np.flatnonzero(self.labels == label)]


@cache
def patients(seed: int, count: int = 12) -> list[tuple[NDArray[np.uint8], int, dict[str, Any]]]:
    """Slices of 128 px of held-out phantoms, each with its label and truth."""
    return [
        (image, CLASSES.index(label), truth)
        for label in CLASSES
        for number in range(count)
        for image, truth in make_patient(label, number, seed)[::2]
    ]


@cache
def phantoms(size: int, seed: int = 500, region: RegionConfig = WHOLE) -> Phantoms:
    """Held-out phantoms, cut and downsized as in preprocess."""
    config = PreprocessConfig(size=size, region=region)
    slices = []
    for image, label, truth in patients(seed):
        crop, _ = find_crop(image, config)
        assert crop is not None, "every phantom has a trunk"
        found = found_in_truth(truth, size / (crop[2] - crop[0]))
        slices.append((to_square(image, config, crop), label, found))
    images, labels, truths = zip(*slices, strict=True)
    return Phantoms(np.stack(images), np.array(labels), list(truths), region)


def number(found: list[Found], kind: str) -> NDArray[np.int64]:
    return np.array([len(getattr(one, kind)) for one in found])


def record(records: list[Recovered], label: int, kind: str) -> Recovered:
    return next(one for one in records if (one.label, one.kind) == (label, kind))


# A region of 64 px shows the kidneys as a whole slice of 128 px does, and is read as well.
@pytest.mark.parametrize(
    ("size", "region", "right"), [(128, WHOLE, 0.97), (64, WHOLE, 0.88), (64, PAIR, 0.95)]
)
def test_stones_are_counted(size: int, region: RegionConfig, right: float) -> None:
    data = phantoms(size, region=region)
    agree = number(data.found(STONE), "stone") == number(data.told(STONE), "stone")
    assert agree.mean() >= right
    # Few patients: one whose marrow or vessels deceive the rule is three images of 36.
    assert (number(data.found(NORMAL), "stone") == 0).mean() >= 0.9


@pytest.mark.parametrize(
    ("size", "region", "more"), [(128, WHOLE, 0.6), (64, WHOLE, 0.35), (64, PAIR, 0.6)]
)
def test_cysts_are_seen_far_more_often_than_invented(
    size: int, region: RegionConfig, more: float
) -> None:
    seen, invented = [], []
    for data in (phantoms(size, region=region), phantoms(size, seed=700, region=region)):
        seen.append(number(data.found(CYST), "cyst")[number(data.told(CYST), "cyst") > 0] > 0)
        invented.append(number(data.found(NORMAL), "cyst") > 0)
    assert np.concatenate(seen).mean() - np.concatenate(invented).mean() >= more


def test_sizes_follow_the_truth() -> None:
    data = phantoms(128)
    for label, kind in ((STONE, "stone"), (CYST, "cyst")):
        pairs = [
            (sum(getattr(one, kind)), sum(getattr(other, kind)))
            for one, other in zip(data.told(label), data.found(label), strict=True)
            if len(getattr(one, kind)) == len(getattr(other, kind)) > 0
        ]
        assert len(pairs) > 10
        assert np.corrcoef(np.array(pairs).T)[0, 1] > 0.6


def test_a_body_moved_and_mirrored_shows_the_same_stones() -> None:
    data = phantoms(128)
    images = data.images[data.labels == STONE]
    moved = np.roll(images[:, :, ::-1], (3, -2), axis=(1, 2))
    same = number(recover_once(images), "stone") == number(recover_once(moved), "stone")
    assert same.mean() >= 0.94


def test_a_planted_stone_is_found() -> None:
    image, truth = make_patient("normal", 0, 500)[0]
    kidney = truth["kidneys"][0]
    planted = image.copy()
    row, column = round(kidney["y"]), round(kidney["x"])
    planted[row - 1 : row + 2, column - 1 : column + 2] = 255
    before, after = recovery.recover(np.stack([image, planted]))
    assert len(after.stone) == len(before.stone) + 1


def test_images_without_a_body_show_nothing() -> None:
    rng = np.random.default_rng(0)
    noise = rng.integers(0, 60, (64, 64), dtype=np.uint8)
    assert recovery.recover(np.stack([np.zeros((64, 64), np.uint8), noise])) == [Found(), Found()]
    (white,) = recovery.recover(np.full((1, 64, 64), 255, np.uint8))
    assert (white.stone, white.cyst) == ((), ())


@pytest.mark.parametrize(
    "images",
    [
        np.zeros((2, 64, 64)),
        np.zeros((64, 64), np.uint8),
        np.zeros((1, 64, 32), np.uint8),
        np.zeros((1, 32, 32), np.uint8),
    ],
)
def test_images_that_cannot_be_read_are_refused(images: NDArray[np.uint8]) -> None:
    with pytest.raises(BadInputError, match="images"):
        recovery.recover(images)


# -- comparing ---------------------------------------------------------------------------------


def test_other_real_phantoms_pass_as_real() -> None:
    real, fake = phantoms(64), phantoms(64, seed=700)
    records = compare_recovered(real.images, real.labels, real.truth, fake.images, fake.labels)
    assert [(one.label, one.kind) for one in records] == [
        (label, kind) for label in range(4) for kind in ("stone", "cyst")
    ]
    for one in records:
        assert one.fake.low <= one.real.high
        assert one.real.low <= one.fake.high
        assert one.count_distance < 0.35
    assert record(records, STONE, "stone").truth.share > 0.7
    assert record(records, NORMAL, "stone").truth.share == 0
    assert Recovered.model_validate_json(records[0].model_dump_json()) == records[0]


def test_blurred_phantoms_have_lost_their_stones() -> None:
    real, fake = phantoms(64), phantoms(64, seed=700)
    blurred = gaussian_filter(fake.images, (0, 1.5, 1.5))
    records = compare_recovered(real.images, real.labels, real.truth, blurred, fake.labels)
    stones = record(records, STONE, "stone")
    assert stones.fake.high < stones.real.low
    assert stones.count_distance > 0.5 > 4 * stones.count_floor


def test_swapped_labels_are_told() -> None:
    real, fake = phantoms(64), phantoms(64, seed=700)
    swap = np.arange(4)
    swap[[STONE, NORMAL]] = NORMAL, STONE
    records = compare_recovered(
        real.images, real.labels, real.truth, fake.images, swap[fake.labels]
    )
    assert record(records, STONE, "stone").fake.high < record(records, STONE, "stone").real.low
    assert record(records, NORMAL, "stone").fake.low > record(records, NORMAL, "stone").real.high


def test_a_class_without_fakes_or_a_length_that_differs_is_refused() -> None:
    real = phantoms(64)
    some = real.labels == STONE
    with pytest.raises(BadInputError, match="class 0 lacks"):
        compare_recovered(
            real.images, real.labels, real.truth, real.images[some], real.labels[some]
        )
    with pytest.raises(BadInputError, match="differ in number"):
        compare_recovered(real.images, real.labels, real.truth[1:], real.images, real.labels)


def test_distances_of_counts_and_sizes_are_those_worked_by_hand() -> None:
    none, one, two = (), (4 * np.pi,), (np.pi, 9 * np.pi)
    assert count_distance([none, one], [none, one]) == 0
    assert count_distance([none, none, one, two], [one, one, one, two]) == pytest.approx(0.5)
    assert count_distance([none], [two]) == 1
    # Radii 2 and 2 against 1 and 3: each moves by 1.
    assert size_distance([one, one], [two]) == pytest.approx(1)
    assert size_distance([none], [two]) is None
