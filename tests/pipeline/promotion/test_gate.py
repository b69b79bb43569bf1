"""The gate: rarely wrong at no difference, finds what is planted, refuses what it must."""

import functools

import numpy as np
import pytest
from numpy.typing import NDArray

from model.metrics import fake_term_variance, kernel_distance_by_group
from pipeline.base.errors import BadInputError
from pipeline.evaluation.class_record import ClassMatrix, ClassPair
from pipeline.evaluation.record import (
    COMPOSITION,
    COPIES,
    DIVERSITY,
    KERNEL,
    REPEATS,
    Evaluation,
    Figure,
    Protocol,
)
from pipeline.promotion.gate import GateConfig, Verdict, decide

STRICT = GateConfig(kernel_distance_threshold=0.5, diversity_margin=0.15)

Features = NDArray[np.float64]

SEEDS = 3
TWO_CLASSES = ("cyst", "stone")


def protocol(**changes: object) -> Protocol:
    fields = {
        "extractor": "efflite0",
        "weights_sha256": "0" * 64,
        "resize": "none",
        "fast_path": "",
        "image_size": 64,
        "classes": TWO_CLASSES,
        "real_sha256": "1" * 64,
        "train_sha256": "2" * 64,
        "n_real": 80,
        "n_fake": {"cyst": 300, "stone": 300},
        "n_train": 500,
        "seeds": (0, 1, 2),
        "seed": 0,
        "pairs": 200,
        "neighbours": 10,
        "prdc_k": 5,
        "copy_correlation": 0.97,
        "ms_ssim_betas": (0.5, 0.5),
    }
    return Protocol.model_validate(fields | changes)


def figure(metric: str, label: str | None, value: float, **more: float) -> Figure:
    fields = {"metric": metric, "label": label, "protocol": metric, "value": value}
    return Figure.model_validate(fields | {"n_real": 80, "n_fake": 600} | more)


def evaluation(
    scores: dict[str, tuple[float, ...]],
    *,
    model: str = "a" * 64,
    kd: float = 0.1,
    diversity: float = 0.4,
    repeats: float = 0.1,
    copies: float = 0.0,
    classes: tuple[str, ...] = TWO_CLASSES,
    fake_variance: float = 0.0,
    **changes: object,
) -> Evaluation:
    return Evaluation(
        model=model,
        protocol=protocol(**changes),
        figures=(
            figure(KERNEL, None, kd, floor=0.02, low=kd - 0.01, high=kd + 0.01),
            figure(DIVERSITY, None, diversity, floor=0.4),
            figure(DIVERSITY, "cyst", 0.4, floor=0.4),
            figure(DIVERSITY, "stone", diversity, floor=0.4),
            figure(REPEATS, None, repeats, floor=0.4),
            figure(COPIES, None, copies, floor=0.001, low=0.0, high=copies + 0.006),
        ),
        group_scores=scores,
        fake_variance=fake_variance,
        classes_drawn=classes,
    )


def flat(level: float, groups: int = 20, spread: float = 0.0) -> dict[str, tuple[float, ...]]:
    offsets = np.linspace(-spread, spread, groups)
    return {f"g{i:02d}": (level + offset,) * SEEDS for i, offset in enumerate(offsets)}


# -- the primary test, on features -----------------------------------------------------------------


def measured(
    real: Features, groups: NDArray[np.int64], fakes: list[Features], model: str
) -> Evaluation:
    by_seed = [kernel_distance_by_group(real, groups, fake) for fake in fakes]
    pooled = np.concatenate(fakes)
    return evaluation(
        {group: tuple(scores[group] for scores in by_seed) for group in by_seed[0]},
        model=model,
        fake_variance=fake_term_variance(real, groups, pooled, np.zeros(len(pooled))),
    )


def trial(rng: np.random.Generator, groups: int, champion_at: float) -> Verdict:
    """Patients differ, a patient's images are similar, and the candidate has a shift of 0.5."""
    patients = rng.normal(size=(groups, 1, 6)) * 0.8
    real = (patients + rng.normal(size=(groups, 4, 6)) * 0.6).reshape(-1, 6)
    names = np.repeat(np.arange(groups), 4)
    candidate, champion = (
        measured(real, names, [rng.normal(at, 1, size=(40, 6)) for _ in range(SEEDS)], model)
        for at, model in ((0.5, "a" * 64), (champion_at, "b" * 64))
    )
    rules = GateConfig(looks=2, false_promotion=0.1, kernel_distance_threshold=100.0)
    return decide(candidate, champion, rules)


@functools.cache
def promotion_rate(groups: int, champion_at: float, trials: int) -> float:
    rng = np.random.default_rng([groups, trials])
    outcomes = [trial(rng, groups, champion_at).outcome for _ in range(trials)]
    return outcomes.count("promoted") / trials


