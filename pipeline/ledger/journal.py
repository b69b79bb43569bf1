"""The journal: every decision about versions and data, in order, each chained to the last.

The journal decides who is champion; the registry's aliases are a projection of it. A record is one
file, `journal/000001.json`, with the sha256 of the previous file, so changed or removed records are
detected. The registry keeps the head and the number of records, so a truncated journal is detected
too. Appending is a push that is refused if another process appended first.

Later versions may add fields to a record, or actions with a higher format number; earlier versions
then detect that they do not understand the record (docs/formats.md).
"""

from collections.abc import Sequence
from typing import Any, Literal, Self, get_args

from pydantic import Field, model_validator

from pipeline.base.errors import BadInputError
from pipeline.ledger.chain import ChainedRecord, file_name, head_of, next_record, read_chain
from pipeline.ledger.git import PushRefusedError
from pipeline.ledger.ledger import Ledger
from pipeline.ledger.signing import Signer

BRANCH, FOLDER = "journal", "journal"
FORMAT = 3
"""Format of new records. In format 1 the number is missing; 3 added `blocked`. New actions need a
new format."""

Action = Literal[
    "promoted",
    "inconclusive",
    "rejected",
    "awaiting",
    "approved",
    "declined",
    "rolled-back",
    "demoted",
    "withdrawn",
    "purged",
    "relabelled",
    "released",
    "kept-out",
    "blocked",
]
VERDICTS = ("promoted", "inconclusive", "rejected", "awaiting")
"""The gate's decisions; `awaiting` would promote, but needs a person's approval."""
CHANGES_CHAMPION = ("promoted", "approved", "rolled-back", "demoted")
"""After one of these `version` is champion (None: a demotion without a successor)."""
BLOCKS = ("rolled-back", "demoted")
"""These block `predecessor`, which can never be champion again."""
BLOCKED = "blocked"
"""This blocks `version`, which was not champion."""
COPY = "copy"
"""In a record's `details`: the image that was measured to be a copy of a training image."""


_WEIGHTS = "weights_sha256"


class Record(ChainedRecord):
    """One decision in the journal.

    Attributes:
        action: what was decided, one of `Action`; newer formats may have more.
        version: registry version that the decision is about; for actions in `CHANGES_CHAMPION`,
            the new champion; None if the decision is about data, or leaves no champion.
        weights_sha256: sha256 of that version's weights.
        run_key: key of the run that trained it.
        data: git commit of the data revision it was trained on, or that the decision created.
        predecessor: the previous champion; None if there was none.
        verdict: the gate's verdict with every figure; empty for a person's decision.
        test_set: sha256 of the held-out images it was judged on, whose uses the gate counts.
        by: who or what decided.
        reason: in words; required for a person's decision.
        details: further facts, depending on the action.
    """

    current = FORMAT

    action: str
    version: int | None
    weights_sha256: str = ""
    run_key: str = ""
    data: str = ""
    predecessor: int | None = None
    verdict: dict[str, Any] = Field(default={})
    test_set: str = ""
    by: str
    reason: str
    details: dict[str, Any] = Field(default={})

    @property
    def number(self) -> int:
        """The version; raises ValueError if the record is not about one."""
        if self.version is None:
            raise ValueError(f"record {self.sequence} ({self.action}) is not about a version")
        return self.version

    @property
    def newer(self) -> bool:
        """Whether its format is newer than this version of medloom."""
        return self.format > FORMAT

    @model_validator(mode="after")
    def _of_a_known_action(self) -> Self:
        if not self.newer and self.action not in get_args(Action):
            raise ValueError(f"format {self.format} has no action {self.action!r}")
        return self


