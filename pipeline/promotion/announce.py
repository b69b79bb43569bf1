"""Tell consumers that the champion changed."""

from pipeline.base.errors import BadInputError, NothingNewError
from pipeline.base.project import Project
from pipeline.ledger.journal import CHANGES_CHAMPION, Journal
from pipeline.ledger.ledger import Ledger
from pipeline.promotion.webhook import notify_champion


def announce(project: Project, record: int) -> tuple[int, str]:
    """Tell consumers which version a decision made champion.

    Args:
        project: the project.
        record: the decision's number in the journal.

    Returns:
        The version, and a warning if the webhook failed, else "".

    Raises:
        NothingNewError: the decision did not change the champion, or a later one has.
        BadInputError: the journal has no such record.
    """
    journal = Journal(Ledger(project))
    if not 0 < record <= len(journal.records):
        raise BadInputError(
            f"there is no record {record}: the journal has {len(journal.records)} records; "
            "`medloom champion history` lists them"
        )
    decision = journal.records[record - 1]
    if decision.action not in CHANGES_CHAMPION:
        raise NothingNewError("the champion is the same as before this run")
    champion = journal.champion
    if champion is None or champion.sequence != record:
        raise NothingNewError(f"version {decision.version} is no longer champion")
    return champion.number, notify_champion(project, journal)
