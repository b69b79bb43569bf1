"""Statistics of studies, against other implementations and published tables."""

from math import sqrt

import numpy as np
import pytest
from scipy.stats import binomtest, norm
from sklearn.metrics import roc_auc_score

from pipeline.base.wilson import wilson
from pipeline.study.equivalence import (
    answers_for,
    answers_to_decide,
    half_width,
    pooled,
    verdict,
)
from pipeline.study.statistics import Share, change, detection, ranking


def share(hits: int, count: int) -> Share:
    return Share.of([True] * hits + [False] * (count - hits))


@pytest.mark.parametrize(("hits", "count"), [(0, 20), (7, 20), (81, 263), (20, 20)])
def test_the_interval_of_a_share_is_wilsons(hits: int, count: int) -> None:
    expected = binomtest(hits, count).proportion_ci(0.95, method="wilson")
    found = share(hits, count)
    assert (found.low, found.high) == pytest.approx((expected.low, expected.high))


def test_the_interval_of_a_difference_is_newcombes() -> None:
    """Newcombe 1998, Statistics in Medicine 17:873, table II, method 10, 56/70 and 48/80."""
    found = change(share(48, 80), share(56, 70))
    assert found is not None
    assert (found.value, found.low, found.high) == pytest.approx((0.2, 0.0524, 0.3339), abs=5e-5)
    assert change(share(0, 0), share(3, 4)) is None


def test_detection_is_that_of_the_textbook() -> None:
    """H = 0.9 and F = 0.2 of many trials: d' = 2.12 and c = -0.22."""
    found = detection(900_000, 1_000_000, 200_000, 1_000_000, pair=False)
    assert found is not None
    assert found.sensitivity.value == pytest.approx(norm.ppf(0.9) - norm.ppf(0.2), abs=1e-3)
    assert found.criterion.value == pytest.approx(-(norm.ppf(0.9) + norm.ppf(0.2)) / 2, abs=1e-3)
    pair = detection(900_000, 1_000_000, 200_000, 1_000_000, pair=True)
    assert pair is not None
    assert pair.sensitivity.value == pytest.approx(found.sensitivity.value / sqrt(2))
    assert detection(3, 3, 0, 0, pair=True) is None


def test_detection_stays_finite_and_its_interval_covers() -> None:
    whole = detection(20, 20, 0, 20, pair=False)
    assert whole is not None
    assert np.isfinite([whole.sensitivity.low, whole.sensitivity.high]).all()
    assert whole.sensitivity.low > 0
    rng = np.random.default_rng(0)
    truth = float(norm.ppf(0.7) - norm.ppf(0.4))
    covered = 0
    for _ in range(400):
        made = detection(rng.binomial(50, 0.7), 50, rng.binomial(50, 0.4), 50, pair=False)
        assert made is not None
        covered += made.sensitivity.low <= truth <= made.sensitivity.high
    assert 0.92 <= covered / 400 <= 0.99


def test_the_area_under_the_curve_is_that_of_scikit_learn() -> None:
    rng = np.random.default_rng(1)
    synthetic, real = rng.integers(3, 9, 40).tolist(), rng.integers(1, 7, 30).tolist()
    found = ranking(synthetic, real)
    assert found is not None
    truth = [1] * 40 + [0] * 30
    assert found.value == pytest.approx(roc_auc_score(truth, synthetic + real))
    assert found.low < found.value < found.high
    assert ranking([], real) is None


@pytest.mark.parametrize(
    ("hits", "count", "word"),
    [
        (10, 20, "undecided"),
        (44, 97, "undecided"),
        (150, 300, "equivalent"),
        (80, 100, "told apart"),
        (20, 100, "told apart"),  # who is always wrong can tell, too
        (1060, 2000, "equivalent"),  # different from chance, but by less than the margin
    ],
)
def test_verdicts(hits: int, count: int, word: str) -> None:
    found = verdict(share(hits, count), 0.1)
    assert found.word == word
    assert (found.more is None) == (word != "undecided")
    assert found.p_equivalent is not None
    assert (found.p_equivalent < 0.05) == (word == "equivalent")


def test_the_numbers_of_trials_are_those_of_the_textbook() -> None:
    assert answers_for(0.1) == 97
    assert half_width(97) == pytest.approx(0.0995, abs=1e-4)
    expected = (norm.isf(0.05) + norm.isf(0.1)) ** 2 / (4 * 0.1**2)
    assert answers_to_decide(0.5, 0.1) == int(np.ceil(expected))
    assert answers_to_decide(0.9, 0.1) < 20  # type: ignore[operator]
    assert answers_to_decide(0.5, 0.005) is None


def test_so_many_answers_decide_in_four_of_five_studies() -> None:
    needed = answers_to_decide(0.5, 0.1)
    assert needed
    rng = np.random.default_rng(0)
    hits = rng.binomial(needed, 0.5, 500)
    words = [verdict(share(int(one), needed), 0.1).word for one in hits]
    assert words.count("equivalent") / 500 == pytest.approx(0.8, abs=0.06)


def test_a_test_of_equivalence_errs_in_one_of_twenty() -> None:
    """At the margin itself, readers may be called unable to tell in 5 % of studies."""
    hits = np.random.default_rng(0).binomial(300, 0.6, 2000)
    words = [verdict(share(int(one), 300), 0.1).word for one in hits]
    assert words.count("equivalent") / 2000 < 0.06


def test_readers_who_differ_give_a_wider_interval_than_their_answers() -> None:
    alike = pooled([share(60, 100)] * 4, 0.1, 0)
    differ = pooled([share(hits, 100) for hits in (45, 55, 65, 75)], 0.1, 0)
    assert alike.accuracy.value == differ.accuracy.value == 0.6
    wilsons = wilson(240, 400, 0.95)
    assert (alike.accuracy.low, alike.accuracy.high) == pytest.approx(wilsons)
    assert differ.accuracy.low < alike.accuracy.low
    assert differ.accuracy.high > alike.accuracy.high
    assert (differ.readers, differ.answers) == (4, 400)
    assert pooled([share(hits, 100) for hits in (45, 55, 65, 75)], 0.1, 0) == differ


def test_many_answers_of_three_readers_at_chance_are_equivalent() -> None:
    found = pooled([share(50, 100), share(49, 100), share(52, 100)], 0.1, 0)
    assert found.verdict.word == "equivalent"
    few = pooled([share(5, 10), share(5, 10), share(5, 10)], 0.1, 0)
    assert few.verdict.word == "undecided"
    assert few.verdict.more
    assert few.verdict.more > 100
