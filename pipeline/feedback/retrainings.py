"""The retrainings that feedback asked for, and how far each one is.

A run's first commit says which feedback asked for it, the journal has its verdict, and `endings`
knows runs that have none and are over.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, Self

from pipeline.feedback.endings import endings
from pipeline.feedback.opinions import Opinion
from pipeline.feedback.rules import FeedbackConfig
from pipeline.feedback.wish import Wish, wish_of
from pipeline.ledger.chain import FEEDBACK
from pipeline.ledger.journal import VERDICTS, Journal, Record
from pipeline.ledger.ledger import Ledger
from pipeline.ledger.run import Opening, openings


@dataclass(frozen=True)
class Retraining:
    """A retraining that feedback asked for.

    Attributes:
        version: the champion that readers judged.
        reason: in words.
        classes: that asked for it.
        opinions: numbers of the first and the last opinion that were looked at.
        run_key: of the run that was planned for it; "": none was yet.
        planned: time of the plan, UTC; "": none was yet.
        new_emphasis: as `Wish.new_emphasis`; True of planned ones.
        in_vain: why its plan is refused as things are; "" if it is not, and of planned ones.
        ended: how that run ended without a verdict; "" if it has one, or may still go on.
        answered: it has a verdict, or a later run has: that one answers this feedback, too.
        verdict: the gate's record on that run; None before it.
    """

    version: int
    reason: str
    classes: tuple[str, ...]
    opinions: tuple[int, int]
    run_key: str = ""
    planned: str = ""
    new_emphasis: bool = True
    in_vain: str = ""
    ended: str = ""
    answered: bool = False
    verdict: Record | None = field(default=None, repr=False)

    @classmethod
    def wished(cls, wish: Wish, in_vain: str = "") -> Self:
        """One that no run was planned for yet."""
        return cls(
            wish.version, wish.reason, wish.classes, wish.opinions,
            new_emphasis=wish.new_emphasis, in_vain=in_vain,
        )  # fmt: skip

    @classmethod
    def planned_as(
        cls, run: Opening, verdict: Record | None, ended: str = "", *, answered: bool = False
    ) -> Self | None:
        """The one that a run was opened for; None if no feedback asked for the run."""
        told = run.asked
        try:
            first, last = map(int, told["opinions"])
            version, classes = int(told["version"]), tuple(map(str, told["classes"]))
            reason = str(told["reason"])
        except (KeyError, TypeError, ValueError):
            return None
        return cls(
            version, reason, classes, (first, last), run.key, run.time,
            ended=ended, answered=answered or verdict is not None, verdict=verdict,
        )  # fmt: skip

    @property
    def outcome(self) -> str:
        """How far it is, in words."""
        if self.verdict is not None:
            return f"version {self.verdict.version} {self.verdict.action}"
        if self.run_key:
            return f"run {self.run_key} {'ended without a verdict' if self.ended else 'planned'}"
        return "asked for, but refused" if self.in_vain else "asked for"

    @property
    def in_words(self) -> str:
        """What was asked for, and how far it is, in a sentence or two."""
        return f"{self.reason}. {self._state}"

    @property
    def _state(self) -> str:
        if self.verdict is not None:
            time = _minute(self.verdict.time)
            return (
                f"Version {self.verdict.version} was trained for it in run {self.run_key}, and "
                f"{self.verdict.action} at {time} UTC: {self.verdict.reason}"
            )
        if self.run_key:
            how = f"ended without a verdict: {self.ended}" if self.ended else "has no verdict yet"
            return (
                f"Run {self.run_key} was planned for it at {_minute(self.planned)} UTC, and {how}"
            )
        if self.in_vain:
            return f"A retraining is asked for, and refused as things are: {self.in_vain}"
        if self.new_emphasis:
            return (
                "A retraining is asked for; the scheduler plans it within five minutes while it is "
                "up and no training runs"
            )
        return (
            "A retraining is asked for, but these images are shown as often as "
            "feedback.emphasis_most allows already: it is planned as soon as images, code or "
            "parameters are others than those of the champion's run"
        )

    def looked_at(self, opinion: Opinion) -> bool:
        """Whether an opinion is among those that asked for it."""
        first, last = self.opinions
        return (
            opinion.version == self.version
            and opinion.label in self.classes
            and first <= opinion.sequence <= last
        )

    def facts(self) -> dict[str, Any]:
        """As JSON."""
        record = self.verdict
        return {
            "version": self.version,
            "reason": self.reason,
            "classes": list(self.classes),
            "opinions": list(self.opinions),
            "run": self.run_key or None,
            "planned": self.planned or None,
            "verdict": record.action if record else None,
            "became": record.version if record else None,
            "in_vain": self.in_vain or None,
            "ended": self.ended or None,
        }


def retrainings(
    ledger: Ledger, config: FeedbackConfig, in_vain: Callable[[], str] = str
) -> list[Retraining]:
    """Every retraining that feedback asked for, oldest first; one that waits for its plan is last.

    Args:
        ledger: of the project.
        config: when opinions ask for one.
        in_vain: why a plan would be refused now, or ""; asked of one that waits for it.

    Raises:
        BadInputError: a chain is broken.
        TransientError: the ledger cannot be reached.
    """
    if ledger.head(FEEDBACK) is None:
        return []
    journal = Journal(ledger)
    opened = sorted(openings(ledger).values(), key=lambda run: (run.time, run.key))
    judged = {record.run_key for record in journal.records if record.action in VERDICTS}
    ended = endings(ledger.project, opened, judged)
    newest = max((run.time for run in opened if run.key in judged), default="")
    found = [
        one
        for run in opened
        if (
            one := Retraining.planned_as(
                run, journal.verdict_on(run.key), ended.get(run.key, ""),
                answered=run.time < newest,
            )
        )
    ]  # fmt: skip
    wish = wish_of(ledger, config)
    if wish and not any(_is_for(one, wish) for one in found):
        why = " ".join(in_vain().split()) if wish.new_emphasis else ""
        found.append(Retraining.wished(wish, why))
    return found


def led_to(opinion: Opinion, asked: Iterable[Retraining]) -> Retraining | None:
    """The first retraining that an opinion helped to ask for; None if it led to none."""
    return next((one for one in asked if one.looked_at(opinion)), None)


def asking_now(asked: Sequence[Retraining], version: int) -> tuple[str, ...]:
    """The classes of a version that ask for a retraining now, planned or not."""
    open_ = (one for one in asked if one.version == version and not one.answered)
    return tuple(sorted({label for one in open_ for label in one.classes}))


def _is_for(planned: Retraining, wish: Wish) -> bool:
    """Whether a run was planned for what is wished for now: it looked at some of the opinions."""
    same = planned.version == wish.version and set(wish.classes) <= set(planned.classes)
    return same and planned.opinions[1] >= wish.opinions[0]


def _minute(time: str) -> str:
    return time[:16].replace("T", " ")
