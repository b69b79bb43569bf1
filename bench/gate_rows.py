"""What the gate's benchmark finds: shares of decisions, each with its interval and its promise."""

from typing import Literal

from scipy import stats

from model.section import Section

CONFIDENCE = 0.99
"""Of the Clopper-Pearson interval; a promise is broken when all of it is on the wrong side."""


class DecisionRate(Section):
    """How often the gate decided one way.

    Attributes:
        part: comparison, improvement, copies or collapse.
        case: what was planted.
        counted: the outcome that is counted.
        count, trials: how often, out of how many.
        bound: what is promised of the share, with `stated`; None: reported, nothing promised.
        groups, level: of the comparison.
        difference: the true improvement in kernel distance.
        margin: that the gate asks for.
    """

    part: Literal["comparison", "improvement", "copies", "collapse"]
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
        """Of the trials."""
        return self.count / self.trials

    @property
    def interval(self) -> tuple[float, float]:
        """Clopper-Pearson interval of the share."""
        found = stats.binomtest(self.count, self.trials).proportion_ci(CONFIDENCE)
        return float(found.low), float(found.high)

    @property
    def kept(self) -> bool | None:
        """Whether the promise is, within Monte-Carlo error; None where nothing is promised."""
        if self.bound is None:
            return None
        low, high = self.interval
        return low <= self.stated if self.bound == "at most" else high >= self.stated
