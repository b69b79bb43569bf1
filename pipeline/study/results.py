"""What the answers of a study show: by reader, by class, and over readers."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from pipeline.study.answers import Answer, answers_of
from pipeline.study.ending import EarlyLook, Progress, early_looks
from pipeline.study.equivalence import Pooled, Verdict, pooled, verdict
from pipeline.study.plan import REAL, SYNTHETIC, Plan
from pipeline.study.records import Study
from pipeline.study.statistics import Detection, Interval, Share, change, detection, ranking

LEAST_READERS = 3
"""Readers below which nothing is said about readers in general."""
SHOWN_TOGETHER = "both"


@dataclass(frozen=True)
class ReaderResult:
    """One reader's result.

    Attributes:
        reader: pseudonym.
        answered, skipped, trials: how many trials were answered, can no longer be shown, and were
            planned; the reader is through if the first two make the third.
        accuracy: share of right answers.
        verdict: what it shows.
        detection: d' and criterion; None before trials of both kinds were answered.
        ranking: area under the ROC curve of graded answers; None for pairs.
        seconds: median time of an answer, with its quartiles as ends; None without answers.
        first_half, second_half: accuracy in each half of the answers, in the reader's order.
        learning: the second half less the first.
        by_class: accuracy of each class.
    """

    reader: str
    answered: int
    skipped: int
    trials: int
    accuracy: Share
    verdict: Verdict
    detection: Detection | None
    ranking: Interval | None
    seconds: Interval | None
    first_half: Share
    second_half: Share
    learning: Interval | None
    by_class: dict[str, Share]

    @property
    def through(self) -> bool:
        """Whether this reader has nothing more to answer."""
        return self.answered + self.skipped == self.trials


@dataclass(frozen=True)
class Results:
    """The results of a study.

    Attributes:
        study, design, version, trials, margin: of the plan.
        readers: each who looked at a trial.
        pooled: over readers; None if fewer than `LEAST_READERS` answered.
        by_class: accuracy of each class over all answers.
        confusion: what was shown (real, synthetic, or both in pairs) -> class -> class seen ->
            answers; empty if readers were not asked.
        gone: trials that can no longer be shown.
        state: how the study ended, or how far it is, in words.
        early: looks at results before the end, which make them worth less.
    """

    study: str
    design: str
    version: int
    trials: int
    margin: float
    readers: tuple[ReaderResult, ...]
    pooled: Pooled | None
    by_class: dict[str, Share]
    confusion: dict[str, dict[str, dict[str, int]]]
    gone: int
    state: str
    early: tuple[EarlyLook, ...]


def results_of(study: Study, gone: frozenset[int]) -> Results:
    """The results as far as there are answers; whether somebody may see them is `ending.py`'s.

    Args:
        study: as it was read.
        gone: trials that can no longer be shown, from `course.gone_trials`.
    """
    plan, answers = study.plan, answers_of(study)
    readers = tuple(
        _reader(plan, reader, [one for one in answers if one.reader == reader], gone)
        for reader in study.readers
    )
    shares = [one.accuracy for one in readers if one.accuracy.count]
    return Results(
        plan.name,
        plan.design,
        plan.version,
        len(plan.trials),
        plan.margin,
        readers,
        pooled(shares, plan.margin, plan.seed) if len(shares) >= LEAST_READERS else None,
        _by_class(plan, answers),
        _confusion(plan, answers),
        len(gone),
        Progress.of(study, gone).in_words,
        early_looks(study),
    )


def _reader(
    plan: Plan, reader: str, answers: Sequence[Answer], gone: frozenset[int]
) -> ReaderResult:
    done = {one.trial for one in answers}
    half = len(answers) // 2
    first, second = (_share(part) for part in (answers[:half], answers[half:]))
    accuracy = _share(answers)
    return ReaderResult(
        reader=reader,
        answered=len(answers),
        skipped=len(gone - done),
        trials=len(plan.trials),
        accuracy=accuracy,
        verdict=verdict(accuracy, plan.margin),
        detection=_detection(plan, answers),
        ranking=_ranking(plan, answers),
        seconds=_seconds(answers),
        first_half=first,
        second_half=second,
        learning=change(first, second),
        by_class=_by_class(plan, answers),
    )


def _share(answers: Sequence[Answer]) -> Share:
    return Share.of([one.right for one in answers])


def _by_class(plan: Plan, answers: Sequence[Answer]) -> dict[str, Share]:
    return {name: _share([o for o in answers if o.label == name]) for name in plan.classes}


def _detection(plan: Plan, answers: Sequence[Answer]) -> Detection | None:
    second = plan.answers[1]
    signals = [one.says == second for one in answers if one.truth == second]
    noises = [one.says == second for one in answers if one.truth != second]
    return detection(
        sum(signals), len(signals), sum(noises), len(noises), pair=plan.design == "pair"
    )


def _ranking(plan: Plan, answers: Sequence[Answer]) -> Interval | None:
    if plan.design == "pair":
        return None
    synthetic = [one.grade for one in answers if one.truth == SYNTHETIC]
    return ranking(synthetic, [one.grade for one in answers if one.truth == REAL])


def _seconds(answers: Sequence[Answer]) -> Interval | None:
    if not answers:
        return None
    low, middle, high = np.quantile([one.seconds for one in answers], [0.25, 0.5, 0.75])
    return Interval(float(middle), float(low), float(high))


def _confusion(plan: Plan, answers: Sequence[Answer]) -> dict[str, dict[str, dict[str, int]]]:
    if not plan.choices:
        return {}
    kinds = (SHOWN_TOGETHER,) if plan.design == "pair" else (REAL, SYNTHETIC)
    seen = Counter(
        (SHOWN_TOGETHER if plan.design == "pair" else one.truth, one.label, one.sees)
        for one in answers
    )
    return {
        kind: {
            label: {choice: seen[kind, label, choice] for choice in plan.choices}
            for label in plan.classes
        }
        for kind in kinds
    }
