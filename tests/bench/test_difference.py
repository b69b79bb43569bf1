"""The difference of two kernel distances of the same images, changed in two ways."""

import numpy as np
import pytest

from bench.difference import distance_difference
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


def test_its_interval_holds_a_difference_of_groups_that_differ() -> None:
    rng = np.random.default_rng(1)
    groups, strata = np.repeat([f"g{n}" for n in range(8)], 4), np.arange(60) % 2
    found = []
    for _ in range(200):
        real = rng.normal(size=(8, 3)).repeat(4, axis=0) + 0.3 * rng.normal(size=(32, 3))
        drawn = rng.normal(size=(60, 3))
        noisy = drawn + 0.5 * rng.normal(size=(60, 3))
        shifted = drawn + np.array([0.7, 0, 0])
        found.append(distance_difference(real, groups, shifted, noisy, strata))
    mean = np.mean([one.value for one in found])
    held = np.mean([one.low <= mean <= one.high for one in found])
    assert 0.92 <= held <= 0.99


def test_one_group_gives_no_interval() -> None:
    found = distance_difference(REAL, np.full(60, "g"), BEFORE, BEFORE + 0.3, STRATA)
    assert np.isfinite(found.value)
    assert np.isnan([found.low, found.high]).all()


def test_a_single_image_of_a_class_is_refused() -> None:
    with pytest.raises(ValueError, match="at least two fakes of each class"):
        distance_difference(REAL, GROUPS, BEFORE, BEFORE, np.arange(40) == 0)
