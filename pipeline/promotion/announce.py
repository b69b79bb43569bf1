"""What happens once a run has changed the champion: consumers are told."""

from pipeline.base.errors import NothingNewError
from pipeline.base.run_folder import RunFolder
from pipeline.base.settings import Settings
from pipeline.ledger.journal import CHANGES_CHAMPION, Journal
from pipeline.ledger.ledger import Ledger
from pipeline.promotion.webhook import tell_champion

_DECIDING = ("promote", "approve")


def announce(settings: Settings, run: RunFolder) -> tuple[int, str]:
    """Tell consumers of the champion that a run made.

    Returns its version, and a warning when the webhook could not be told.

    Raises:
        NothingNewError: the run made none, or another has followed it already.
    """
    records = [result["record"] for t in _DECIDING if "record" in (result := run.result(t))]
    made = [record for record in records if record["action"] in CHANGES_CHAMPION]
    if not made:
        raise NothingNewError("the champion is the same as before this run")
    journal = Journal(Ledger(settings))
    champion = journal.champion
    if champion is None or champion.sequence != made[-1]["sequence"]:
        raise NothingNewError(f"version {made[-1]['version']} is no longer champion")
    return champion.number, tell_champion(settings, journal)
