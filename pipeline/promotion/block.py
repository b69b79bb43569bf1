"""Block a version of which an image was measured to be a copy of a training image.

The journal's record is the block. It does not ask the registry: a service that is down must not
keep a version champion that shows a patient's image. Aliases, tags and consumers follow
(`tell_block`), and `medloom champion repair` makes good what did not.
"""

from collections.abc import Mapping
from typing import Any, Protocol

from pipeline.base.errors import MedloomError
from pipeline.base.project import Project
from pipeline.ledger.journal import BLOCKED, COPY, Journal, Record
from pipeline.ledger.ledger import Ledger
from pipeline.promotion.champion import about
from pipeline.promotion.webhook import notify_champion
from pipeline.registry.aliases import Projectable, update_aliases
from pipeline.registry.generators import Version

BLOCKED_TAG = "medloom.blocked"
BY = "copy-check"


def block_copyist(
    ledger: Ledger, version: Version, copy: Mapping[str, Any], reason: str
) -> tuple[Record, bool]:
    """Block a version for good; a champion is replaced by the last former one that may return.

    One record does both, `demoted` for a champion and `blocked` for another version. A repeated
    call changes nothing.

    Args:
        ledger: with the journal.
        version: that drew the copy.
        copy: facts of the image, for the record's details; with `weights_sha256`.
        reason: in words.

    Returns:
        The record, and whether this call made it.
    """
    while True:
        journal = Journal(ledger)
        if found := journal.withheld(version.weights_sha256):
            return found, False
        champion = journal.champion
        if champion and version.weights_sha256 == champion.weights_sha256:
            successor = journal.previous_champion
            facts = about(successor) if successor else {"version": None}
            facts |= {"action": "demoted", "predecessor": champion.number}
        else:
            facts = {
                "action": BLOCKED,
                "version": version.number,
                "weights_sha256": version.weights_sha256,
                "run_key": version.run_key,
            }
        if record := journal.append(**facts, by=BY, reason=reason, details={COPY: dict(copy)}):
            return record, True


class Followed(Projectable, Protocol):
    """The part of the registry that follows a block."""

    def run_keys(self) -> dict[int, str]:
        """The run key of every version."""

    def tag(self, version: int, name: str, value: str) -> None:
        """Set a tag of a version."""

    def tags(self, version: int) -> dict[str, str]:
        """The tags of a version."""


def follow(ledger: Ledger, registry: Followed) -> Journal:
    """Let the aliases, and the tags of versions that drew a copy, say what the journal says.

    The aliases come first: consumers load by them. A version that is not in the registry any more
    has no tag.

    Raises:
        BadInputError: as `update_aliases`.
        TransientError: the registry cannot be reached.
    """
    journal = update_aliases(ledger, registry)
    known = registry.run_keys()
    for record in journal.records:
        number = record.details.get(COPY, {}).get("version")
        if number not in known:
            continue
        if registry.tags(number).get(BLOCKED_TAG) != str(record.sequence):
            registry.tag(number, BLOCKED_TAG, str(record.sequence))
    return journal


def tell_block(project: Project, record: Record) -> str:
    """Let registry and consumers follow a block; returns a warning, or "" if all did."""
    from pipeline.local import services
    from pipeline.registry.registry import Registry

    ledger, warnings = Ledger(project), []
    try:
        with services.mlflow(project) as uri:
            follow(ledger, Registry(uri, project.model))
    except MedloomError as error:
        warnings.append(f"{error}; `medloom champion repair` lets the registry follow")
    if record.action == "demoted":
        warnings.append(notify_champion(project, Journal(ledger)))
    return "; ".join(warning for warning in warnings if warning)
