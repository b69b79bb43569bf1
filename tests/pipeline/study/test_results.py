"""What answers show: known answers give known figures."""

from dataclasses import replace
from typing import Any

import pytest

from pipeline.ledger.ledger import Ledger
from pipeline.study.export import results_json
from pipeline.study.plan import REAL, SYNTHETIC, Plan, Trial, order_of
from pipeline.study.records import Study, StudyRecord
from pipeline.study.results import results_of
from pipeline.study.words import pooled_in_words

CLASSES = ["cyst", "stone"]


def plan(design: str, count: int = 20, *, choices: bool = False) -> Plan:
    trials = []
    for n in range(count):
        label, odd = CLASSES[n % 2], bool(n // 2 % 2)
        if design == "pair":
            side = "right" if odd else "left"
            trials.append(Trial(label=label, image=f"i{n}", index=n, side=side))
        else:
            trials.append(Trial(label=label, index=n) if odd else Trial(label=label, image=f"i{n}"))
    facts = {
        "name": "n", "design": design, "version": 3, "weights_sha256": "w", "run_key": "k",
        "data": "d", "seed": 0, "draw_seed": 0, "classes": CLASSES, "trials": trials,
        "choices": [*CLASSES, "normal"] if choices else [],
    }  # fmt: skip
    return Plan.model_validate(facts)


def study(of: Plan, *answers: dict[str, Any]) -> Study:
    facts = [{"action": "planned", "plan": of.model_dump()}, *answers]
    records = [
        StudyRecord.write(sequence=n, previous="", time="2026-01-01", study="n", **one)
        for n, one in enumerate(facts, 1)
    ]
    ledger: Ledger = None  # type: ignore[assignment]
    return Study(ledger, "n", "c", tuple(records))


def said(reader: str, trial: int, says: str, **more: Any) -> dict[str, Any]:
    facts = {"action": "answered", "reader": reader, "trial": trial, "says": says}
    return facts | {"seconds": 2.0} | more


def right(of: Plan, reader: str, wrong: int = 0) -> list[dict[str, Any]]:
    """Right answers, but the first ones of the reader's order."""
    other = dict(zip(of.answers, of.answers[::-1], strict=True))
    sure = {"confidence": 4} if of.design == "single" else {}
    return [
        said(reader, trial, other[truth] if place < wrong else truth, **sure)
        for place, trial in enumerate(order_of(of, reader))
        for truth in [of.trials[trial].truth]
    ]


def test_a_reader_who_learns_is_seen_to() -> None:
    found = results_of(study(plan("pair"), *right(plan("pair"), "ada", wrong=10)), frozenset())
    (ada,) = found.readers
    assert (ada.accuracy.hits, ada.accuracy.count, ada.answered, ada.through) == (10, 20, 20, True)
    assert (ada.first_half.value, ada.second_half.value) == (0.0, 1.0)
    assert ada.learning is not None
    assert ada.learning.low > 0.5
    assert ada.ranking is None
    assert ada.seconds is not None
    assert ada.seconds.value == 2.0
    assert sum(one.hits for one in ada.by_class.values()) == 10


def test_who_always_says_left_has_no_sensitivity_but_a_criterion() -> None:
    of = plan("pair")
    (ada,) = results_of(study(of, *(said("a", n, "left") for n in range(20))), frozenset()).readers
    assert ada.detection is not None
    assert ada.detection.sensitivity.value == pytest.approx(0)
    assert ada.detection.criterion.low > 0


def test_confidence_ranks_images() -> None:
    of = plan("single")
    unsure = [
        said("a", n, one.truth if n % 4 else REAL, confidence=4 if n % 4 else 1)
        for n, one in enumerate(of.trials)
    ]
    (ada,) = results_of(study(of, *unsure), frozenset()).readers
    assert ada.ranking is not None
    assert 0.9 < ada.ranking.value <= 1
    worst = [
        said("a", n, SYNTHETIC if one.truth == REAL else REAL, confidence=4)
        for n, one in enumerate(of.trials)
    ]
    (ada,) = results_of(study(of, *worst), frozenset()).readers
    assert ada.ranking is not None
    assert ada.ranking.value == 0.0


def test_three_readers_are_pooled_and_two_are_not() -> None:
    of = plan("pair")
    two = [*right(of, "ada"), *right(of, "bob", 4)]
    found = results_of(study(of, *two), frozenset())
    assert found.pooled is None
    assert "2 answered, and with fewer than 3 no pooled interval" in pooled_in_words(found)
    found = results_of(study(of, *two, *right(of, "cy", 8)), frozenset())
    assert found.pooled is not None
    assert (found.pooled.readers, found.pooled.answers) == (3, 60)
    assert found.pooled.accuracy.value == pytest.approx(48 / 60)
    assert found.by_class["cyst"].count == 30


def test_classes_that_readers_see_are_counted() -> None:
    of = plan("single", choices=True)
    answers = [
        said("a", n, REAL, confidence=1, sees="normal" if one.truth == SYNTHETIC else one.label)
        for n, one in enumerate(of.trials)
    ]
    found = results_of(study(of, *answers), frozenset()).confusion
    assert found[REAL] == {
        "cyst": {"cyst": 5, "stone": 0, "normal": 0},
        "stone": {"cyst": 0, "stone": 5, "normal": 0},
    }
    assert found[SYNTHETIC]["stone"] == {"cyst": 0, "stone": 0, "normal": 5}
    pair = plan("pair", choices=True)
    answers = [said("a", n, "left", sees="cyst") for n in range(20)]
    assert results_of(study(pair, *answers), frozenset()).confusion["both"]["stone"]["cyst"] == 10


def test_who_only_looked_has_no_figures() -> None:
    looked = {"action": "looked", "reader": "ada", "trial": 0, "image": "i0"}
    found = results_of(study(plan("pair"), looked), frozenset({3}))
    (ada,) = found.readers
    assert (ada.answered, ada.skipped, ada.through) == (0, 1, False)
    assert ada.detection is None
    assert ada.learning is None
    facts = results_json(found)
    assert facts["readers"][0]["accuracy"]["value"] is None
    assert replace(found, gone=0).pooled is None
