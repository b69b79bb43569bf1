"""Drift: real shifts are detected, chance is not, and images of a patient are dependent."""

import numpy as np
import pytest
from numpy.typing import NDArray

from model.metrics import kernel_distance
from pipeline.evaluation.drift import Permutations, kernel_shift, mean_shift, too_few_permutations

LEVEL = 0.05
Values = NDArray[np.float64]


def images(seed: int, groups: int, each: int = 5, between: float = 1.0) -> Values:
    """Features [groups * each, 8]; those of one patient are similar."""
    rng = np.random.default_rng(seed)
    centres = rng.normal(0, between, (groups, 8)).repeat(each, axis=0)
    made: Values = centres + rng.normal(0, 0.2, centres.shape)
    return made


def two_batches(groups: int, new: int, each: int = 5) -> tuple[NDArray[np.str_], NDArray[np.bool_]]:
    names = np.array([f"g{place}" for place in range(groups)], np.str_).repeat(each)
    return names, np.arange(len(names)) >= (groups - new) * each


def test_the_value_is_the_kernel_distance() -> None:
    names, is_new = two_batches(20, 8)
    features = images(0, 20)
    found = kernel_shift(features, Permutations.draw(names, is_new), LEVEL)
    assert found.value == pytest.approx(kernel_distance(features[~is_new], features[is_new]))
    means = mean_shift(features[:, 0], Permutations.draw(names, is_new), LEVEL)
    assert means.value == pytest.approx(features[is_new, 0].mean() - features[~is_new, 0].mean())


def test_batches_of_one_kind_seldom_differ() -> None:
    """Nominally 2 of 40 differ; permuting single images, most of ten would."""
    names, is_new = two_batches(20, 8)
    alarms, naive = 0, 0
    for seed in range(40):
        features = images(seed, 20)
        alarms += kernel_shift(features, Permutations.draw(names, is_new, seed), LEVEL).beyond
        if seed >= 10:
            continue
        one_by_one = np.arange(len(names)).astype(np.str_)
        naive += kernel_shift(features, Permutations.draw(one_by_one, is_new, seed), LEVEL).beyond
    assert alarms <= 6
    assert naive > 5


def test_a_shift_is_detected() -> None:
    names, is_new = two_batches(20, 8)
    shifted = images(1, 20) + 2.0 * is_new[:, None]
    deals = Permutations.draw(names, is_new)
    kernel, mean = kernel_shift(shifted, deals, LEVEL), mean_shift(shifted[:, 0], deals, LEVEL)
    assert kernel.beyond
    assert mean.beyond
    assert max(kernel.p, mean.p) < LEVEL


def test_the_same_patients_imaged_again_are_compared_with_themselves() -> None:
    """A shift smaller than the spread between patients shows within each patient's images."""
    features = np.concatenate([images(2, 20), images(2, 20) + 0.5])
    is_new = np.arange(200) >= 100
    patients = np.tile(two_batches(20, 0)[0], 2)
    strangers = np.char.add(patients, np.where(is_new, "b", "a"))
    assert mean_shift(features[:, 0], Permutations.draw(patients, is_new), LEVEL).beyond
    assert not mean_shift(features[:, 0], Permutations.draw(strangers, is_new), LEVEL).beyond


def test_no_floor_without_enough_permutations() -> None:
    assert too_few_permutations({"a", "b", "c", "d"}, {"e", "f"})  # 15 ways
    assert not too_few_permutations(set("abcdef"), set("ghij"))  # 210 ways
    assert too_few_permutations(set("abcdef"), set("abcdef"))  # 64 ways
    assert not too_few_permutations(set("abcdefg"), set("abcdefg"))  # 128 ways
