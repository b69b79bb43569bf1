"""Plans: balanced, of a seed, and never of more images than there are."""

from collections import Counter
from itertools import pairwise

import pytest

from pipeline.base.errors import BadInputError
from pipeline.study.plan import (
    REAL,
    Design,
    HeldOut,
    Plan,
    Trial,
    draw_seed,
    draw_trials,
    order_of,
)

CLASSES = ("cyst", "normal", "stone")
POOL = [HeldOut(f"{c}-{n:02d}", c, f"{c}-{n // 4}") for c in CLASSES for n in range(24)]


@pytest.mark.parametrize("count", [3, 20, 41])
@pytest.mark.parametrize("design", ["pair", "single"])
def test_classes_and_answers_are_even(design: Design, count: int) -> None:
    trials = draw_trials(POOL, design, CLASSES, count, 5)
    assert len(trials) == count
    for values in ([one.label for one in trials], [one.truth for one in trials]):
        counts = Counter(values)
        assert max(counts.values()) - min(counts.values()) <= 1
    for label in CLASSES:
        truths = Counter(one.truth for one in trials if one.label == label)
        assert abs(2 * truths.most_common(1)[0][1] - truths.total()) <= 1


def test_a_pair_shows_both_and_a_single_one_of_them() -> None:
    pairs = draw_trials(POOL, "pair", CLASSES, 30, 0)
    assert all(one.image and one.index is not None for one in pairs)
    singles = draw_trials(POOL, "single", CLASSES, 30, 0)
    assert all((one.index is None) == (one.truth == REAL) for one in singles)
    for trials in (pairs, singles):
        shown = [one.image for one in trials if one.image]
        assert len(set(shown)) == len(shown)
        label_of = {one.id: one.label for one in POOL}
        assert all(label_of[one.image] == one.label for one in trials if one.image)
        indices = sorted(one.index for one in trials if one.index is not None)
        assert indices == list(range(len(indices)))


def test_the_seed_alone_decides() -> None:
    first = draw_trials(POOL, "pair", CLASSES, 30, 7)
    assert draw_trials(POOL[::-1], "pair", CLASSES, 30, 7) == first
    assert draw_trials(POOL, "pair", CLASSES, 30, 8) != first


def test_groups_take_turns() -> None:
    """Of 24 images in 6 groups of a class, the first six are of six groups."""
    trials = draw_trials(POOL, "pair", CLASSES, 18, 3)
    group_of = {one.id: one.group for one in POOL}
    assert max(Counter(group_of[one.image] for one in trials).values()) == 1


def test_the_number_of_a_trial_says_nothing_about_it() -> None:
    """Classes are no blocks, and sides do not alternate."""
    trials = draw_trials(POOL, "pair", CLASSES, 60, 0)
    sides = [one.side for one in trials]
    assert any(one == other for one, other in pairwise(sides))
    assert [one.label for one in trials] != sorted(one.label for one in trials)


def test_too_few_images_are_counted() -> None:
    with pytest.raises(
        BadInputError, match="cyst 24 of 30, normal 24 of 30, stone 24 of 30 needed"
    ):
        draw_trials(POOL, "pair", CLASSES, 90, 0)
    assert len(draw_trials(POOL, "single", CLASSES, 90, 0)) == 90, "half of them are synthetic"


def plan_of(trials: list[Trial], **more: object) -> Plan:
    facts = {
        "name": "n", "design": "pair", "version": 1, "weights_sha256": "w", "run_key": "k",
        "data": "d", "seed": 0, "draw_seed": 0, "classes": list(CLASSES), "trials": trials,
    }  # fmt: skip
    return Plan.model_validate(facts | more)


def test_each_reader_has_an_order_of_their_own_that_stays() -> None:
    plan = plan_of(draw_trials(POOL, "pair", CLASSES, 40, 0))
    ada, bob = order_of(plan, "ada"), order_of(plan, "bob")
    assert sorted(ada) == sorted(bob) == list(range(40))
    assert ada != bob
    assert order_of(plan, "ada") == ada
    assert order_of(plan.model_copy(update={"seed": 1}), "ada") != ada


def test_synthetic_images_are_of_a_seed_of_the_study() -> None:
    seeds = {draw_seed(name, seed) for name in ("a", "b") for seed in range(50)}
    assert len(seeds) == 100
    assert max(seeds) < 2**53
