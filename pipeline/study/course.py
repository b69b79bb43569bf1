"""One reader's way through a study: which trial comes next, looking at it, answering it."""

from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, Self

from pipeline.base.errors import BadInputError
from pipeline.base.project import Project
from pipeline.ledger.ledger import Ledger
from pipeline.study.held_out import still_held_out
from pipeline.study.plan import Plan, order_of
from pipeline.study.records import MOST_SURE, Study


@dataclass(frozen=True)
class Reply:
    """What a reader says about a trial.

    Attributes:
        says: one of `Plan.answers`.
        seconds: from the look to the answer.
        confidence: 1 to 4 in the design `single`, else 0.
        sees: class, if the plan asks for it, else "".
    """

    says: str
    seconds: float
    confidence: int = 0
    sees: str = ""


@dataclass(frozen=True)
class Course:
    """A reader in a study, as the ledger says it now.

    Attributes:
        study: the study.
        reader: pseudonym.
        role: of the reader.
        gone: trials whose real image was withdrawn, or given another class, since the plan.
    """

    study: Study
    reader: str
    role: str
    gone: frozenset[int]

    @classmethod
    def of(cls, project: Project, name: str, reader: str, role: str) -> Self:
        """The reader's course as it is now.

        Raises:
            BadInputError: there is no such study, or it is broken.
        """
        ledger = Ledger(project)
        study = Study.read(ledger, name)
        return cls(study, reader, role, gone_trials(ledger, study.plan))

    @property
    def plan(self) -> Plan:
        """The study's plan."""
        return self.study.plan

    @cached_property
    def order(self) -> list[int]:
        """All trials, in this reader's order."""
        return order_of(self.plan, self.reader)

    @cached_property
    def pending(self) -> list[int]:
        """The trials that this reader has yet to answer, in their order."""
        return [one for one in self.order if not self._has_answered(one) and one not in self.gone]

    @property
    def answered(self) -> int:
        """Number of trials that this reader answered."""
        return sum(map(self._has_answered, self.order))

    @property
    def skipped(self) -> int:
        """Number of trials that this reader can no longer be shown."""
        return len(self.order) - self.answered - len(self.pending)

    @property
    def begun(self) -> bool:
        """Whether this reader looked at a trial."""
        return self.reader in self.study.readers

    @property
    def over(self) -> bool:
        """Whether this reader is through."""
        return not self.pending

    def look(self) -> Self:
        """Record that the reader looks at the next trial, which may be shown afterwards.

        Trials without a real image are recorded alike, so that nothing tells them by its time.

        Raises:
            BadInputError: the study is over for this reader.
        """
        if self.over:
            raise BadInputError(f"the study {self.plan.name} is over for this reader")
        return self._after([self._look_at(self.pending[0])])

    def answer(self, trial: int, reply: Reply) -> Self:
        """Record the answer to a trial and, in the same commit, the look at the next one.

        Raises:
            BadInputError: the plan does not ask for such an answer.
        """
        _require_asked_for(self.plan, reply)
        said: dict[str, Any] = {
            "action": "answered", "reader": self.reader, "role": self.role, "trial": trial,
            "says": reply.says, "confidence": reply.confidence, "sees": reply.sees,
            "seconds": round(reply.seconds, 2),
        }  # fmt: skip
        ahead = [one for one in self.pending if one != trial][:1]
        return self._after([said, *map(self._look_at, ahead)])

    def _look_at(self, trial: int) -> dict[str, Any]:
        image = self.plan.trials[trial].image
        facts: dict[str, Any] = {"action": "looked", "reader": self.reader, "role": self.role}
        return facts | {"trial": trial, "image": image}

    def _has_answered(self, trial: int) -> bool:
        return (self.reader, trial) in self.study.answers

    def _after(self, facts: list[dict[str, Any]]) -> Self:
        return replace(self, study=self.study.append(facts))


def gone_trials(ledger: Ledger, plan: Plan) -> frozenset[int]:
    """Trials whose real image was withdrawn, or given another class, since the plan."""
    held = still_held_out(ledger)
    return frozenset(
        number
        for number, one in enumerate(plan.trials)
        if one.image and held.get(one.image) != one.label
    )


def _require_asked_for(plan: Plan, reply: Reply) -> None:
    if reply.says not in plan.answers:
        raise BadInputError(f"{reply.says!r} is no answer; allowed are {', '.join(plan.answers)}")
    sure = (1, MOST_SURE) if plan.design == "single" else (0, 0)
    if not sure[0] <= reply.confidence <= sure[1]:
        raise BadInputError(
            f"the confidence is {reply.confidence}; allowed are {sure[0]} to {sure[1]}"
        )
    if reply.sees not in (plan.choices or [""]):
        raise BadInputError(f"{reply.sees!r} is no class that the study asks for")
