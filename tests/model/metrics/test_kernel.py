"""The kernel distance against the textbook's double loop, and its error bars against trials."""

import numpy as np
import pytest
from numpy.typing import NDArray

from model.metrics import (
    fake_term_variance,
    kernel_distance,
    kernel_distance_by_group,
    kernel_distance_interval,
)

Features = NDArray[np.float64]


def k(x: Features, y: Features) -> float:
    return float((x @ y / len(x) + 1) ** 3)


def textbook(real: Features, fake: Features) -> float:
    def within(x: Features) -> float:
        pairs = [k(a, b) for i, a in enumerate(x) for j, b in enumerate(x) if i != j]
        return float(np.mean(pairs))

    return within(real) + within(fake) - 2 * float(np.mean([k(a, b) for a in real for b in fake]))


@pytest.fixture
def sets() -> tuple[Features, Features]:
    rng = np.random.default_rng(3)
    return rng.normal(size=(17, 5)), rng.normal(0.4, 1.3, size=(11, 5))


def test_agrees_with_the_double_loop(sets: tuple[Features, Features]) -> None:
    assert kernel_distance(*sets) == pytest.approx(textbook(*sets), rel=1e-12)


def test_chunks_do_not_matter(
    sets: tuple[Features, Features], monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = kernel_distance(*sets)
    monkeypatch.setattr("model.metrics.kernel._ROWS", 4)
    assert kernel_distance(*sets) == pytest.approx(whole, rel=1e-12)


def test_symmetric_and_order_free(sets: tuple[Features, Features]) -> None:
    real, fake = sets
    assert kernel_distance(fake, real) == pytest.approx(kernel_distance(real, fake), rel=1e-12)
    assert kernel_distance(real[::-1], fake) == pytest.approx(kernel_distance(real, fake))


def test_unbiased_at_zero_and_positive_apart() -> None:
    rng = np.random.default_rng(0)
    same = [kernel_distance(*rng.normal(size=(2, 20, 4))) for _ in range(400)]
    assert abs(np.mean(same)) < 4 * np.std(same) / 20
    assert min(same) < 0, "an unbiased estimate of zero is sometimes negative"
    assert kernel_distance(rng.normal(size=(50, 4)), rng.normal(1, 1, size=(50, 4))) > 1


def test_group_scores_differ_by_the_difference_of_distances(
    sets: tuple[Features, Features],
) -> None:
    real, fake = sets
    other = fake + 0.7
    groups = np.array(["b"] * 9 + ["a"] * 8)
    first, second = (kernel_distance_by_group(real, groups, f) for f in (fake, other))
    assert list(first) == ["a", "b"]
    for name in first:
        part = real[groups == name]
        expected = kernel_distance(part, fake) - kernel_distance(part, other)
        assert first[name] - second[name] == pytest.approx(expected, rel=1e-9)


def test_fakes_variance_is_what_repeated_sampling_shows() -> None:
    rng = np.random.default_rng(1)
    real, groups = rng.normal(size=(40, 6)), np.arange(40) % 8
    strata = np.arange(150) % 3
    centres = rng.normal(size=(3, 6)) / 2

    def draw() -> Features:
        fakes: Features = centres[strata] + rng.normal(size=(150, 6)) / 2
        return fakes

    means, variances = [], []
    for _ in range(300):
        fake = draw()
        means.append(np.mean(list(kernel_distance_by_group(real, groups, fake).values())))
        variances.append(fake_term_variance(real, groups, fake, strata))
    assert np.mean(variances) == pytest.approx(np.var(means, ddof=1), rel=0.25)


def test_interval_covers_the_truth_when_images_of_a_group_are_alike() -> None:
    """Nine groups of five similar images: an interval over images would be far too short."""
    rng = np.random.default_rng(2)
    shift, covered = 0.3, 0
    truth = kernel_distance(*(rng.normal([m] * 4, 1, size=(4000, 4)) for m in (0, shift)))
    for _ in range(200):
        patients = rng.normal(size=(9, 1, 4)) * np.sqrt(0.8)
        real = (patients + rng.normal(size=(9, 5, 4)) * np.sqrt(0.2)).reshape(-1, 4)
        fake = rng.normal(shift, 1, size=(60, 4))
        interval = kernel_distance_interval(real, np.repeat(np.arange(9), 5), fake, np.zeros(60))
        covered += interval.low <= truth <= interval.high
    assert 170 <= covered <= 200, "nominally 95 %"


def test_refuses_what_it_cannot_judge() -> None:
    with pytest.raises(ValueError, match="two rows"):
        kernel_distance(np.zeros((1, 3)), np.zeros((4, 3)))
    with pytest.raises(ValueError, match=r"\[N, d\]"):
        kernel_distance(np.zeros((4, 3)), np.zeros((4, 2)))
    with pytest.raises(ValueError, match="two groups"):
        kernel_distance_interval(np.zeros((4, 3)), ["a"] * 4, np.zeros((4, 3)), [0] * 4)
    with pytest.raises(ValueError, match="each class"):
        fake_term_variance(np.zeros((4, 3)), ["a"] * 4, np.zeros((3, 3)), [0, 0, 1])
