"""What happens once a decision has changed the champion: consumers are told."""

from pipeline.base.errors import BadInputError, NothingNewError
from pipeline.base.settings import Settings
from pipeline.ledger.journal import CHANGES_CHAMPION, Journal
from pipeline.ledger.ledger import Ledger
from pipeline.promotion.webhook import tell_champion


def announce(settings: Settings, record: int) -> tuple[int, str]:
    """Tell consumers of the champion that a decision made.

    Args:
        settings: of the project.
        record: the decision's number in the journal.

    Returns its version, and a warning when the webhook could not be told.

    Raises:
        NothingNewError: the decision made none, or another has followed it already.
        BadInputError: the journal has no such record.
    """
    journal = Journal(Ledger(settings))
    if not 0 < record <= len(journal.records):
        raise BadInputError(
            f"the journal has {len(journal.records)} records, and record {record} is none of "
            "them; `medloom champion history` shows them"
        )
    decision = journal.records[record - 1]
    if decision.action not in CHANGES_CHAMPION:
        raise NothingNewError("the champion is the same as before this run")
    champion = journal.champion
    if champion is None or champion.sequence != record:
        raise NothingNewError(f"version {decision.version} is no longer champion")
    return champion.number, tell_champion(settings, journal)
