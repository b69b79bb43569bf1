"""What was measured of images that readers said look copied: a chain on a branch of its own.

An opinion is never changed. What was measured is a record of its own, and an opinion whose image
has none yet is pending, until a withdrawal says that it never can have one.
"""

from collections.abc import Callable, Iterable, Sequence
from typing import Any

from pydantic import Field

from pipeline.data.flaws import LOOKS_COPIED
from pipeline.feedback.opinions import NUMBERS, Opinion, Opinions, image_key
from pipeline.ledger.chain import COPY_CHECKS, ChainedRecord
from pipeline.ledger.chain_branch import ChainBranch
from pipeline.ledger.journal import Journal
from pipeline.ledger.ledger import Ledger

FORMAT = 1


class CopyCheck(ChainedRecord):
    """Whether one generated image is a copy of a training image, as measured.

    Attributes:
        version, weights_sha256, label, seed, index, settings: the image, as in `Opinion`.
        run_key: the run whose training images it was compared with.
        n_train: their number.
        correlation: with the nearest of them (`evaluation.copy_test`).
        nearest: its id in the manifest.
        limit: correlation above which an image is a copy.
        highest: correlation of the held-out image that is most alike a training image; -1: none.
        n_held_out: number of those.
        hit: whether the image is a copy.
    """

    current = FORMAT

    version: int
    weights_sha256: str
    label: str
    seed: int
    index: int
    settings: dict[str, Any] = Field(default={})
    run_key: str
    n_train: int
    correlation: float
    nearest: str
    limit: float
    highest: float
    n_held_out: int
    hit: bool

    @property
    def subject(self) -> tuple[object, ...]:
        """The image; equal to an opinion's on the same image."""
        return image_key(self.version, self.label, self.seed, self.index, self.settings)

    @property
    def in_words(self) -> str:
        """What was measured, for a reader."""
        reals = (
            f"the nearest of {self.n_held_out} real images that it never saw has {self.highest:.3f}"
            if self.n_held_out
            else "no held-out image is there to compare with"
        )
        verdict = "it is a copy" if self.hit else "it is no copy by this test"
        return (
            f"correlation {self.correlation:.3f} with the nearest of {self.n_train} training "
            f"images, where a copy has more than {self.limit:.3f}; {reals}: {verdict}"
        )


class CopyChecks(ChainBranch[CopyCheck]):
    """All checks of a project.

    Raises (on construction):
        BadInputError: the chain is broken.
    """

    def __init__(self, ledger: Ledger) -> None:
        super().__init__(ledger, COPY_CHECKS, CopyCheck)

    @property
    def by_subject(self) -> dict[tuple[object, ...], CopyCheck]:
        """The newest check of each image."""
        return {one.subject: one for one in self.records}


def unmeasured(opinions: Iterable[Opinion], checks: Sequence[CopyCheck]) -> list[Opinion]:
    """One opinion on each generated image that looks copied and was not measured."""
    known = {one.subject for one in checks}
    waiting: dict[tuple[object, ...], Opinion] = {}
    for one in opinions:
        if one.version is not None and LOOKS_COPIED in one.tags and one.subject not in known:
            waiting.setdefault(one.subject, one)
    return list(waiting.values())


def why_never(opinion: Opinion, journal: Journal) -> str:
    """Why an opinion's image can never be measured; "" if it can.

    What a version learned from is not looked at any more once a consent was withdrawn, and a purge
    removes it. The journal says so for good, so that nothing else needs to be recorded.
    """
    if max(opinion.seed, opinion.index) >= NUMBERS:
        return f"seed {opinion.seed} and number {opinion.index} name no image: both end at 2^64 - 1"
    withdrawn = journal.affected.get(opinion.version) if opinion.version is not None else None
    if withdrawn is None:
        return ""
    return (
        f"images that version {opinion.version} learned from were withdrawn (record "
        f"{withdrawn.sequence} of the journal), so that what it learned from is not compared with "
        "anything any more; if the image worries you, take the version back: `medloom champion "
        "rollback --reason …`, or `medloom audit withdraw … --policy demote`"
    )


def anything_to_check(ledger: Ledger) -> bool:
    """Whether an image is pending, or a version that drew a copy is not blocked yet."""
    checks = CopyChecks(ledger).records
    waiting, hits = unmeasured(Opinions(ledger).records, checks), [one for one in checks if one.hit]
    if not waiting and not hits:
        return False
    journal = Journal(ledger)
    if any(not why_never(one, journal) for one in waiting):
        return True
    return not all(journal.withheld(hit.weights_sha256) for hit in hits)


def copy_outcomes(ledger: Ledger) -> Callable[[Opinion], str]:
    """What was measured of an opinion's image, in a word or two, as the ledger says it now.

    It is "" if the reader did not say that the image looks copied.
    """
    checks, journal = CopyChecks(ledger).by_subject, Journal(ledger)

    def outcome(one: Opinion) -> str:
        if one.version is None or LOOKS_COPIED not in one.tags:
            return ""
        if (found := checks.get(one.subject)) is not None:
            return "a copy" if found.hit else "no copy"
        return "cannot be measured" if why_never(one, journal) else "pending"

    return outcome
