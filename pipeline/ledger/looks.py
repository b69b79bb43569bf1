"""Who looked at which real images, when and why: an append-only, hash-chained branch of the ledger.

A look is recorded before its images are shown, so that a kill in between leaves a look too many and
never one too few.
"""

from collections.abc import Sequence
from typing import Any, Self

from pydantic import Field, ValidationError, model_validator

from pipeline.base.errors import BadInputError, TransientError
from pipeline.ledger.chain import LOOKS, ChainedRecord, file_name, next_record, read_chain
from pipeline.ledger.git import PushRefusedError
from pipeline.ledger.ledger import Ledger
from pipeline.ledger.signing import Signer

BRANCH, FOLDER = LOOKS, LOOKS
FORMAT = 1
LONGEST_REASON = 500
_TRIES = 20  # appends that may be overtaken by others


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


class Looks:
    """All looks of a project, as read at `commit` (None: there is none yet).

    Raises (on construction):
        BadInputError: the chain is broken (the message names the first broken record), or a newer
            medloom wrote to it.
    """

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger
        self.commit = ledger.head(BRANCH)
        files = ledger.read_folder(self.commit, FOLDER) if self.commit else {}
        self.records, broken = read_chain(files, Look)
        if broken:
            raise BadInputError(
                f"the looks of {ledger.url} are broken at {broken.file}: {broken.why}; they were "
                "altered. Restore the ledger's branch `looks` from a backup"
            )
        if newer := next((one for one in self.records if one.format > FORMAT), None):
            raise BadInputError(
                f"record {newer.sequence} of the looks of {ledger.url} is of format "
                f"{newer.format}; this medloom knows formats 1 to {FORMAT}: upgrade medloom"
            )

    def append(self, look: Look) -> bool:
        """Append the record that follows on these; False if somebody appended since."""
        files = {f"{FOLDER}/{file_name(look.sequence)}": look.written.decode()}
        why = f"look: {len(look.images)} images, {look.purpose}"
        try:
            self._ledger.commit_files(BRANCH, self.commit, files, why)
        except PushRefusedError:
            return False
        return True


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
    signer = Signer.of(ledger.project)
    for _ in range(_TRIES):
        looks = Looks(ledger)
        try:
            look = next_record(looks.records, Look, signer, **facts)
        except ValidationError as error:
            first = error.errors()[0]
            about = ".".join(map(str, first["loc"])) or "it"
            raise BadInputError(
                f"a look at {len(images)} images cannot be recorded: {about}: {first['msg']}"
            ) from error
        if looks.append(look):
            return look
    raise TransientError(
        f"others recorded looks {_TRIES} times in a row; nothing was shown, try again"
    )
