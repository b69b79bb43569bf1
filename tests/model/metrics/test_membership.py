"""Membership inference: the figures by their definitions, the intervals by repeated trials."""

import numpy as np
import pytest
from scipy.stats import binom, norm

from model.metrics import membership_inference


def test_agrees_with_the_definitions_ties_included() -> None:
    rng = np.random.default_rng(0)
    train, holdout = rng.integers(2, 12, 230).astype(float), rng.integers(0, 11, 340).astype(float)
    found = membership_inference(train, holdout)
    difference = train[:, None] - holdout
    assert found.auc == pytest.approx(np.mean(difference > 0) + np.mean(difference == 0) / 2)
    rates = [(np.mean(holdout > t), np.mean(train > t)) for t in range(-1, 13)]
    best = max(true for false, true in rates if false <= 0.01)
    assert found.tpr_at_1_percent_fpr == pytest.approx(best)
    assert found.auc_low < found.auc < found.auc_high
    assert (found.n_train, found.n_holdout) == (230, 340)


def test_share_and_its_exact_interval() -> None:
    """Clopper-Pearson's limits are where the tail beyond the count is 2.5 %."""
    train = np.concatenate([np.full(30, 9.0), np.zeros(170)])
    found = membership_inference(train, np.linspace(-1, 1, 200))
    assert found.tpr_at_1_percent_fpr == 30 / 200
    assert binom.sf(29, 200, found.tpr_low) == pytest.approx(0.025, rel=1e-6)
    assert binom.cdf(30, 200, found.tpr_high) == pytest.approx(0.025, rel=1e-6)


@pytest.mark.parametrize(("held", "allowed"), [(99, 0), (100, 1), (250, 2)])
def test_threshold_lets_at_most_one_percent_of_the_holdout_through(held: int, allowed: int) -> None:
    holdout = np.arange(held, dtype=float)
    just_above = holdout[held - 1 - allowed] + 0.5
    found = membership_inference([just_above, just_above - 1, -5.0], holdout)
    assert found.tpr_at_1_percent_fpr == pytest.approx(1 / 3)


@pytest.mark.parametrize("shift", [0.0, 1.0, 2.5])
def test_interval_covers_the_truth(shift: float) -> None:
    rng = np.random.default_rng(1)
    truth, covered = norm.cdf(shift / np.sqrt(2)), 0
    for _ in range(400):
        found = membership_inference(rng.normal(shift, 1, 40), rng.normal(size=60))
        covered += found.auc_low <= truth <= found.auc_high
    assert 365 <= covered <= 398, "nominally 95 %, so 380"


def test_limits_of_the_scale_have_an_interval() -> None:
    apart = membership_inference([2.0, 3.0, 4.0] * 10, [0.0, 1.0] * 15)
    assert (apart.auc, apart.auc_high, apart.tpr_at_1_percent_fpr) == (1.0, 1.0, 1.0)
    assert 0.7 < apart.auc_low < 1
    assert apart.tpr_low < 1
    below = membership_inference([0.0, 1.0] * 15, [2.0, 3.0, 4.0] * 10)
    assert (below.auc, below.auc_low) == (0.0, 0.0)
    assert below.auc_high == pytest.approx(1 - apart.auc_low)


def test_scores_that_say_nothing() -> None:
    found = membership_inference(np.ones(50), np.ones(70))
    assert found.auc == 0.5
    assert found.auc_low < 0.5 < found.auc_high
    assert found.tpr_at_1_percent_fpr == 0


def test_order_and_monotone_scale_do_not_matter() -> None:
    rng = np.random.default_rng(2)
    train, holdout = rng.normal(0.4, 1, 90), rng.normal(size=120)
    found = membership_inference(train, holdout)
    assert membership_inference(train[::-1], holdout[::-1]) == found
    assert membership_inference(np.exp(train), np.exp(holdout)) == found


def test_refuses_what_it_cannot_judge() -> None:
    with pytest.raises(ValueError, match="0 of 0"):
        membership_inference([], [1.0])
    with pytest.raises(ValueError, match="1 of 2"):
        membership_inference([1.0, np.nan], [1.0])
