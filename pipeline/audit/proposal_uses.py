"""What was proposed about images, and answered, by the ledger's branch `proposals`."""

from collections.abc import Collection
from dataclasses import dataclass

from pipeline.audit.history import History
from pipeline.base.errors import BadInputError
from pipeline.data.revise.proposals import Proposal
from pipeline.ledger.chain import PROPOSALS, read_chain


@dataclass(frozen=True)
class ProposalUse:
    """One proposal about an image, or an answer to some.

    Attributes:
        record: its number in the chain.
        image: id.
        time: UTC, ISO 8601.
        action: proposed, accepted or declined.
        by: pseudonym of who proposed, or name of who answered.
        says: in words, with what is wrong, reason and outcome.
        study: in which it was flagged; "" if none.
        data: commit of the data revision that followed; "" if none.
    """

    record: int
    image: str
    time: str
    action: str
    by: str
    says: str
    study: str
    data: str


def proposal_uses(history: History, images: Collection[str]) -> tuple[ProposalUse, ...]:
    """The proposals and answers about some images, oldest first.

    Raises:
        BadInputError: the chain is broken, so what was said is not known.
    """
    head, wanted = history.heads.get(PROPOSALS), frozenset(images)
    if head is None or not wanted:
        return ()
    records, broken = read_chain(history.git.archive(head, PROPOSALS), Proposal)
    if broken:
        raise BadInputError(
            f"the branch {PROPOSALS} is broken at {broken.file}: {broken.why}; "
            "`medloom audit verify` says what is affected"
        )
    return tuple(
        ProposalUse(one.sequence, one.image, one.time, one.action, one.by, one.in_words,
                    one.study, one.data)
        for one in records
        if one.image in wanted
    )  # fmt: skip