class Journal:
    """The ledger's journal as read at `commit` (None: no record yet).

    Raises (on construction):
        BadInputError: the chain is broken (the message names the first broken record), or a newer
            medloom wrote to it.
    """

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger
        self._signer = Signer.of(ledger.project)
        self.commit = ledger.head(BRANCH)
        self.records = read_records(ledger, self.commit)
        if newer := next((record for record in self.records if record.newer), None):
            raise BadInputError(
                f"record {newer.sequence} of the journal of {ledger.url} was written by a newer "
                f"medloom, in format {newer.format}; this version reads formats 1 to {FORMAT} and "
                "cannot decide anything: upgrade medloom. `medloom champion history` and "
                "`medloom audit verify` still work"
            )
        self.head = head_of(self.records)

    # -- champion, challenger, verdicts ----------------------------------------------------------

    @property
    def champion(self) -> Record | None:
        """The record that made the current champion; None if there is none."""
        last = self.last_change
        return last if last and last.version is not None else None

    @property
    def last_change(self) -> Record | None:
        """The newest record that changed the champion; None: there never was one."""
        changes = self._changes()
        return changes[-1] if changes else None

    @property
    def previous_champion(self) -> Record | None:
        """The record of the last champion before the current one that may be champion again."""
        champion = self.champion
        now = champion.version if champion else None
        for record in reversed(self._changes()):
            if record.version not in (None, now, *self.blocked, *self.affected):
                return record
        return None

    @property
    def challenger(self) -> Record | None:
        """The newest verdict that still waits for approval."""
        for record in reversed(self.records):
            if record.action in CHANGES_CHAMPION:
                return None
            waiting = record.action == "awaiting" and self.waits(record)
            if waiting and record.version not in self.blocked:
                return record
        return None

    @property
    def blocked(self) -> dict[int, Record]:
        """Versions that can never be champion again, with the record that blocked them."""
        found = {
            record.version if record.action == BLOCKED else record.predecessor: record
            for record in self.records
            if record.action in (*BLOCKS, BLOCKED)
        }
        return {version: record for version, record in found.items() if version is not None}

    @property
    def affected(self) -> dict[int, Record]:
        """Versions trained on images withdrawn since, with the newest such record."""
        return {
            version: record
            for record in self.records
            if record.action == "withdrawn"
            for version in record.details["versions"]
        }

    def withheld(self, weights_sha256: str) -> Record | None:
        """The record by which no image of these weights is handed out; None: they are handed out.

        One of their images was measured to be a copy of a training image.
        """
        return next(
            (r for r in self.records if r.details.get(COPY, {}).get(_WEIGHTS) == weights_sha256),
            None,
        )

    def waits(self, verdict: Record) -> bool:
        """Whether an `awaiting` verdict was neither approved nor declined yet."""
        return not any(
            record.action in ("approved", "declined") and record.run_key == verdict.run_key
            for record in self.records[verdict.sequence :]
        )

    def verdict_on(self, run_key: str) -> Record | None:
        """The newest verdict on a run; None if there is none."""
        return next(
            (r for r in reversed(self.records) if r.run_key == run_key and r.action in VERDICTS),
            None,
        )

    @property
    def last_verdict(self) -> Record | None:
        """The newest verdict; None if there is none."""
        return next((r for r in reversed(self.records) if r.action in VERDICTS), None)

    def made_champion(self, version: int) -> Record | None:
        """The newest record that made a version champion; None if it never was."""
        return next((r for r in reversed(self._changes()) if r.version == version), None)

    def looks(self, test_set: str) -> int:
        """How often a set of held-out images was used to compare two versions."""
        return sum(
            r.test_set == test_set and r.predecessor is not None
            for r in self.records
            if r.action in VERDICTS
        )

    def _changes(self) -> list[Record]:
        return [record for record in self.records if record.action in CHANGES_CHAMPION]

    # -- writing ---------------------------------------------------------------------------------

    def append(self, **facts: Any) -> Record | None:
        """Append a record; None if another process appended since this journal was read."""
        record = next_record(self.records, Record, self._signer, **facts)
        about = f"version {record.version}" if record.version is not None else "data"
        why = f"{record.action}: {about}\n\n{record.reason}"
        files = {file_of(record.sequence): record.written.decode()}
        try:
            self._ledger.commit_files(BRANCH, self.commit, files, why)
        except PushRefusedError:
            return None
        return record


def file_of(sequence: int) -> str:
    """The path of a record's file in the journal branch."""
    return f"{FOLDER}/{file_name(sequence)}"


def read_records(ledger: Ledger, commit: str | None) -> list[Record]:
    """All records at a commit of the journal, to show them; use `Journal` to decide anything.

    Raises:
        BadInputError: the chain is broken; the message names the first broken record.
    """
    records, found = read_chain(ledger.read_folder(commit, FOLDER) if commit else {}, Record)
    if found:
        raise BadInputError(
            f"the journal of {ledger.url} is broken at {found.file}: {found.why}; it was altered. "
            "`medloom audit verify` explains what is affected"
        )
    return records


def champions(records: Sequence[Record]) -> list[tuple[int, str, str | None]]:
    """Every reign of a champion: version, since, until (None: now), oldest first."""
    changes = [record for record in records if record.action in CHANGES_CHAMPION]
    ends = [*(record.time for record in changes[1:]), None][: len(changes)]
    return [
        (record.version, record.time, end)
        for record, end in zip(changes, ends, strict=True)
        if record.version is not None
    ]
