"""Who looked at which real images, when and why: an append-only, hash-chained branch of the ledger.

A look is recorded before its images are shown, so that a kill in between leaves a look too many and
never one too few.
"""

from collections.abc import Sequence
from typing import Any, Self

from pydantic import Field, model_validator

from pipeline.ledger.chain import LOOKS, ChainedRecord
from pipeline.ledger.chain_branch import ChainBranch, append_to
from pipeline.ledger.ledger import Ledger

BRANCH = LOOKS
FORMAT = 1
LONGEST_REASON = 500


class Look(ChainedRecord):
    """One person's look at some real images.

    Attributes:
        by: who looked, as decisions name them, or a reader's pseudonym.
        role: of that person; "" if roles are not used.
        images: their ids, sorted, each once.
        purpose: what they were shown for, in a word or two, such as quarantine.
        reason: why, in words, at most `LONGEST_REASON` characters, without a patient's name.
    """

    current = FORMAT

    by: str = Field(min_length=1)
    role: str = ""
    images: list[str] = Field(min_length=1)
    purpose: str = Field(min_length=1)
    reason: str = ""

    @model_validator(mode="after")
    def _short_and_of_each_image_once(self) -> Self:
        if self.format > FORMAT:
            return self
        if len(self.reason) > LONGEST_REASON:
            raise ValueError(
                f"the reason has {len(self.reason)} characters, at most {LONGEST_REASON}"
            )
        if self.images != sorted(set(self.images)):
            raise ValueError("its images are not sorted, or one is named twice")
        return self


class Looks(ChainBranch[Look]):
    """All looks of a project, as read at `commit` (None: there is none yet).

    Raises (on construction):
        BadInputError: as `ChainBranch`.
    """

    def __init__(self, ledger: Ledger) -> None:
        super().__init__(ledger, BRANCH, Look)


def record_look(
    ledger: Ledger,
    images: Sequence[str],
    *,
    by: str,
    purpose: str,
    role: str = "",
    reason: str = "",
) -> Look:
    """Record a look at real images; call it before they are shown.

    Args:
        ledger: of the project.
        images: ids of the images, at least one.
        by: who looks, as decisions name them, or a reader's pseudonym.
        purpose: what they are shown for, in a word or two.
        role: of that person.
        reason: why, in words, without a patient's name.

    Raises:
        BadInputError: the look says too little or too much, or the chain is broken.
        TransientError: others kept appending; nothing was recorded.
    """
    facts: dict[str, Any] = {
        "by": by, "role": role, "images": sorted(set(images)), "purpose": purpose,
        "reason": reason.strip(),
    }  # fmt: skip
    (look,) = append_to(ledger, BRANCH, Look, [facts], f"{len(images)} images, {purpose}")
    return look
