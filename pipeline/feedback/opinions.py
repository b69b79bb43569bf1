"""Opinions on generated and real images: an append-only, hash-chained branch of the ledger."""

import re
from collections.abc import Mapping, Sequence
from typing import Any, Self

from pydantic import Field, model_validator

from pipeline.data.flaws import FLAWS
from pipeline.ledger.chain import FEEDBACK, ChainedRecord
from pipeline.ledger.chain_branch import ChainBranch, append_to
from pipeline.ledger.ledger import Ledger

BRANCH = FEEDBACK
FORMAT = 2
"""Format of new records; 2 added two words to `FLAWS`, burnt-in-text and other-organ."""

LONGEST_NOTE = 500
_PSEUDONYM = re.compile(r"[a-z0-9][a-z0-9._-]{0,63}")


def image_key(
    version: int | None, label: str, seed: int, index: int, settings: Mapping[str, Any]
) -> tuple[object, ...]:
    """A generated image as a key; equal for equal images."""
    told = tuple(sorted((name, str(value)) for name, value in settings.items()))
    return (version, label, seed, index, told)


NUMBERS = 2**64
"""Seeds and indices of images are below."""


class Opinion(ChainedRecord):
    """What one reader says about one image.

    A generated image is named by version, label, seed, index and settings, from which it can be
    drawn again; a real one by its id in the manifest.

    Attributes:
        reader: pseudonym of who says it: lower-case letters, digits, `.`, `_` and `-`.
        given_by: pseudonym of who entered it for the reader; "": the reader did.
        role: of the reader, such as reader or curator; "" if roles are not used.
        version: registry version that drew the image; None for a real image.
        weights_sha256: sha256 of that version's weights.
        label: class that was asked for, or that the real image has.
        seed, index: the image is number `index` of those that `seed` draws.
        settings: what else was asked for, such as truncation and findings.
        image: id of a real image; "" for a generated one.
        verdict: good or flawed.
        tags: what is wrong, of `FLAWS`; empty for a good one.
        note: in words, at most `LONGEST_NOTE` characters, without a patient's name.
        study: reader study in which it was given; "" if none.
        study_record: number of the study's record that says so; 0 if none.
    """

    current = FORMAT

    reader: str
    given_by: str = ""
    role: str = ""
    version: int | None = None
    weights_sha256: str = ""
    label: str
    seed: int = Field(default=0, ge=0)
    index: int = Field(default=0, ge=0)
    settings: dict[str, Any] = Field(default={})
    image: str = ""
    verdict: str
    tags: list[str] = Field(default=[])
    note: str = ""
    study: str = ""
    study_record: int = Field(default=0, ge=0)

    @property
    def account(self) -> str:
        """Pseudonym of who entered it."""
        return self.given_by or self.reader

    @property
    def flawed(self) -> bool:
        """Whether the reader found something wrong."""
        return self.verdict == "flawed"

    @property
    def subject(self) -> tuple[object, ...]:
        """What the opinion is about; equal for equal images."""
        if self.image:
            return (self.image,)
        return image_key(self.version, self.label, self.seed, self.index, self.settings)

    @model_validator(mode="after")
    def _known_and_about_one_image(self) -> Self:
        if self.format > FORMAT:
            return self
        for name, who in (("reader", self.reader), ("given_by", self.given_by or self.reader)):
            if not _PSEUDONYM.fullmatch(who):
                raise ValueError(f"{name} {who!r} is not of letters, digits, '.', '_' and '-'")
        if self.verdict not in ("good", "flawed"):
            raise ValueError(f"verdict {self.verdict!r} is neither good nor flawed")
        if unknown := sorted(set(self.tags) - set(FLAWS)):
            raise ValueError(f"no tag {', '.join(unknown)}; known: {', '.join(FLAWS)}")
        if self.flawed != bool(self.tags):
            raise ValueError("a flawed image has a tag that says why, and a good one has none")
        if len(self.note) > LONGEST_NOTE:
            raise ValueError(f"the note has {len(self.note)} characters, at most {LONGEST_NOTE}")
        if (self.version is None) != bool(self.image):
            raise ValueError("an opinion is about a version's image, or about a real one")
        return self


class Opinions(ChainBranch[Opinion]):
    """All opinions of a project, as read at `commit` (None: there is none yet).

    Raises (on construction):
        BadInputError: the chain is broken; the message names the first broken record.
    """

    def __init__(self, ledger: Ledger) -> None:
        super().__init__(ledger, BRANCH, Opinion)


def give(ledger: Ledger, facts: Sequence[Mapping[str, Any]]) -> list[Opinion]:
    """Append opinions, after those of readers who were faster.

    All of them are appended, or, after a kill or an error, none.

    Args:
        ledger: of the project.
        facts: the fields of each `Opinion`, without sequence, previous and time.

    Raises:
        BadInputError: an opinion is not allowed.
        TransientError: others kept appending.
    """
    why = str(facts[0].get("label")) if len(facts) == 1 else f"{len(facts)} images"
    return append_to(ledger, BRANCH, Opinion, facts, why)
