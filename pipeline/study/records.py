"""A study in the ledger: an append-only, hash-chained branch of its own, `study/<name>`.

The first record is the plan. Each look of a reader at a trial is a record with the id of the real
image that was shown, written before it is shown; each answer is one, too, and each flag on an image
that something is wrong with. So a reader may stop and go on, and a kill loses at most the answer
that was being written. A person who closes the study, or looks at results before its end, is
recorded by name.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal, Self, get_args

from pydantic import Field, ValidationError, model_validator

from pipeline.base.errors import BadInputError, TransientError
from pipeline.ledger.chain import (
    STUDY,
    STUDY_FOLDER,
    ChainedRecord,
    file_name,
    next_record,
    read_chain,
)
from pipeline.ledger.git import PushRefusedError
from pipeline.ledger.ledger import Ledger
from pipeline.ledger.signing import Signer
from pipeline.study.plan import Plan

FORMAT = 2
"""Format of new records; 2 added the actions flagged, closed and looked-early."""
MOST_SURE = 4
"""Confidence is 1, a guess, to 4, sure."""
_TRIES = 20  # appends that may be overtaken by other readers
_NAME = re.compile(r"[a-z0-9]([a-z0-9-]{0,38}[a-z0-9])?")

LONGEST_REASON = 500

Action = Literal["planned", "looked", "answered", "flagged", "closed", "looked-early"]


class StudyRecord(ChainedRecord):
    """One record of a study.

    Attributes:
        action: planned, looked, answered, flagged, closed or looked-early.
        study: name of the study, which is why an image was looked at.
        plan: a `Plan`; empty but in the first record.
        reader: pseudonym of who looked, answered or flagged.
        role: of the reader, or of who closed it or looked early.
        trial: its number in the plan, from 0.
        image: id of the real image that was looked at, or flagged; "" if it is none.
        says: the answer, one of `Plan.answers`.
        confidence: 1 to `MOST_SURE`; 0 if it was not asked for.
        sees: class that the reader sees; "" if it was not asked for.
        seconds: from the look to the answer, by the server's clock.
        side: of a flag in a pair: left or right; else "".
        tags: of a flag: what is wrong, of `FLAWS_OF_ALL`.
        by: who closed the study or looked early, as decisions name them.
        reason: why, in words, of a flag, of closing and of looking early, at most `LONGEST_REASON`
            characters, without a patient's name.
    """

    current = FORMAT

    action: str
    study: str
    plan: dict[str, Any] = Field(default={})
    reader: str = ""
    role: str = ""
    trial: int = -1
    image: str = ""
    says: str = ""
    confidence: int = Field(default=0, ge=0, le=MOST_SURE)
    sees: str = ""
    seconds: float = Field(default=0.0, ge=0.0)
    side: str = ""
    tags: list[str] = Field(default=[])
    by: str = ""
    reason: str = ""

    @model_validator(mode="after")
    def _of_a_known_action(self) -> Self:
        if self.format > FORMAT:
            return self
        if self.action not in get_args(Action):
            raise ValueError(f"format {self.format} has no action {self.action!r}")
        if len(self.reason) > LONGEST_REASON:
            raise ValueError(
                f"the reason has {len(self.reason)} characters, at most {LONGEST_REASON}"
            )
        return self


@dataclass(frozen=True)
class Study:
    """A study as it was read.

    Attributes:
        ledger: of the project.
        name: of the study.
        commit: head of its branch.
        records: the chain, the plan first.
    """

    ledger: Ledger
    name: str
    commit: str
    records: tuple[StudyRecord, ...]

    @classmethod
    def read(cls, ledger: Ledger, name: str) -> Self:
        """Read a study.

        Raises:
            BadInputError: there is no such study, its chain is broken (the message names the first
                broken record), or a newer medloom wrote to it.
        """
        commit = ledger.head(STUDY + name) if _NAME.fullmatch(name) else None
        if commit is None:
            raise _unknown(ledger, name)
        records, broken = read_chain(ledger.read_folder(commit, STUDY_FOLDER), StudyRecord)
        if broken:
            raise BadInputError(
                f"the study {name} is broken at {broken.file}: {broken.why}; it was altered. "
                f"Restore the ledger's branch `{STUDY}{name}` from a backup"
            )
        if newer := next((one for one in records if one.format > FORMAT), None):
            raise BadInputError(
                f"record {newer.sequence} of the study {name} was written by a newer medloom, in "
                f"format {newer.format}; this version reads formats 1 to {FORMAT}: upgrade medloom"
            )
        return cls(ledger, name, commit, tuple(records))

    @cached_property
    def plan(self) -> Plan:
        """What was planned.

        Raises:
            BadInputError: the first record has no plan.
        """
        try:
            return Plan.model_validate(self.records[0].plan)
        except (IndexError, ValidationError) as error:
            raise BadInputError(f"the study {self.name} has no plan: {error}") from error

    @cached_property
    def answers(self) -> dict[tuple[str, int], StudyRecord]:
        """The answer of each reader on each trial: the first one, since it was given blindly."""
        found: dict[tuple[str, int], StudyRecord] = {}
        for one in self.records:
            if one.action == "answered":
                found.setdefault((one.reader, one.trial), one)
        return found

    @cached_property
    def flags(self) -> list[StudyRecord]:
        """The flags: of several of one reader on one image the last one, oldest first."""
        found = {
            (one.reader, one.trial, one.side): one
            for one in self.records
            if one.action == "flagged"
        }
        return sorted(found.values(), key=lambda one: one.sequence)

    @property
    def closed(self) -> StudyRecord | None:
        """The record that closed the study; None: it is open."""
        return next((one for one in self.records if one.action == "closed"), None)

    @property
    def readers(self) -> list[str]:
        """Pseudonyms of those who looked at a trial, sorted."""
        return sorted({one.reader for one in self.records if one.reader})

    def append(self, facts: Sequence[Mapping[str, Any]]) -> "Study":
        """Append records in one commit, after those of readers who were faster.

        An answer on a trial that the reader has answered meanwhile, as in another window, is left
        out. All records are appended, or, after a kill or an error, none.

        Returns:
            The study as it is then.

        Raises:
            BadInputError: a record is not allowed, or the study was closed meanwhile.
            TransientError: others kept appending.
        """
        study = self
        for _ in range(_TRIES):
            wanted = [one for one in facts if not study._has_answer(one)]
            study._require_open(wanted)
            try:
                return _written(self.ledger, self.name, study, wanted) if wanted else study
            except PushRefusedError:
                study = Study.read(self.ledger, self.name)
        raise TransientError(
            f"others answered {_TRIES} times in a row; nothing was lost, try again"
        )

    def _require_open(self, facts: Sequence[Mapping[str, Any]]) -> None:
        if (closed := self.closed) and any(one["action"] != "looked-early" for one in facts):
            raise BadInputError(f"the study {self.name} was closed by {closed.by}: {closed.reason}")

    def _has_answer(self, facts: Mapping[str, Any]) -> bool:
        return facts["action"] == "answered" and (facts["reader"], facts["trial"]) in self.answers


def begin(ledger: Ledger, plan: Plan) -> Study:
    """Write a study's plan into the ledger.

    Raises:
        BadInputError: the name is not allowed, or another study has it.
    """
    require_free_name(ledger, plan.name)
    try:
        return _written(ledger, plan.name, None, [{"action": "planned", "plan": plan.model_dump()}])
    except PushRefusedError:
        raise _taken(plan.name) from None


def require_free_name(ledger: Ledger, name: str) -> None:
    """Check that a study may have this name.

    Raises:
        BadInputError: it is not allowed, or another study has it.
    """
    if not _NAME.fullmatch(name):
        raise BadInputError(
            f"{name!r} is not a name of a study: give up to 40 lower-case letters, digits and "
            "dashes, such as kidney-v3-residents"
        )
    if ledger.head(STUDY + name):
        raise _taken(name)


def study_names(ledger: Ledger) -> list[str]:
    """The names of all studies, sorted."""
    return sorted(branch.removeprefix(STUDY) for branch in ledger.branches(STUDY))


def _written(
    ledger: Ledger, name: str, before: Study | None, facts: Sequence[Mapping[str, Any]]
) -> Study:
    """The study with further records, pushed in one commit.

    Raises:
        BadInputError: a record is not allowed.
        PushRefusedError: somebody was faster.
    """
    signer = Signer.of(ledger.project)
    chain = list(before.records) if before else []
    files = {}
    for one in facts:
        try:
            record = next_record(chain, StudyRecord, signer, study=name, **one)
        except ValueError as error:
            raise BadInputError(f"the study {name}: {error}") from error
        chain.append(record)
        files[f"{STUDY_FOLDER}/{file_name(record.sequence)}"] = record.written.decode()
    why = f"study {name}: {', '.join(str(one['action']) for one in facts)}"
    commit = ledger.commit_files(STUDY + name, before.commit if before else None, files, why)
    return Study(ledger, name, commit, tuple(chain))


def _taken(name: str) -> BadInputError:
    return BadInputError(f"there is a study {name} already, and its plan is fixed; choose a name")


def _unknown(ledger: Ledger, name: str) -> BadInputError:
    known = ", ".join(study_names(ledger))
    there = f"there are {known}" if known else "there is none yet: `medloom study create`"
    return BadInputError(f"there is no study {name!r}; {there}")
