"""Strata of groups, and intervals where a class has hardly any group of its own."""

import numpy as np
import pytest

from model.metrics.class_margin import class_matrix
from model.metrics.strata import strata_of
from model.utility.intervals import resampling, spread


@pytest.mark.parametrize(
    ("sizes", "expected"),
    [
        ([[3, 0], [2, 1], [0, 4], [1, 2]], [[0, 1], [2, 3]]),
        ([[3, 0], [2, 1], [0, 4]], [[0, 1, 2]]),
        (
            [[9, 0, 0], [9, 0, 0], [9, 0, 0], [0, 9, 0], [0, 9, 0], [0, 0, 9]],
            [[3, 4, 5], [0, 1, 2]],
        ),
        ([[9, 0, 0], [9, 0, 0], [0, 9, 0], [0, 0, 9]], [[2, 3], [0, 1]]),
        ([[5, 5]], [[0]]),
    ],
)
def test_every_stratum_has_two_groups(sizes: list[list[int]], expected: list[list[int]]) -> None:
    found = strata_of(sizes)
    assert sorted(one.groups.tolist() for one in found) == sorted(expected)
    assert all(1 <= one.freedom < len(one.groups) for one in found if len(one.groups) > 1)


def test_what_may_come_from_one_group_has_one_degree_of_freedom() -> None:
    assert [one.freedom for one in strata_of([[9, 0]] * 6 + [[0, 9]])] == [1]
    assert [one.freedom for one in strata_of([[9, 0]] * 6 + [[0, 9]] * 3)] == [2, 5]


def test_accuracy_with_one_group_of_mostly_one_class_covers_as_often_as_it_says() -> None:
    """Seven patients show class 0, one of them class 1, too, and one mostly class 1."""
    rng = np.random.default_rng(0)
    labels = np.repeat([0, 1, 0, 1], [70, 4, 2, 8])
    groups = np.concatenate([np.repeat(np.arange(7), 10), [6] * 4, [7] * 10]).astype(str)
    draws, held = resampling(labels, groups, 2, 300), 0
    assert draws.freedom == 1
    for _ in range(400):
        easy = rng.beta(4, 2, 8)[groups.astype(int)]  # the mean share of right answers is 2/3
        answers = np.where(rng.random(len(labels)) < easy, labels, 1 - labels)
        found = spread(answers[None], draws, seeded=False).estimate()
        assert found.low is not None
        assert found.high is not None
        held += found.low <= 2 / 3 <= found.high
    assert held / 400 > 0.9


def test_a_margin_with_one_group_of_mostly_one_class_covers_nearly_as_often_as_it_says() -> None:
    """.53 and .87 where a single group is taken not to vary."""
    rng = np.random.default_rng(1)
    labels = np.concatenate([np.zeros(30, int), np.ones(4, int), np.zeros(2, int), np.ones(6, int)])
    groups = np.concatenate([np.repeat(np.arange(6), 5), [5] * 4, [6] * 8]).astype(str)
    asked, found = np.repeat([0, 1], 40), []
    for _ in range(120):
        centres = 0.8 * rng.normal(size=(7, 3))[groups.astype(int)]
        real = centres + 0.4 * rng.normal(size=(42, 3)) + labels[:, None]
        fake = rng.normal(size=(80, 3)) + asked[:, None]
        found.append(class_matrix(real, groups, labels, fake, asked, 2).margin)
    mean = np.mean([one.value for one in found], 0)
    held = np.mean([(one.low <= mean) & (mean <= one.high) for one in found], 0)
    assert (held > 0.87).all()