@pytest.mark.parametrize("groups", [8, 15, 30])
def test_an_equal_generator_is_promoted_no_more_often_than_stated(groups: int) -> None:
    stated, trials = 0.05, 600
    rate = promotion_rate(groups, 0.5, trials)
    assert rate <= stated + 2.5 * (stated * (1 - stated) / trials) ** 0.5


@pytest.mark.parametrize(("groups", "least"), [(8, 0.5), (15, 0.8), (30, 0.95)])
def test_a_planted_improvement_is_found(groups: int, least: float) -> None:
    assert promotion_rate(groups, 1.1, 100) >= least


def test_a_planted_loss_is_rejected_by_name() -> None:
    verdict = trial(np.random.default_rng(0), 30, -0.05)
    assert verdict.outcome == "rejected"
    assert "primary:better" in verdict.reason
    assert "worse" in verdict.reason


# -- rules, one by one -----------------------------------------------------------------------------


def test_first_model_passes_by_its_guards() -> None:
    verdict = decide(evaluation(flat(0.0)), None, GateConfig())
    assert verdict.outcome == "promoted"
    assert verdict.champion is None
    assert verdict.comparison is None
    assert verdict.looks_used == 0
    assert {rule.name.split(":")[0] for rule in verdict.rules} == {"guard"}


@pytest.mark.parametrize(
    ("fault", "rule"),
    [
        ({"kd": 0.9}, "guard:kernel_distance"),
        ({"diversity": 0.8}, "guard:ms_ssim_within_class"),
        ({"repeats": 0.8}, "guard:repeat_share"),
        ({"copies": 0.05}, "guard:copy_share"),
        ({"classes": ("cyst",)}, "guard:classes"),
    ],
)
@pytest.mark.parametrize("has_champion", [False, True])
def test_a_guard_rejects_even_what_beats_the_champion(
    fault: dict[str, float], rule: str, has_champion: bool
) -> None:
    champion = evaluation(flat(1.0), model="b" * 64) if has_champion else None
    verdict = decide(evaluation(flat(0.0, spread=0.01), **fault), champion, STRICT)  # type: ignore[arg-type]
    assert verdict.outcome == "rejected"
    assert [r.name for r in verdict.rules if r.passed is False] == [rule]
    assert rule in verdict.reason


def test_few_groups_are_inconclusive_and_say_how_many_are_needed() -> None:
    champion = evaluation(flat(5.0, groups=5), model="b" * 64)
    verdict = decide(evaluation(flat(0.0, groups=5, spread=0.01)), champion, GateConfig())
    assert verdict.outcome == "inconclusive"
    assert "at least 8 are needed, so 3 more" in verdict.reason


def test_a_small_lead_is_inconclusive_and_says_what_would_decide() -> None:
    champion = evaluation(flat(0.02), model="b" * 64)
    verdict = decide(evaluation(flat(0.0, spread=0.1)), champion, GateConfig())
    assert verdict.outcome == "inconclusive"
    assert verdict.comparison is not None
    needed = verdict.comparison.groups_needed
    assert needed is not None
    assert needed > 20
    assert f"about {needed} test groups" in verdict.reason


def test_the_number_of_groups_said_to_be_needed_does_decide() -> None:
    champion = functools.partial(flat, 0.02)
    small = decide(
        evaluation(flat(0.0, spread=0.1)), evaluation(champion(), model="b"), GateConfig()
    )
    assert small.comparison is not None
    needed = small.comparison.groups_needed
    assert needed is not None
    # The sample variance of evenly spaced offsets falls slowly with their number.
    more = evaluation(flat(0.0, groups=needed + 2, spread=0.1))
    verdict = decide(more, evaluation(champion(groups=needed + 2), model="b"), GateConfig())
    assert verdict.outcome == "promoted"


def test_the_margin_must_be_exceeded() -> None:
    candidate = evaluation(flat(0.0, spread=0.01))
    champion = evaluation(flat(0.05), model="b" * 64)
    for margin, outcome in ((0.02, "promoted"), (0.049, "inconclusive"), (0.2, "inconclusive")):
        rules = GateConfig(kernel_distance_margin=margin)
        assert decide(candidate, champion, rules).outcome == outcome


def test_least_changes_are_asked_of_the_estimate() -> None:
    candidate = evaluation(flat(0.0, spread=0.01))
    champion = evaluation(flat(0.05), kd=0.2, model="b" * 64)
    for name, enough, too_much in (("absolute", 0.04, 0.06), ("relative", 0.2, 0.3)):
        key = f"kernel_distance_min_{name}_change"
        good, bad = (
            decide(candidate, champion, GateConfig.model_validate({key: least}))
            for least in (enough, too_much)
        )
        assert (good.outcome, bad.outcome) == ("promoted", "inconclusive")
        assert "primary:change" in bad.reason


