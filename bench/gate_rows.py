"""A result of the gate's benchmark: a share of decisions, with its interval and promise."""

from typing import Literal

import scipy

from model.section import Stored

CONFIDENCE = 0.99
"""Of the Clopper-Pearson interval; a promise is broken if the whole interval violates it."""


class DecisionRate(Stored):
    """How often the gate decided one way.

    Attributes:
        part: comparison, improvement, copies, collapse, classes or composition.
        case: what was planted.
        counted: the outcome that is counted.
        count, trials: number of such outcomes, and of all.
        bound, stated: the promise about the share; None: there is no promise.
        groups, level: of the comparison.
        difference: the true improvement in kernel distance.
        margin: the improvement that the gate requires.
    """

    part: Literal["comparison", "improvement", "copies", "collapse", "classes", "composition"]
    case: str
    counted: Literal["promoted", "refused"]
    count: int
    trials: int
    bound: Literal["at most", "at least"] | None = None
    stated: float = 0.0
    groups: int | None = None
    level: float | None = None
    difference: float | None = None
    margin: float | None = None

    @property
    def share(self) -> float:
        """The share of the trials with this outcome."""
        return self.count / self.trials

    @property
    def interval(self) -> tuple[float, float]:
        """Clopper-Pearson interval of the share."""
        found = scipy.stats.binomtest(self.count, self.trials).proportion_ci(CONFIDENCE)
        return float(found.low), float(found.high)

    @property
    def kept(self) -> bool | None:
        """Whether the promise is kept, within Monte Carlo error; None without a promise."""
        if self.bound is None:
            return None
        low, high = self.interval
        return low <= self.stated if self.bound == "at most" else high >= self.stated
