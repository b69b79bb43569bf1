"""One reader's way through a study: which trial comes next, looking at it, answering it."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, Self

from pipeline.base.errors import BadInputError
from pipeline.base.project import Project
from pipeline.data.flaws import FLAWS_OF_ALL
from pipeline.ledger.ledger import Ledger
from pipeline.study.ending import Progress
from pipeline.study.held_out import still_held_out
from pipeline.study.plan import LEFT, RIGHT, Plan, order_of
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

    @cached_property
    def progress(self) -> Progress:
        """How far the study is."""
        return Progress.of(self.study, self.gone)

    @property
    def over(self) -> bool:
        """Whether this reader is through, or the study has ended."""
        return not self.pending or self.progress.ended

    def look(self) -> Self:
        """Record that the reader looks at the next trial, which may be shown afterwards.

        Trials without a real image are recorded alike, so that nothing tells them by its time.

        Raises:
            BadInputError: the study is over for this reader.
        """
        if self.over:
            why = f": {self.progress.in_words}" if self.progress.ended else " for this reader"
            raise BadInputError(f"the study {self.plan.name} is over{why}")
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

    def flag(self, trial: int, tags: Sequence[str], note: str = "", side: str = "") -> Self:
        """Record that something is wrong with an image of a trial; it answers nothing.

        The record is alike for real and synthetic images, and what becomes of it is decided later
        (`flags.py`), so that nothing tells the reader which one it was.

        Args:
            trial: its number.
            tags: what is wrong, of `FLAWS_OF_ALL`, at least one.
            note: in words, without a patient's name.
            side: in a pair, left or right; else "".

        Raises:
            BadInputError: no such image, no tag, an unknown one, or the study was closed.
        """
        _require_flaws(self.plan, tags, side)
        image = self.plan.trials[trial].shown(side).image
        said = {
            "action": "flagged", "reader": self.reader, "role": self.role, "trial": trial,
            "side": side, "image": image, "tags": sorted(set(tags)), "reason": note.strip(),
        }  # fmt: skip
        return self._after([said])

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


def _require_flaws(plan: Plan, tags: Sequence[str], side: str) -> None:
    if not tags or (unknown := sorted(set(tags) - set(FLAWS_OF_ALL))):
        said = f"no flaw {', '.join(unknown)}" if tags else "a flag says what is wrong"
        raise BadInputError(f"{said}; known are {', '.join(FLAWS_OF_ALL)}")
    sides = (LEFT, RIGHT) if plan.design == "pair" else ("",)
    if side not in sides:
        raise BadInputError(f"{side!r} is no side; allowed are {', '.join(sides)}")


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
