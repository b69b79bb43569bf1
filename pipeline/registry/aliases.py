"""What the registry holds of the journal: three aliases and the journal's position.

The journal is the authority. The registry keeps its head and its number of records, so that a
truncated or rewritten journal is detected.
"""

from typing import NamedTuple, Protocol

from pipeline.base.errors import BadInputError
from pipeline.ledger.chain import GENESIS
from pipeline.ledger.journal import Journal, Record
from pipeline.ledger.ledger import Ledger

CHAMPION, PREVIOUS, CHALLENGER = "champion", "previous", "challenger"


class JournalPosition(NamedTuple):
    """The sha256 of the journal's last record file, and the number of records."""

    head: str
    records: int


class Projection(NamedTuple):
    """What the aliases and the position should be; None: the alias is not set."""

    champion: int | None
    previous: int | None
    challenger: int | None
    journal: JournalPosition

    @classmethod
    def of(cls, journal: Journal) -> "Projection":
        """The projection of a journal."""
        return cls(
            champion=_number(journal.champion),
            previous=_number(journal.previous_champion),
            challenger=_number(journal.challenger),
            journal=JournalPosition(journal.head, len(journal.records)),
        )


class Projectable(Protocol):
    """The part of the registry that follows the journal."""

    def aliases(self) -> dict[str, int]:
        """Alias -> version, as they are now."""

    def journal_position(self) -> JournalPosition | None:
        """The journal's position when it was last projected; None: never projected."""

    def apply(self, projection: Projection) -> None:
        """Set the aliases and the position."""


def read_journal(ledger: Ledger, registry: Projectable) -> Journal:
    """The journal, checked against the position that the registry has of it.

    Raises:
        BadInputError: the journal was truncated or rewritten.
    """
    # The position is read first, so that an untouched journal is never behind it.
    position, journal = registry.journal_position(), Journal(ledger)
    heads = {GENESIS, *(record.sha256 for record in journal.records)}
    # The two tags may have been written at different times, so each is checked alone.
    if position and (position.records > len(journal.records) or position.head not in heads):
        raise BadInputError(
            f"the journal was truncated or rewritten: it has {len(journal.records)} records, the "
            f"registry knows {position.records}, the last with sha256 {position.head[:12]}; "
            "nothing was changed. `medloom audit verify` explains what is affected"
        )
    return journal


def update_aliases(ledger: Ledger, registry: Projectable) -> Journal:
    """Update the registry from the journal until both agree; returns the journal.

    Raises:
        BadInputError: the journal was truncated or rewritten; nothing is projected.
    """
    while True:
        journal = read_journal(ledger, registry)
        registry.apply(Projection.of(journal))
        if journal.commit == Journal(ledger).commit:
            return journal


def _number(record: Record | None) -> int | None:
    return record.version if record else None
