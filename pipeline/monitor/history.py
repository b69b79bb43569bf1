"""The chain of monitor records in the ledger's branch `monitor`."""

from typing import Any

from pipeline.ledger.chain_branch import ChainBranch
from pipeline.ledger.ledger import Ledger
from pipeline.monitor.record import BRANCH, MonitorRecord


class History(ChainBranch[MonitorRecord]):
    """All records of the monitor, oldest first, as read at `commit` (None: there is none yet).

    Raises (on construction):
        BadInputError: as `ChainBranch`.
    """

    def __init__(self, ledger: Ledger) -> None:
        super().__init__(ledger, BRANCH, MonitorRecord)

    def add(self, **facts: Any) -> MonitorRecord | None:
        """Append a record, dated now; None if another run appended since this was read."""
        on = len(facts.get("alarms", []))
        made = self.append([facts], f"{on or 'no'} alarm{'' if on == 1 else 's'}")
        return made[0] if made else None
