"""What the registry is made to say of the journal: three aliases, and where the journal stands.

The journal is the authority. Its head and the number of its records are mirrored in the registry,
so that a journal whose tail was cut off, or that was written anew, is found out.
"""

from typing import NamedTuple, Protocol

from pipeline.base.errors import BadInputError
from pipeline.ledger.journal import GENESIS, Journal, Record
from pipeline.ledger.ledger import Ledger

CHAMPION, PREVIOUS, CHALLENGER = "champion", "previous", "challenger"


class Mirror(NamedTuple):
    """Where the journal stood: sha256 of its last record's file, and how many records it had."""

    head: str
    records: int


class Projection(NamedTuple):
    """What aliases and mirror should say; None: nobody bears the alias."""

    champion: int | None
    previous: int | None
    challenger: int | None
    mirror: Mirror

    @classmethod
    def of(cls, journal: Journal) -> "Projection":
        """What a journal says."""
        return cls(
            champion=_number(journal.champion),
            previous=_number(journal.previous_champion),
            challenger=_number(journal.challenger),
            mirror=Mirror(journal.head, len(journal.records)),
        )


class Projectable(Protocol):
    """The part of the registry that follows the journal."""

    def aliases(self) -> dict[str, int]:
        """Alias -> version, as they are now."""

    def mirror(self) -> Mirror | None:
        """Where the journal stood when it was last projected; None: never."""

    def project(self, projection: Projection) -> None:
        """Make aliases and mirror say this."""


def read_journal(ledger: Ledger, registry: Projectable) -> Journal:
    """The journal, known to hold all that the registry has ever heard of.

    Raises:
        BadInputError: it was cut or written anew.
    """
    # The mirror before the journal: an honest mirror is never ahead of a later reading.
    mirror, journal = registry.mirror(), Journal(ledger)
    heads = {GENESIS, *(record.sha256 for record in journal.records)}
    # The mirror's two tags may stem from two moments, so each is asked for itself.
    if mirror and (mirror.records > len(journal.records) or mirror.head not in heads):
        raise BadInputError(
            f"the journal was cut or written anew: it has {len(journal.records)} records, and the "
            f"registry knows of {mirror.records}, the last with sha256 {mirror.head[:12]}; nothing "
            "was changed. `medloom audit verify` says what it implies"
        )
    return journal


def project_aliases(ledger: Ledger, registry: Projectable) -> Journal:
    """Make the registry say what the journal says, also when that moves on meanwhile.

    Returns the journal that was projected last.

    Raises:
        BadInputError: the journal was cut or written anew; nothing is projected.
    """
    while True:
        journal = read_journal(ledger, registry)
        registry.project(Projection.of(journal))
        if journal.commit == Journal(ledger).commit:
            return journal


def _number(record: Record | None) -> int | None:
    return record.version if record else None
