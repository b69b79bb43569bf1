"""The journal: every verdict and every change of champion, in order, each chained to the last.

The journal's head *is* the champion; the registry's alias is a projection of it. A record is one
line of JSON that names the sha256 of the line before, so that nothing can be changed or taken out
of the middle unseen. Appending is a push that is refused when somebody else appended first.
"""

import hashlib
import json
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict

from pipeline.errors import BadInputError
from pipeline.ledger.git import PushRefusedError
from pipeline.ledger.ledger import Ledger

BRANCH, FILE = "journal", "journal.jsonl"

Action = Literal["promoted", "inconclusive", "rejected", "rolled-back"]
_CHANGES_CHAMPION = ("promoted", "rolled-back")


class Record(BaseModel):
    """One decision.

    Attributes:
        sequence: 1, 2, 3, …
        previous: sha256 of the line before; 64 zeros for the first.
        time: UTC, ISO 8601.
        action: what was decided.
        version: registry version that the decision is about; the champion after it, if promoted.
        weights_sha256: of that version's weights.
        run_key: of the run that made it.
        data: git commit of the data revision it learned from.
        predecessor: version that was champion before; None for the first.
        verdict: the gate's verdict with every figure.
        test_set: sha256 of the held-out images it was judged on, whose life the gate counts.
        by: who or what decided.
        reason: in words; mandatory for a rollback.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    sequence: int
    previous: str
    time: str
    action: Action
    version: int
    weights_sha256: str
    run_key: str
    data: str
    predecessor: int | None
    verdict: dict[str, Any]
    test_set: str
    by: str
    reason: str


class Journal:
    """The ledger's journal as it stood when it was read, at `commit` (None: no record yet)."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger
        self.commit = ledger.head(BRANCH)
        text = ledger.read(self.commit, FILE) if self.commit else None
        self._lines = (text or "").splitlines()
        self.records = [Record.model_validate_json(line) for line in self._lines]
        self._verify_chain()

    @property
    def champion(self) -> Record | None:
        """The record that made today's champion."""
        return next((r for r in reversed(self.records) if r.action in _CHANGES_CHAMPION), None)

    @property
    def previous_champion(self) -> Record | None:
        """The record that made the champion before today's."""
        changes = [r for r in self.records if r.action in _CHANGES_CHAMPION]
        return changes[-2] if len(changes) > 1 else None

    def verdict_on(self, run_key: str) -> Record | None:
        """The decision on a run, if it was taken."""
        return next((r for r in self.records if r.run_key == run_key), None)

    def looks(self, test_set: str) -> int:
        """How many comparisons of two models a set of held-out images has served."""
        return sum(r.test_set == test_set and r.predecessor is not None for r in self.records)

    def append(self, **facts: Any) -> Record | None:
        """Add a record; None when somebody else appended since this journal was read."""
        record = Record(
            sequence=len(self.records) + 1,
            previous=_sha256(self._lines[-1]) if self._lines else "0" * 64,
            time=datetime.now(UTC).isoformat(timespec="seconds"),
            **facts,
        )
        line = json.dumps(record.model_dump(), sort_keys=True)
        files = {FILE: "\n".join([*self._lines, line]) + "\n"}
        try:
            why = f"{record.action}: version {record.version}\n\n{record.reason}"
            self._ledger.commit_files(BRANCH, self.commit, files, why)
        except PushRefusedError:
            return None
        return record

    def _verify_chain(self) -> None:
        for number, (line, record) in enumerate(zip(self._lines, self.records, strict=True), 1):
            if record.sequence != number or record.previous != _previous(self._lines, number):
                raise BadInputError(
                    f"the journal of {self._ledger.url} is broken at record {number}: {line[:80]}…"
                    " does not continue the record before; somebody changed it"
                )


def _previous(lines: Sequence[str], number: int) -> str:
    return _sha256(lines[number - 2]) if number > 1 else "0" * 64


def _sha256(line: str) -> str:
    return hashlib.sha256(line.encode()).hexdigest()
