"""The chain of monitor records in the ledger's branch `monitor`."""

from typing import Any

from pipeline.base.errors import BadInputError
from pipeline.ledger.chain import file_name, next_record, read_chain
from pipeline.ledger.git import PushRefusedError
from pipeline.ledger.ledger import Ledger
from pipeline.ledger.signing import Signer
from pipeline.monitor.record import BRANCH, FOLDER, FORMAT, MonitorRecord


class History:
    """All records of the monitor, oldest first, as read at `commit` (None: there is none yet).

    Raises (on construction):
        BadInputError: the chain is broken, or a newer medloom wrote to it.
    """

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger
        self.commit = ledger.head(BRANCH)
        files = ledger.read_folder(self.commit, FOLDER) if self.commit else {}
        self.records, broken = read_chain(files, MonitorRecord)
        if broken:
            raise BadInputError(
                f"the monitor's records in {ledger.url} are broken at {broken.file}: {broken.why}; "
                "they were altered. Restore the ledger's branch `monitor` from a backup"
            )
        if newer := next((one for one in self.records if one.format > FORMAT), None):
            raise BadInputError(
                f"record {newer.sequence} of the monitor in {ledger.url} was written by a newer "
                f"medloom, in format {newer.format}; this version reads formats 1 to {FORMAT}: "
                "upgrade medloom"
            )

    @property
    def last(self) -> MonitorRecord | None:
        """The newest record."""
        return self.records[-1] if self.records else None

    def append(self, **facts: Any) -> MonitorRecord | None:
        """Append a record, dated now; None if another run appended since this was read."""
        record = next_record(self.records, MonitorRecord, Signer.of(self._ledger.project), **facts)
        files = {f"{FOLDER}/{file_name(record.sequence)}": record.written.decode()}
        on = len(record.alarms)
        why = f"monitor: {on or 'no'} alarm{'' if on == 1 else 's'}"
        try:
            self._ledger.commit_files(BRANCH, self.commit, files, why)
        except PushRefusedError:
            return None
        return record
