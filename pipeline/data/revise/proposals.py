"""Proposals to take real images out of the data: an append-only, hash-chained branch of the ledger.

Whoever sees something wrong with an image proposes; nothing leaves the data by that. A person
answers (`answering.py`), and proposal and answer stay for good.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from math import inf
from typing import Any, Literal, Self, get_args

from pydantic import Field, model_validator

from pipeline.base.errors import BadInputError
from pipeline.data.flaws import FLAWS_OF_ALL, flaws_in_words
from pipeline.ledger.chain import PROPOSALS, ChainedRecord
from pipeline.ledger.chain_branch import ChainBranch, append_to
from pipeline.ledger.ledger import Ledger

BRANCH = PROPOSALS
FORMAT = 1
LONGEST_REASON = 500
SHORTEST_NAME = 8
"""Digits of an image's id that name it, if no other proposed image begins with them."""
PROPOSED, ACCEPTED, DECLINED = "proposed", "accepted", "declined"

Action = Literal["proposed", "accepted", "declined"]
State = Literal["open", "waiting", "gone", "accepted", "declined"]


class Proposal(ChainedRecord):
    """One reader's proposal about one real image, or a person's answer to proposals about it.

    Attributes:
        action: proposed, accepted or declined.
        image: its id in the manifest.
        by: who says it: a reader's pseudonym, or who answered, as decisions name them.
        role: of that person; "" if roles are not used.
        label: class that the image had.
        tags: what is wrong, of `FLAWS_OF_ALL`; empty in an answer.
        reason: in words, at most `LONGEST_REASON` characters, without a patient's name; an answer
            has one.
        study: reader study in which it was flagged; "" if none.
        study_record: number of the study's record that says so; 0 if none.
        answers: numbers of the proposals that an answer is about.
        outcome: what followed on `accepted`: set-aside, or the class that the image got instead.
        data: git commit of the data revision in which it did.
    """

    current = FORMAT

    action: str
    image: str = Field(min_length=1)
    by: str = Field(min_length=1)
    role: str = ""
    label: str = ""
    tags: list[str] = Field(default=[])
    reason: str = ""
    study: str = ""
    study_record: int = Field(default=0, ge=0)
    answers: list[int] = Field(default=[])
    outcome: str = ""
    data: str = ""

    @model_validator(mode="after")
    def _says_enough(self) -> Self:
        if self.format > FORMAT:
            return self
        if self.action not in get_args(Action):
            raise ValueError(f"format {self.format} has no action {self.action!r}")
        if unknown := sorted(set(self.tags) - set(FLAWS_OF_ALL)):
            raise ValueError(f"no flaw {', '.join(unknown)}; known: {', '.join(FLAWS_OF_ALL)}")
        if (self.action == PROPOSED) != bool(self.tags):
            raise ValueError("a proposal says what is wrong, and an answer to it does not")
        if (self.action == PROPOSED) == bool(self.answers):
            raise ValueError("an answer names the proposals that it is about")
        if self.answers and not self.reason.strip():
            raise ValueError("an answer has a reason")
        if len(self.reason) > LONGEST_REASON:
            raise ValueError(
                f"the reason has {len(self.reason)} characters, at most {LONGEST_REASON}"
            )
        return self

    @property
    def in_words(self) -> str:
        """Such as: proposed by reader-1a2b: burnt in text; "left lower corner"."""
        said = flaws_in_words(self.tags) or self.outcome.replace("-", " ")
        note = f'"{self.reason}"' if self.reason else ""
        where = f" in the study {self.study}" if self.study else ""
        return f"{self.action} by {self.by}{where}: {'; '.join(filter(None, (said, note)))}"


class Proposals(ChainBranch[Proposal]):
    """All proposals of a project and the answers, as read at `commit` (None: there is none yet).

    Raises (on construction):
        BadInputError: as `ChainBranch`.
    """

    def __init__(self, ledger: Ledger) -> None:
        super().__init__(ledger, BRANCH, Proposal)


