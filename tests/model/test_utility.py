"""Utility on toy images whose class is a shape: help is found, and no other is claimed."""

import itertools
from collections.abc import Callable, Sequence

import numpy as np
import pytest
from numpy.typing import NDArray

from model.utility.classifier import real_and_synthetic
from model.utility.config import Arm, UtilityConfig, arms, contrasts, plan
from model.utility.control import fit_plain, plain_features
from model.utility.intervals import balanced_accuracy, macro_auc, resampling, spread
from model.utility.record import Contrast, UtilityReport
from model.utility.run import Labelled, real_rows, run_utility

CLASSES = ("disc", "bars")
Images = NDArray[np.uint8]
SMALL = UtilityConfig(
    minutes=60.0,
    seeds=(0, 1, 2, 3),
    shares=(0.1,),
    ratios=(1.0,),
    kimg=3.2,
    synthetic=400,
    resamples=400,
)


def shapes(labels: NDArray[np.int64], seed: int) -> Images:
    """A disc, or two bars of the same area, anywhere, in so much noise that few do not suffice."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[:32, :32]
    images = np.empty((len(labels), 32, 32))
    for place, label in enumerate(labels):
        down, across = y - rng.uniform(9, 23), x - rng.uniform(9, 23)
        disc = down**2 + across**2 < 36
        bars = (np.abs(np.abs(down) - 4.5) < 2) & (np.abs(across) < 7)
        images[place] = 60 + 90 * (bars if label else disc) + rng.normal(0, 30, (32, 32))
    return images.clip(0, 255).astype(np.uint8)


def split(groups: int, each: int, seed: int, name: str) -> Labelled:
    labels = np.repeat(np.arange(groups) % 2, each).astype(np.int64)
    names = np.repeat([f"{name}{place:03}" for place in range(groups)], each)
    return Labelled(shapes(labels, seed), labels, names)


TRAIN, TEST = split(40, 6, 1, "train"), split(30, 6, 2, "test")


def good(names: Sequence[str], seed: int) -> Images:
    return shapes(np.array([CLASSES.index(name) for name in names]), 100 + seed)


def shuffled(names: Sequence[str], seed: int) -> Images:
    """Images as good as real ones, whose labels say nothing."""
    return good(np.random.default_rng(seed).permutation(np.array(names)).tolist(), seed)


@pytest.fixture(scope="module")
def helped() -> UtilityReport:
    return run_utility(TRAIN, TEST, CLASSES, good, SMALL)


def mixture(report: UtilityReport, share: float) -> Contrast:
    treated = Arm(kind="mixed", share=share, ratio=1.0)
    return next(one for one in report.contrasts if one.treated == treated)


def test_good_synthetic_images_help_where_real_ones_are_few(helped: UtilityReport) -> None:
    found = mixture(helped, 0.1)
    assert found.reference == Arm(kind="real", share=0.1)
    assert found.claim == "better"
    assert found.difference.low is not None
    assert found.difference.low > 0.05
    few = next(score for score in helped.arms if score.arm == found.reference)
    assert few.real_images == (24,) * 4, "two groups of each class, of six images"
    assert helped.repeatable
    assert helped.warnings == ()
    assert not helped.control.fires


def test_useless_synthetic_images_do_not_help_and_are_not_claimed_to() -> None:
    config = SMALL.model_copy(update={"seeds": (0, 1, 2)})
    report = run_utility(TRAIN, TEST, CLASSES, shuffled, config)
    of_synthetic = [one for one in report.contrasts if one.treated.kind in {"mixed", "synthetic"}]
    assert [found.claim == "better" for found in of_synthetic] == [False, False]
    assert all(found.difference.value < 0.02 for found in of_synthetic)
    alone = next(score for score in report.arms if score.arm.kind == "synthetic")
    assert abs(alone.balanced_accuracy.value - 0.5) < 0.12


def test_means_over_seeds_and_json(helped: UtilityReport) -> None:
    for score in helped.arms:
        assert score.balanced_accuracy.value == pytest.approx(np.mean(score.by_seed))
    values = {score.arm: score.balanced_accuracy.value for score in helped.arms}
    for found in helped.contrasts:
        expected = values[found.treated] - values[found.reference]
        assert found.difference.value == pytest.approx(expected)
    assert UtilityReport.model_validate_json(helped.model_dump_json()) == helped


def ticking(minutes: float) -> Callable[[], float]:
    """A clock that moves on at every look."""
    ticks = itertools.count()
    return lambda: next(ticks) * minutes * 60


SHORT = SMALL.model_copy(update={"kimg": 0.2, "seeds": (0, 1), "shares": (1.0, 0.1)})


def test_without_minutes_fits_are_dropped_from_the_end_and_named() -> None:
    # Looks: the start, then before and after each fit. A fit takes a minute, and one between two.
    told: list[tuple[int, int]] = []
    config = SHORT.model_copy(update={"minutes": 20.0})
    report = run_utility(
        TRAIN, TEST, CLASSES, good, config, lambda *at: told.append(at), ticking(1.0)
    )
    names = [fit.name for fit in plan(config)]
    assert told[-1] == (10, 14)
    assert report.not_run == tuple(names[10:])
    assert not report.repeatable
    assert "4 of 14 fits were not run" in report.warnings[-1]
    seeds = {score.arm.name: score.seeds for score in report.arms}
    assert seeds["synthetic"] == (0, 1)
    assert seeds["real 10 %"] == (0,)
    single = next(one for one in report.arms if one.arm.name == "real 10 %")
    assert single.balanced_accuracy.low is None, "one seed does not tell training's luck"
    assert mixture(report, 0.1).claim == "undecided"


def test_the_same_twice_to_the_last_bit() -> None:
    first, second = (run_utility(TRAIN, TEST, CLASSES, good, SHORT) for _ in range(2))
    assert first == second
    other = run_utility(TRAIN, TEST, CLASSES, good, SHORT.model_copy(update={"seeds": (5, 6)}))
    assert other.arms[0].macro_auc != first.arms[0].macro_auc


def test_the_control_fires_on_a_planted_brightness() -> None:
    def brighter(data: Labelled) -> Labelled:
        offset = (8 * data.labels)[:, None, None].astype(np.uint8)
        return data._replace(images=data.images.clip(0, 240) + offset)

    config = SHORT.model_copy(update={"confounded": True})
    report = run_utility(brighter(TRAIN), brighter(TEST), CLASSES, good, config)
    assert report.control.fires
    assert report.control.balanced_accuracy.value > 0.9
    assert "confounded" in report.warnings[0]
    assert "Grey levels" in report.warnings[1]


def test_a_class_with_one_test_group_has_no_interval() -> None:
    lonely = TEST._replace(groups=np.where(TEST.labels == 1, "only", TEST.groups))
    report = run_utility(TRAIN, lonely, CLASSES, good, SHORT)
    assert all(score.balanced_accuracy.low is None for score in report.arms)
    assert {found.claim for found in report.contrasts} == {"undecided"}
    assert "in one test group only" in report.warnings[-1]
    assert report.warnings[-1].endswith("unknown: bars.")


def test_a_class_that_is_the_main_one_of_a_single_group_is_named() -> None:
    """Although other groups have images of it, too."""
    sizes = [[9, 1], [9, 1], [9, 0], [1, 9]]
    labels = np.concatenate([np.repeat([0, 1], size) for size in sizes])
    groups = np.repeat([f"g{place}" for place in range(4)], [sum(size) for size in sizes])
    draws = resampling(labels, groups, 2, 10)
    assert (draws.alone, draws.freedom) == ((1,), 0)
    one_patient = resampling(labels[:20], groups[:20], 2, 10)
    assert one_patient.alone == (), "class 1 has images of two groups"
    assert resampling(labels[10:29], groups[10:29], 2, 10).alone == (1,)


@pytest.mark.parametrize(
    ("test", "sampler", "config", "message"),
    [
        (TRAIN, good, SHORT, "40 groups are both in training and test"),
        (TEST, good, SHORT.model_copy(update={"minutes": 0.0}), "minutes is 0"),
        (TEST, lambda names, seed: good(names, seed)[:, :16, :16], SHORT, "real images are"),
        (TEST._replace(labels=TEST.labels * 0), good, SHORT, "class bars"),
    ],
)
def test_what_cannot_be_measured_is_refused(
    test: Labelled,
    sampler: Callable[[Sequence[str], int], Images],
    config: UtilityConfig,
    message: str,
) -> None:
    with pytest.raises(ValueError, match=message):
        run_utility(TRAIN, test, CLASSES, sampler, config)


def test_the_declared_plan() -> None:
    config = UtilityConfig()
    assert len(arms(config)) == 21
    assert len(plan(config)) == len(set(plan(config))) == 105
    assert [fit.seed for fit in plan(config)] == sorted([*config.seeds] * 21)
    assert [arm.name for arm in arms(config)][:5] == [
        "real 100 %",
        "real 100 % + classic augmentation",
        "synthetic",
        "real 100 % + synthetic x 1",
        "real 100 % + synthetic x 4",
    ]
    assert len(contrasts(config)) == 17
    assert all(b.kind == "real" and b.share == (a.share or 1.0) for a, b in contrasts(config))
    assert config.minutes == 0, "nothing is run unless asked for"


@pytest.mark.parametrize(("ratio", "synthetic"), [(0.25, 8), (1.0, 20), (4.0, 32)])
def test_a_batch_holds_the_ratio_and_classes_in_equal_shares(ratio: float, synthetic: int) -> None:
    import torch

    labels = np.array([0] * 90 + [1] * 10)
    real, fake = np.zeros((100, 4, 4), np.uint8), np.ones((100, 4, 4), np.uint8)
    share = Arm(kind="mixed", share=1.0, ratio=ratio).synthetic_share
    draw = real_and_synthetic((real, labels), (fake, labels), share, 2, 40)
    images, drawn, _ = draw(torch.Generator().manual_seed(0))
    assert int(images[:, 0, 0].sum()) == synthetic
    assert torch.bincount(drawn).tolist() == [20, 20]


def test_a_share_is_of_groups_and_nested() -> None:
    labels = np.repeat([0, 1], 300)
    groups = np.repeat(np.arange(60), 10).astype(str)
    rows = {share: real_rows(labels, groups, share, 3) for share in (0.0, 0.1, 0.25, 1.0)}
    assert [len(rows[share]) for share in rows] == [0, 60, 160, 600]
    assert set(rows[0.1]) < set(rows[0.25])
    assert len(set(groups[rows[0.1]])) == 6
    assert not np.array_equal(rows[0.1], real_rows(labels, groups, 0.1, 4))


def test_scores_by_hand() -> None:
    labels = np.array([0, 0, 0, 0, 1, 1])
    assert balanced_accuracy(np.array([0, 0, 0, 1, 1, 0]), labels) == pytest.approx(0.625)
    first = np.array([0.9, 0.8, 0.4, 0.6, 0.4, 0.1])
    # Of 8 pairs the fourth of class 0 wins both, and the tie counts half.
    assert macro_auc(np.stack([first, 1 - first], 1), labels) == pytest.approx(7.5 / 8)


def test_an_interval_covers_as_often_as_it_says() -> None:
    """Two arms that differ by luck alone, on few patients: images that count singly would not."""
    rng, trials = np.random.default_rng(0), 300
    labels = np.repeat([0, 0, 0, 0, 1, 1, 1], 15)
    groups = np.repeat(np.arange(7), 15).astype(str)

    def answers() -> NDArray[np.int64]:
        right = rng.random((3, 7)) * 0.5 + 0.4
        return np.where(rng.random((3, 105)) < right.repeat(15, axis=1), labels, 1 - labels)

    draws = resampling(labels, groups, 2, 300)
    claims = sum(spread(answers(), draws, answers()).p < 0.05 for _ in range(trials))
    assert 0.005 < claims / trials < 0.09


def test_one_group_fewer_gives_the_spread_of_a_mean() -> None:
    """One class of equal groups: the textbook standard error, which a plain bootstrap misses."""
    rights = np.array([2, 5, 9, 10, 4])
    labels, groups = np.zeros(50, np.int64), np.repeat(np.arange(5), 10).astype(str)
    answers = np.concatenate([np.arange(10) >= right for right in rights]).astype(np.int64)
    found = spread(answers[None], resampling(labels, groups, 1, 20_000), seeded=False)
    assert found.value == pytest.approx(0.6)
    assert found.error == pytest.approx((rights / 10).std(ddof=1) / np.sqrt(5), rel=0.03)
    assert found.freedom == pytest.approx(4)


def test_plain_features_know_no_place() -> None:
    images = shapes(np.arange(6) % 2, 0)
    inside = images.copy()
    inside[:, 4:28, 4:28] = inside[:, 4:28, 4:28][:, ::-1, ::-1]
    np.testing.assert_allclose(plain_features(images), plain_features(inside), rtol=1e-12)
    assert plain_features(images)[:, 2:18].sum(1) == pytest.approx(1)
    assert plain_features(images)[:, 18:].sum(1) == pytest.approx(1)


def test_the_border_alone_is_enough_for_the_control() -> None:
    rng = np.random.default_rng(0)
    images, labels = rng.integers(40, 200, (120, 32, 32), dtype=np.uint8), np.arange(120) % 2
    images[labels == 1, 0] = 0
    named = fit_plain((images[:60], labels[:60]), 2)(images[60:])
    np.testing.assert_array_equal(named, labels[60:])
