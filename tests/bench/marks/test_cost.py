"""What a change costs: the difference of two kernel distances, and likeness."""

import numpy as np
import pytest

from bench.marks.cost import distance_difference, likeness
from model.metrics import kernel_distance, kernel_distance_interval

RNG = np.random.default_rng(0)
REAL = RNG.standard_normal((60, 16))
GROUPS = np.repeat([f"g{number}" for number in range(12)], 5)
BEFORE = RNG.standard_normal((40, 16))
STRATA = np.arange(40) % 2


def test_it_is_the_difference_of_both_distances() -> None:
    after = BEFORE + 0.3
    found = distance_difference(REAL, GROUPS, BEFORE, after, STRATA)
    apart = kernel_distance(REAL, after) - kernel_distance(REAL, BEFORE)
    assert found.value == pytest.approx(apart, rel=1e-9)
    assert found.low < found.value < found.high


def test_images_that_stay_cost_nothing_and_surely() -> None:
    found = distance_difference(REAL, GROUPS, BEFORE, BEFORE.copy(), STRATA)
    assert (found.value, found.low, found.high) == (0.0, 0.0, 0.0)


def test_pairs_are_compared_far_more_surely_than_sets() -> None:
    after = BEFORE + 0.02
    low, high = kernel_distance_interval(REAL, GROUPS, after, STRATA)
    found = distance_difference(REAL, GROUPS, BEFORE, after, STRATA)
    assert found.high - found.low < 0.2 * (high - low)


def test_the_interval_holds_what_it_says() -> None:
    held, shift, many = 0, 0.2, np.random.default_rng(1).standard_normal((4000, 4))
    truth = kernel_distance(many[:2000], many[2000:] + shift)  # the unshifted are at 0
    for seed in range(60):
        rng = np.random.default_rng([2, seed])
        real, before = rng.standard_normal((60, 4)), rng.standard_normal((60, 4))
        strata = np.zeros(60, np.int64)
        found = distance_difference(real, GROUPS, before, before + shift, strata)
        held += found.low <= truth <= found.high
    assert 52 <= held <= 60  # 57 expected; fewer than 52 have a chance of 1 in 100


def test_likeness_of_noise_is_its_energy() -> None:
    images = RNG.integers(60, 200, (8, 64, 64)).astype(np.uint8)
    changed = images.copy()
    changed[2:] += np.where(RNG.random((6, 64, 64)) < 0.5, 4, 0).astype(np.uint8)
    found = likeness(images, changed)
    assert found.psnr == pytest.approx(10 * np.log10(255**2 / 8), abs=0.3)
    assert found.unchanged == 2
    assert found.psnr is not None
    assert found.psnr_low is not None
    assert found.psnr_low <= found.psnr
    assert found.ssim_low <= found.ssim < 1


def test_images_that_stay_have_no_psnr() -> None:
    images = RNG.integers(0, 255, (2, 64, 64)).astype(np.uint8)
    found = likeness(images, images)
    assert (found.psnr, found.ssim, found.unchanged) == (None, 1.0, 2)