def propose(ledger: Ledger, facts: Sequence[Mapping[str, Any]]) -> list[Proposal]:
    """Append proposals, after those of whoever was faster: all of them or, after an error, none.

    Args:
        ledger: of the project.
        facts: the fields of each `Proposal`, without action, sequence, previous and time.

    Raises:
        BadInputError: a proposal is not allowed.
        TransientError: others kept appending.
    """
    said = [{"action": PROPOSED} | dict(one) for one in facts]
    return append_to(ledger, BRANCH, Proposal, said, f"{len(said)} images proposed")


# -- what stands -----------------------------------------------------------------------------------


@dataclass(frozen=True)
class ProposedImage:
    """One image that was proposed, and where the proposals about it stand.

    Attributes:
        image: id.
        label: class that it has now; if it left the data, that it had.
        state: open: to be answered; waiting: only readers whose cap is reached proposed it; gone:
            it left the data by another decision; else the last answer.
        proposals: that are not answered, the newest of each reader, oldest first.
        answered: earlier proposals and answers, oldest first.
    """

    image: str
    label: str
    state: State
    proposals: tuple[Proposal, ...]
    answered: tuple[Proposal, ...]

    @property
    def record(self) -> str:
        """What the user types."""
        return self.image[:12]

    @property
    def detail(self) -> str:
        """Who proposed it and why, or how it was answered."""
        told = self.proposals or self.answered[-1:]
        before = [one for one in self.answered if one.action == DECLINED] if self.proposals else []
        again = f" (before: {before[-1].in_words})" if before else ""
        return "; ".join(one.in_words for one in told) + again

    @property
    def facts(self) -> dict[str, object]:
        """The fields for JSON output, as of a quarantined file."""
        return {
            "record": self.record, "file": "", "class": self.label, "bytes": 0,
            "reason": PROPOSED, "detail": self.detail, "state": self.state,
            "what can be done": _ADVICE[self.state], "image": self.image,
        }  # fmt: skip


_ADVICE: Mapping[State, str] = {
    "open": "look at it; `medloom data quarantine accept` takes it out of the data, or corrects "
    "its class with --to; `decline` keeps it",
    "waiting": "answer this reader's other proposals first",
    "gone": "nothing: it is no longer in the data",
    "accepted": "nothing; `medloom data quarantine release` lets an image in again that was set "
    "aside, once an ingest has listed its file",
    "declined": "nothing",
}


def proposed_images(
    records: Iterable[Proposal], held: Mapping[str, str], most_per_reader: int | None
) -> list[ProposedImage]:
    """Every image that was proposed, by its oldest proposal.

    Of several open proposals of one reader about one image the last one counts; of one reader at
    most `most_per_reader` images are open, the oldest, and the others wait until these are
    answered. So nobody can bury the list.

    Args:
        records: the chain.
        held: id -> class of each image of the newest data revision.
        most_per_reader: images of one reader that are open at a time; None: any number.
    """
    by_image: dict[str, list[Proposal]] = {}
    for one in records:
        by_image.setdefault(one.image, []).append(one)
    counted, found = Counter[str](), []
    most = inf if most_per_reader is None else most_per_reader
    for image, about in by_image.items():
        settled = {number for one in about for number in one.answers}
        newest = {
            one.by: one for one in about if one.action == PROPOSED and one.sequence not in settled
        }
        pending = sorted(newest.values(), key=lambda one: one.sequence)
        answered = [one for one in about if one.sequence in settled or one.answers]
        if not pending:
            state: State = "accepted" if answered[-1].action == ACCEPTED else "declined"
        elif image not in held:
            state = "gone"
        elif all(counted[one.by] >= most for one in pending):
            state = "waiting"
        else:
            state = "open"
            counted.update(one.by for one in pending)
        label = held.get(image, about[0].label)
        found.append(ProposedImage(image, label, state, tuple(pending), tuple(answered)))
    return found


def find_proposed(known: Iterable[ProposedImage], name: str) -> ProposedImage:
    """The proposed image of an id, or of its first digits.

    Raises:
        BadInputError: there is none, or more than one.
    """
    found = [one for one in known if one.image.startswith(name)] if name else []
    if len(found) == 1 and len(name) >= SHORTEST_NAME:
        return found[0]
    raise BadInputError(
        f"{name!r} names {len(found)} proposed images: give the record that "
        "`medloom data quarantine list --reason proposed` shows"
    )
