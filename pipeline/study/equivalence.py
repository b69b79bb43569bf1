"""Whether answers show that readers can, or cannot, tell real from synthetic images.

A difference from chance that is not significant shows nothing. That readers cannot tell is shown
by two one-sided tests (Schuirmann, Journal of Pharmacokinetics and Biopharmaceutics 15:657, 1987).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil, sqrt

import numpy as np
import scipy

from pipeline.base.wilson import wilson
from pipeline.study.plan import CHANCE
from pipeline.study.statistics import CONFIDENCE, Interval, Share

_BOTH = 2 * CONFIDENCE - 1  # two one-sided tests at 5 % are the two-sided interval of 90 %
_DRAWS = 4000
_MOST_ANSWERS = 20_000
_POWER = 0.8


@dataclass(frozen=True)
class Verdict:
    """What answers show about telling real from synthetic.

    Attributes:
        word: equivalent, told apart or undecided.
        p_equivalent: the larger p-value of the two one-sided tests; None for pooled answers.
        more: for `undecided`, further answers by which 80 of 100 studies decide, if the accuracy is
            what it was so far; None: it is not undecided, or it takes too many for any study.
    """

    word: str
    p_equivalent: float | None
    more: int | None = None


def verdict(share: Share, margin: float) -> Verdict:
    """What independent answers show: two one-sided score tests against chance +- `margin`.

    `equivalent` if both tests reject; else `told apart` if the interval of the accuracy leaves
    chance out, on either side; else `undecided`, with the number of further answers.
    """
    word = _word((share.low, share.high), wilson(share.hits, share.count, _BOTH), margin)
    if not share.count:
        return Verdict("undecided", None, answers_to_decide(CHANCE, margin))
    n = share.count
    errors = sqrt((CHANCE + margin) * (CHANCE - margin) / n)  # alike at both ends
    p = max(
        scipy.stats.norm.cdf((share.value - CHANCE - margin) / errors),
        scipy.stats.norm.sf((share.value - CHANCE + margin) / errors),
    )
    more = _further(share.value, n, margin) if word == "undecided" else None
    return Verdict(word, float(p), more)


@dataclass(frozen=True)
class Pooled:
    """The accuracy over readers.

    Attributes:
        accuracy: share of all answers that are right, with the wider of two intervals: of readers
            drawn anew (cluster bootstrap, percentiles), and Wilson's of all answers.
        readers, answers: of how many.
        verdict: as of one reader.
    """

    accuracy: Interval
    readers: int
    answers: int
    verdict: Verdict


def pooled(shares: Sequence[Share], margin: float, seed: int) -> Pooled:
    """Pool readers, each of whom answered something; see `Pooled`.

    Wilson's interval is the least that so many answers allow: readers of like accuracy would else
    make the bootstrap's as narrow as one likes. All readers see the same images, so the interval
    is for other readers of these images.

    Args:
        shares: of each reader, three or more.
        margin: as in `verdict`.
        seed: of the bootstrap.
    """
    hits, counts = np.array([(one.hits, one.count) for one in shares]).T
    drawn = np.random.default_rng(seed).integers(len(shares), size=(_DRAWS, len(shares)))
    rates = hits[drawn].sum(axis=1) / counts[drawn].sum(axis=1)
    right, answers = int(hits.sum()), int(counts.sum())
    value = right / answers

    def ends(confidence: float) -> tuple[float, float]:
        tail = (1 - confidence) / 2
        low, high = np.quantile(rates, [tail, 1 - tail])
        least, most = wilson(right, answers, confidence)
        return min(float(low), least), max(float(high), most)

    low, high = ends(CONFIDENCE)
    word = _word((low, high), ends(_BOTH), margin)
    more = None
    if word == "undecided":
        least, most = wilson(right, answers, CONFIDENCE)
        more = _further(value, answers, margin, ((high - low) / (most - least)) ** 2)
    return Pooled(Interval(value, low, high), len(shares), answers, Verdict(word, None, more))


def half_width(answers: int) -> float:
    """How far the interval of so many answers reaches to each side at chance, by the normal law."""
    return float(scipy.stats.norm.isf((1 - CONFIDENCE) / 2)) * sqrt(CHANCE * (1 - CHANCE) / answers)


def answers_for(half: float) -> int:
    """Answers that give an interval of at most +- `half` at chance: 97 for 0.1."""
    z = float(scipy.stats.norm.isf((1 - CONFIDENCE) / 2))
    return ceil(CHANCE * (1 - CHANCE) * (z / half) ** 2)


def answers_to_decide(share: float, margin: float) -> int | None:
    """Answers by which 80 of 100 studies decide, if readers' accuracy is `share`.

    By the power of the two one-sided tests or of the test against chance, whichever needs fewer,
    by the normal law; at chance it is n = (z(alpha) + z(beta / 2))^2 / (4 margin^2) (Chow, Shao and
    Wang, Sample Size Calculations in Clinical Research, 2008).

    Returns:
        The number; None: more than `_MOST_ANSWERS`.
    """
    counts = np.arange(1, _MOST_ANSWERS)
    error = np.sqrt(max(share * (1 - share), 1e-9) / counts)
    below, above = (CHANCE + margin - share) / error, (share - CHANCE + margin) / error
    one_sided, two_sided = scipy.stats.norm.ppf([CONFIDENCE, (1 + CONFIDENCE) / 2])
    equivalent = (
        scipy.stats.norm.cdf(below - one_sided) + scipy.stats.norm.cdf(above - one_sided) - 1
    )
    apart = scipy.stats.norm.cdf(abs(share - CHANCE) / error - two_sided)
    enough = np.maximum(equivalent, apart) >= _POWER
    return int(counts[enough.argmax()]) if enough.any() else None


def _word(whole: tuple[float, float], inner: tuple[float, float], margin: float) -> str:
    if CHANCE - margin < inner[0] and inner[1] < CHANCE + margin:
        return "equivalent"
    return "undecided" if whole[0] <= CHANCE <= whole[1] else "told apart"


def _further(value: float, count: int, margin: float, alike: float = 1.0) -> int | None:
    """Further answers; `alike` is how many of one reader's answers count as one."""
    needed = answers_to_decide(value, margin)
    return None if needed is None else max(ceil(needed * alike) - count, 1)
