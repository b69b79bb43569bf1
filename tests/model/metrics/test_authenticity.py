"""Copying in features: planted copies are seen, strangers are not, the control stands beside."""

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.stats import mannwhitneyu, norm

from model.metrics import CopyingReport, copying_report

Features = NDArray[np.float64]


def draw(seed: int, rows: int, columns: int = 12) -> Features:
    features: Features = np.random.default_rng(seed).normal(size=(rows, columns))
    return features


def literal(made: Features, train: Features) -> tuple[float, float, float, Features]:
    """Median distance, median ratio, authentic share and the distances, pair by pair."""
    to_train = [
        sorted((float(np.linalg.norm(x - t)), i) for i, t in enumerate(train)) for x in made
    ]
    first = np.array([row[0][0] for row in to_train])
    ratio = [row[0][0] / row[1][0] for row in to_train]
    authentic = []
    for (near, which), *_ in to_train:
        others = [np.linalg.norm(train[which] - t) for i, t in enumerate(train) if i != which]
        authentic.append(near > min(others))
    return float(np.median(first)), float(np.median(ratio)), float(np.mean(authentic)), first


def test_agrees_with_the_definitions_pair_by_pair() -> None:
    fake, train, holdout = 0.8 * draw(0, 31), draw(1, 40), draw(2, 27)
    found = copying_report(fake, train, holdout)
    sides = [literal(rows, train) for rows in (fake, holdout)]
    for figure, expected in zip(
        (found.distance, found.nndr, found.authentic), zip(*sides, strict=True), strict=False
    ):
        assert figure == pytest.approx(expected)
    assert 0 < found.authentic.fake < 1
    made, held = sides[0][3], sides[1][3]
    farther = np.mean([a > b for a in made for b in held])
    expected_z = (farther * 31 * 27 - 31 * 27 / 2) / np.sqrt(31 * 27 * 59 / 12)
    assert found.c_t == pytest.approx(expected_z)
    test = mannwhitneyu(made, held, use_continuity=False, alternative="less", method="asymptotic")
    assert norm.cdf(found.c_t) == pytest.approx(test.pvalue)
    assert (found.n_fake, found.n_train, found.n_holdout) == (31, 40, 27)


def test_planted_copies_are_seen_in_every_figure() -> None:
    train, holdout = draw(3, 200), draw(4, 150)
    found = copying_report(train[:120] + 1e-3 * draw(5, 120), train, holdout)
    assert found.distance.fake < 0.01 < found.distance.holdout
    assert found.nndr.fake < 0.01
    assert found.nndr.holdout > 0.7
    assert found.authentic.fake == 0 < found.authentic.holdout
    assert found.c_t < -8


def test_a_generator_that_only_draws_is_like_the_holdout() -> None:
    scores = [
        copying_report(draw(s, 60), draw(s + 1, 90), draw(s + 2, 60)) for s in range(0, 300, 3)
    ]
    z = np.array([report.c_t for report in scores])
    assert abs(z.mean()) < 0.4
    assert 0.75 < z.std() < 1.35, "a z score under the null; all share one training set a trial"
    gaps = [report.authentic.fake - report.authentic.holdout for report in scores]
    assert abs(np.mean(gaps)) < 0.03


def test_cells_find_copying_that_straying_elsewhere_hides() -> None:
    """Few copy, at the mode where most of the holdout is; many stray at the other."""
    train = np.concatenate([draw(6, 100), draw(7, 100) + 40])
    holdout = np.concatenate([draw(8, 180), draw(9, 30) + 40])
    fake = np.concatenate([train[:30] + 1e-3, 3 * draw(10, 170) + 40])
    whole, cut = (copying_report(fake, train, holdout, cells=c).c_t for c in (1, 2))
    assert whole > 4, "most fakes are far from the training images"
    copied = copying_report(fake[:30], train[:100], holdout[:180]).c_t
    strayed = copying_report(fake[30:], train[100:], holdout[180:]).c_t
    assert cut == pytest.approx((180 * copied + 30 * strayed) / 210)
    assert cut < -4


def test_a_cell_with_few_rows_does_not_count() -> None:
    train = np.concatenate([draw(6, 100), draw(7, 100) + 40])
    holdout = np.concatenate([draw(8, 100), draw(9, 100) + 40])
    fake = np.concatenate([draw(10, 60), draw(11, 19) + 40])
    alone = copying_report(fake[:60], train[:100], holdout[:100]).c_t
    assert copying_report(fake, train, holdout, cells=2).c_t == pytest.approx(alone)


def test_one_cell_is_no_cell_and_cells_are_seeded() -> None:
    fake, train, holdout = draw(10, 150), draw(11, 150), draw(12, 150)
    assert copying_report(fake, train, holdout, cells=1, seed=3) == copying_report(
        fake, train, holdout, seed=4
    )
    first, again = (copying_report(fake, train, holdout, cells=3, seed=5) for _ in range(2))
    assert first == again
    assert first.c_t != copying_report(fake, train, holdout).c_t


def test_order_of_rows_does_not_matter() -> None:
    fake, train, holdout = draw(13, 40), draw(14, 50), draw(15, 30)
    forward = copying_report(fake, train, holdout)
    backward = copying_report(fake[::-1], train[::-1], holdout[::-1])
    assert flat(backward) == pytest.approx(flat(forward), rel=1e-12)


def flat(report: CopyingReport) -> list[float]:
    return [*report.distance, *report.nndr, *report.authentic, report.c_t]


def test_a_copy_of_a_doubled_image_is_not_authentic_and_its_ratio_is_one() -> None:
    train = np.repeat(draw(16, 20), 2, axis=0)
    found = copying_report(train[:10], train, draw(17, 20))
    assert found.nndr.fake == 1
    assert found.authentic.fake == 0
    assert found.distance.fake == 0


def test_refuses_what_it_cannot_judge() -> None:
    with pytest.raises(ValueError, match="got 3, 0 and 5"):
        copying_report(draw(0, 3), draw(1, 5), draw(2, 0))
    with pytest.raises(ValueError, match="two training"):
        copying_report(draw(0, 3), draw(1, 1), draw(2, 4))
    with pytest.raises(ValueError, match="fewer cells"):
        copying_report(draw(0, 19), draw(1, 50), draw(2, 50), cells=2)