def test_the_fakes_variance_counts() -> None:
    champion = evaluation(flat(0.05), model="b" * 64, fake_variance=0.02**2)
    verdict = decide(evaluation(flat(0.0, spread=0.01)), champion, GateConfig())
    assert verdict.outcome == "inconclusive"
    assert verdict.comparison is not None
    assert verdict.comparison.fakes_share > 0.9


def test_a_worn_holdout_promotes_nothing() -> None:
    candidate = evaluation(flat(0.0, spread=0.01))
    champion = evaluation(flat(5.0), model="b" * 64)
    rules = GateConfig(looks=4)
    last, worn = (decide(candidate, champion, rules, looks_used=used) for used in (3, 4))
    assert (last.outcome, worn.outcome) == ("promoted", "inconclusive")
    assert last.looks_used == 4
    assert "holdout worn" in worn.reason


def test_more_looks_ask_for_more() -> None:
    one, twenty = (GateConfig(looks=looks).level for looks in (1, 20))
    assert (one, twenty) == (0.10, 0.005)


def test_other_protocols_are_not_compared() -> None:
    champion = evaluation(flat(1.0), model="b" * 64, pairs=100, image_size=32)
    with pytest.raises(BadInputError, match="image_size: candidate 64, champion 32") as error:
        decide(evaluation(flat(0.0)), champion, GateConfig())
    assert "pairs: candidate 200, champion 100" in str(error.value)
    fewer = evaluation(flat(1.0, groups=19), model="b" * 64)
    with pytest.raises(BadInputError, match="different test groups"):
        decide(evaluation(flat(0.0)), fewer, GateConfig())


def test_a_verdict_survives_json() -> None:
    champion = evaluation(flat(0.05), model="b" * 64)
    verdict = decide(evaluation(flat(0.0, spread=0.01)), champion, GateConfig())
    assert verdict.champion == "b" * 64
    assert Verdict.model_validate_json(verdict.model_dump_json()) == verdict


# -- classes as themselves, and layouts ------------------------------------------------------------


def with_pairs(*pairs: ClassPair) -> Evaluation:
    matrix = ClassMatrix(
        grey="as drawn",
        protocol="class_margin",
        classes=TWO_CLASSES,
        distance=(),
        low=(),
        high=(),
        floor=(),
        pairs=pairs,
        n_real=80,
        n_fake=600,
    )
    return evaluation(flat(0.0)).model_copy(update={"class_matrices": (matrix,)})


def pair(value: float, half: float = 0.15, real_low: float | None = 0.01) -> ClassPair:
    return ClassPair(
        first="cyst",
        second="stone",
        real=0.02,
        real_low=real_low,
        value=value,
        low=value - half,
        high=value + half,
        floor=0.9,
    )


def test_a_class_drawn_as_another_is_refused_by_name() -> None:
    verdict = decide(with_pairs(pair(0.05)), None, GateConfig())
    assert verdict.outcome == "rejected"
    assert "guard:class_margin" in verdict.reason
    assert "cyst and stone show 5% of the difference" in verdict.reason


@pytest.mark.parametrize(
    "found",
    [
        pair(0.9),
        pair(0.4),
        pair(0.0, half=0.8),
        pair(0.0, real_low=-0.01),
        pair(0.0, real_low=None),
    ],
    ids=["honest", "mediocre", "imprecise", "alike", "one group"],
)
def test_what_shows_the_difference_or_cannot_be_decided_is_not_refused(found: ClassPair) -> None:
    verdict = decide(with_pairs(found), None, GateConfig())
    assert verdict.outcome == "promoted"
    (rule,) = (one for one in verdict.rules if one.name == "guard:class_margin")
    if not found.told_apart:
        assert "cannot be decided" in rule.says


def test_the_worst_pair_decides_and_0_asks_for_nothing() -> None:
    assert decide(with_pairs(pair(0.9), pair(0.0)), None, GateConfig()).outcome == "rejected"
    assert decide(with_pairs(pair(0.0)), None, GateConfig(class_contrast=0.0)).outcome == "promoted"


def test_layouts_of_no_real_image_are_refused_and_records_of_before_are_not() -> None:
    def laid_out(value: float) -> Evaluation:
        more = figure(COMPOSITION, None, value, floor=0.5, low=value - 0.05, high=value + 0.05)
        base = evaluation(flat(0.0))
        return base.model_copy(update={"figures": (*base.figures, more)})

    assert decide(laid_out(0.1), None, GateConfig()).outcome == "rejected"
    for fine in (laid_out(0.32), laid_out(0.6), evaluation(flat(0.0))):
        assert decide(fine, None, GateConfig()).outcome == "promoted"
