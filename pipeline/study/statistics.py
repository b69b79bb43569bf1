"""Statistics of reader studies: shares, detection, ranking. Pure functions of counts."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import sqrt

import scipy

from model.metrics.membership import membership_inference
from pipeline.base.wilson import wilson

CONFIDENCE = 0.95
"""Of all intervals."""


@dataclass(frozen=True)
class Interval:
    """A value and the ends of its interval at `CONFIDENCE`."""

    value: float
    low: float
    high: float


@dataclass(frozen=True)
class Share:
    """A share of `count`, with Wilson's interval at `CONFIDENCE`."""

    hits: int
    count: int
    value: float
    low: float
    high: float

    @classmethod
    def of(cls, right: Sequence[bool]) -> "Share":
        """The share of right answers; 0 to 1 if there is none."""
        hits, count = sum(right), len(right)
        value = hits / count if count else float("nan")
        return cls(hits, count, value, *wilson(hits, count, CONFIDENCE))


@dataclass(frozen=True)
class Detection:
    """Signal detection: how well the two kinds are told apart, and the leaning to one of them.

    Attributes:
        sensitivity: d'; 0 for chance.
        criterion: c; above 0: the reader leans to the first answer (left, or real).
    """

    sensitivity: Interval
    criterion: Interval


def change(before: Share, after: Share) -> Interval | None:
    """The difference of two independent shares, `after` less `before`; None without answers.

    With Newcombe's hybrid score interval (Statistics in Medicine 17:873, 1998, method 10).
    """
    if not before.count or not after.count:
        return None
    value = after.value - before.value
    down = sqrt((after.value - after.low) ** 2 + (before.high - before.value) ** 2)
    up = sqrt((after.high - after.value) ** 2 + (before.value - before.low) ** 2)
    return Interval(value, value - down, value + up)


def detection(hits: int, signals: int, alarms: int, noises: int, *, pair: bool) -> Detection | None:
    """d' and criterion; None if there was no signal, or no noise.

    Rates by the log-linear correction, (x + 0.5) / (n + 1) (Hautus, Behavior Research Methods
    27:46, 1995), d' = z(H) - z(F), divided by the root of 2 for two alternatives, c = -(z(H) +
    z(F)) / 2 (Macmillan and Creelman, Detection Theory, 2005). Intervals by the variance of
    Gourevitch and Galanter (Psychometrika 32:25, 1967).

    Args:
        hits: answers "second" (right, or synthetic) of the `signals` trials where that is true.
        alarms: such answers of the `noises` trials where it is false.
        pair: two alternatives are forced.
    """
    if not signals or not noises:
        return None
    hit, alarm = (hits + 0.5) / (signals + 1), (alarms + 0.5) / (noises + 1)
    z_hit, z_alarm = scipy.stats.norm.ppf([hit, alarm])
    spread = sqrt(
        hit * (1 - hit) / (signals * scipy.stats.norm.pdf(z_hit) ** 2)
        + alarm * (1 - alarm) / (noises * scipy.stats.norm.pdf(z_alarm) ** 2)
    )
    scale = sqrt(2) if pair else 1.0
    return Detection(
        _normal((z_hit - z_alarm) / scale, spread / scale),
        _normal(-(z_hit + z_alarm) / 2, spread / 2),
    )


def ranking(synthetic: Sequence[int], real: Sequence[int]) -> Interval | None:
    """The area under the ROC curve of graded answers; None if one kind was not judged.

    It is the chance that a synthetic image is graded more synthetic than a real one, ties as half,
    with Newcombe's interval (Statistics in Medicine 25:559, 2006, method 5), as for membership.
    """
    if not synthetic or not real:
        return None
    found = membership_inference(synthetic, real)
    return Interval(found.auc, found.auc_low, found.auc_high)


def _normal(value: float, error: float) -> Interval:
    half = float(scipy.stats.norm.isf((1 - CONFIDENCE) / 2)) * error
    return Interval(float(value), float(value - half), float(value + half))
