"""When a study is over, and who may see its results before.

Results that are seen while readers answer lead people to end a study when they please, and a reader
who knows them is no longer blind. So they are held back until the study is complete (the readers
that its plan names are through, and nobody is in the middle) or closed by a person. A look before
that is possible for whoever runs the study, is recorded first, and stands with the results.
"""

from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

from pipeline.base.errors import BadInputError
from pipeline.study.records import Study

EARLY = "looked-early"


@dataclass(frozen=True)
class EarlyLook:
    """A look at results before the end: who, when, why, and after how many answers."""

    by: str
    time: str
    reason: str
    answers: int

    @property
    def in_words(self) -> str:
        """For those who read the results."""
        why = f": {self.reason}" if self.reason else ""
        return f"{self.by} looked early, {self.time[:16]}, after {self.answers} answers{why}"


@dataclass(frozen=True)
class Progress:
    """How far a study is.

    Attributes:
        study: as it was read.
        through: readers who have nothing more to answer.
        in_the_middle: readers who began and have.
    """

    study: Study
    through: tuple[str, ...]
    in_the_middle: tuple[str, ...]

    @classmethod
    def of(cls, study: Study, gone: Collection[int]) -> "Progress":
        """The progress; `gone` are trials that can no longer be shown."""
        wanted = [one for one in range(len(study.plan.trials)) if one not in gone]
        through = [
            reader
            for reader in study.readers
            if all((reader, trial) in study.answers for trial in wanted)
        ]
        return cls(study, tuple(through), tuple(one for one in study.readers if one not in through))

    @property
    def complete(self) -> bool:
        """Whether the planned readers are through, and nobody is in the middle."""
        wanted = self.study.plan.readers
        return 0 < wanted <= len(self.through) and not self.in_the_middle

    @property
    def ended(self) -> bool:
        """Whether nobody may answer any more."""
        return self.study.closed is not None or self.complete

    @property
    def in_words(self) -> str:
        """How it ended, or how far it is."""
        if closed := self.study.closed:
            return f"closed by {closed.by}, {closed.time[:16]}: {closed.reason}"
        if self.complete:
            return f"complete with {len(self.through)} readers, as planned"
        planned = self.study.plan.readers
        ends = f"it is complete with {planned}" if planned else "it ends when somebody closes it"
        return (
            f"open (readers through: {len(self.through)}, in the middle: "
            f"{len(self.in_the_middle)}); {ends}"
        )

    def held_back_from(self, reader: str, by: str) -> str:
        """Why a person may not see the results now, in words; "" if they may.

        Args:
            reader: the person's pseudonym.
            by: their name, as decisions have it.
        """
        if self.ended:
            return ""
        if reader in self.in_the_middle:
            return (
                "You are in the middle of this study. Its results are shown to you at its end, "
                "since you would not be blind any more."
            )
        return (
            ""
            if self._looked_early(by)
            else f"The results are held back. The study is {self.in_words}."
        )

    def _looked_early(self, by: str) -> bool:
        """Whether a recorded look of this person is of all answers so far."""
        for one in reversed(self.study.records):
            if one.action == "answered":
                return False
            if one.action == EARLY and one.by == by:
                return True
        return False


def early_looks(study: Study) -> tuple[EarlyLook, ...]:
    """All looks at results before the end, oldest first."""
    found, answers = list[EarlyLook](), 0
    for one in study.records:
        answers += one.action == "answered"
        if one.action == EARLY:
            found.append(EarlyLook(one.by, one.time, one.reason, answers))
    return tuple(found)


def close(study: Study, *, by: str, reason: str, role: str = "") -> Study:
    """Close a study: nobody answers any more, and its results are there to see.

    Raises:
        BadInputError: no reason, or it is closed already.
        TransientError: others kept appending.
    """
    if not reason.strip():
        raise BadInputError("say in a few words why you close it (--reason); it is kept for good")
    return study.append([_by("closed", by, role, reason)])


def look_early(
    study: Study, gone: Collection[int], *, reader: str, by: str, reason: str = "", role: str = ""
) -> Study:
    """Record that a person looks at results before the end; call it before they are shown.

    Nothing is recorded where nothing is held back. Somebody in the middle may not look at all.

    Raises:
        BadInputError: this person is in the middle of the study.
        TransientError: others kept appending.
    """
    progress = Progress.of(study, gone)
    why = progress.held_back_from(reader, by)
    if not why:
        return study
    if reader in progress.in_the_middle:
        raise BadInputError(why)
    return study.append([_by(EARLY, by, role, reason)])


def require_shown(study: Study, gone: Collection[int], *, reader: str, by: str) -> None:
    """Check that a person may see the results now.

    Raises:
        BadInputError: they are held back; the message says why, and what to type.
    """
    progress = Progress.of(study, gone)
    if not (why := progress.held_back_from(reader, by)):
        return
    out = (
        ""
        if reader in progress.in_the_middle
        else f" `medloom study close {study.name}` ends it; --early shows them now, which is "
        "recorded and stands with the results"
    )
    raise BadInputError(f"study {study.name}: {why}{out}")


def _by(action: str, by: str, role: str, reason: str) -> dict[str, Any]:
    return {"action": action, "by": by, "role": role, "reason": reason.strip()}
