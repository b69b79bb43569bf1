"""The journal: every decision about versions, in order, each chained to the last.

The journal *is* who is champion; the registry's aliases are a projection of it. A record is one
file, `journal/000001.json`, that names the sha256 of the file before, so that nothing can be
changed or taken out of the middle unseen. Head and count are mirrored in the registry, so that a
cut tail shows. Appending is a push that is refused when somebody else appended first.

Later versions may add fields to a record, and actions with a new number of its format; earlier
ones then know that they do not understand all of it (docs/formats.md).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Literal, Self, get_args

from pydantic import Field, model_validator

from pipeline.base.errors import BadInputError
from pipeline.ledger.git import PushRefusedError
from pipeline.ledger.ledger import Ledger
from pipeline.ledger.signed_record import SignedRecord
from pipeline.ledger.signing import Signer

BRANCH, FOLDER = "journal", "journal"
GENESIS = "0" * 64
FORMAT = 2
"""Of the records written here. 1: records had no number. A new action or meaning takes the next."""

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
]
VERDICTS = ("promoted", "inconclusive", "rejected", "awaiting")
"""The gate's decisions; `awaiting` would promote, and waits for a person."""
CHANGES_CHAMPION = ("promoted", "approved", "rolled-back", "demoted")
"""After one of these, `version` is champion (None after a demotion with nobody to follow)."""
BLOCKS = ("rolled-back", "demoted")
"""These block `predecessor`: it never becomes champion again."""


class Record(SignedRecord):
    """One decision, as its file has it.

    Attributes:
        sequence: 1, 2, 3, …
        previous: sha256 of the record's file before; `GENESIS` for the first.
        time: UTC, ISO 8601.
        action: what was decided, one of `Action` unless a newer format has more.
        version: registry version that the decision is about; after an action that changes the
            champion, the champion; None when it is about data, or nobody is champion after it.
        weights_sha256: of that version's weights.
        run_key: of the run that made it.
        data: git commit of the data revision it learned from, or that the decision made.
        predecessor: version that was champion before; None when nobody was.
        verdict: the gate's verdict with every figure; empty for a person's decision.
        test_set: sha256 of the held-out images it was judged on, whose life the gate counts.
        by: who or what decided.
        reason: in words; mandatory for a person.
        details: what else there is to say, by action.
    """

    current = FORMAT

    sequence: int
    previous: str
    time: str
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
        """The version, of a record that is about one."""
        if self.version is None:
            raise ValueError(f"record {self.sequence} ({self.action}) is about no version")
        return self.version

    @property
    def newer(self) -> bool:
        """Whether its format is a later version's, so that it may mean more than is known here."""
        return self.format > FORMAT

    @model_validator(mode="after")
    def _of_a_known_action(self) -> Self:
        if not self.newer and self.action not in get_args(Action):
            raise ValueError(f"format {self.format} has no action {self.action!r}")
        return self


@dataclass(frozen=True)
class Break:
    """Where a journal stops being one: the record's file, and what is wrong with it."""

    file: str
    why: str


class Journal:
    """The ledger's journal as it stood when it was read, at `commit` (None: no record yet).

    Raises (when made):
        BadInputError: the chain is broken, and the message names the first broken record; or a
            newer medloom wrote to it, so that what is concluded here might be wrong.
    """

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger
        self._signer = Signer.of(ledger.settings)
        self.commit = ledger.head(BRANCH)
        self.records = read_records(ledger, self.commit)
        if newer := next((record for record in self.records if record.newer), None):
            raise BadInputError(
                f"record {newer.sequence} of the journal of {ledger.url} was written by a newer "
                f"medloom, in format {newer.format}; this one knows formats 1 to {FORMAT}, and "
                "decides nothing on top of it: upgrade medloom. `medloom champion history` and "
                "`medloom audit verify` work all the same"
            )
        self.head = self.records[-1].sha256 if self.records else GENESIS

    # -- who is what -----------------------------------------------------------------------------

    @property
    def champion(self) -> Record | None:
        """The record that made today's champion; None when nobody is."""
        changes = self._changes()
        return changes[-1] if changes and changes[-1].version is not None else None

    @property
    def previous_champion(self) -> Record | None:
        """The record that made the last champion before today's that may be one again."""
        champion = self.champion
        now = champion.version if champion else None
        for record in reversed(self._changes()):
            if record.version not in (None, now, *self.blocked, *self.affected):
                return record
        return None

    @property
    def challenger(self) -> Record | None:
        """The newest verdict that would promote and still waits for a person."""
        for record in reversed(self.records):
            if record.action in CHANGES_CHAMPION:
                return None
            if record.action == "awaiting" and self.waits(record):
                return record
        return None

    @property
    def blocked(self) -> dict[int, Record]:
        """Versions that never become champion again, with the record that says why."""
        return {
            record.predecessor: record
            for record in self.records
            if record.action in BLOCKS and record.predecessor is not None
        }

    @property
    def affected(self) -> dict[int, Record]:
        """Versions that learned from data whose consent was withdrawn, with the newest record."""
        return {
            version: record
            for record in self.records
            if record.action == "withdrawn"
            for version in record.details["versions"]
        }

    def waits(self, verdict: Record) -> bool:
        """Whether an `awaiting` verdict has had no answer yet."""
        return not any(
            record.action in ("approved", "declined") and record.run_key == verdict.run_key
            for record in self.records[verdict.sequence :]
        )

    def verdict_on(self, run_key: str) -> Record | None:
        """The newest decision of the gate on a run, if it was taken."""
        return next(
            (r for r in reversed(self.records) if r.run_key == run_key and r.action in VERDICTS),
            None,
        )

    @property
    def last_verdict(self) -> Record | None:
        """The newest decision of the gate."""
        return next((r for r in reversed(self.records) if r.action in VERDICTS), None)

    def made_champion(self, version: int) -> Record | None:
        """The newest record that made a version champion, if it ever was."""
        return next((r for r in reversed(self._changes()) if r.version == version), None)

    def looks(self, test_set: str) -> int:
        """How many comparisons of two models a set of held-out images has served."""
        return sum(
            r.test_set == test_set and r.predecessor is not None
            for r in self.records
            if r.action in VERDICTS
        )

    def _changes(self) -> list[Record]:
        return [record for record in self.records if record.action in CHANGES_CHAMPION]

    # -- writing ---------------------------------------------------------------------------------

    def append(self, **facts: Any) -> Record | None:
        """Add a record; None when somebody else appended since this journal was read."""
        record = Record.write(
            self._signer,
            sequence=len(self.records) + 1,
            previous=self.head,
            time=datetime.now(UTC).isoformat(timespec="seconds"),
            **facts,
        )
        about = f"version {record.version}" if record.version is not None else "data"
        why = f"{record.action}: {about}\n\n{record.reason}"
        files = {file_of(record.sequence): record.written.decode()}
        try:
            self._ledger.commit_files(BRANCH, self.commit, files, why)
        except PushRefusedError:
            return None
        return record


def file_of(sequence: int) -> str:
    """Where a record lies in the journal's tree."""
    return f"{FOLDER}/{sequence:06d}.json"


def read_records(ledger: Ledger, commit: str | None) -> list[Record]:
    """All records at a commit of the journal, to be shown; to conclude from them takes `Journal`.

    Raises:
        BadInputError: the chain is broken; the message names the first broken record.
    """
    records, found = read_chain(ledger.read_folder(commit, FOLDER) if commit else {})
    if found:
        raise BadInputError(
            f"the journal of {ledger.url} is broken at {found.file}: {found.why}; "
            "somebody changed it. `medloom audit verify` says what it implies"
        )
    return records


def read_chain(files: Mapping[str, bytes]) -> tuple[list[Record], Break | None]:
    """The records that chain up from the first one, and where the chain breaks, if it does.

    Args:
        files: name within the journal's folder -> content.
    """
    records: list[Record] = []
    previous = GENESIS
    for number, name in enumerate(sorted(files), 1):
        expected = f"{number:06d}.json"
        if name != expected:
            return records, Break(expected, f"it is missing, {name} follows")
        try:
            record = Record.read(files[name])
        except ValueError as error:
            return records, Break(name, str(error))
        if record.sequence != number:
            return records, Break(name, f"it says that it is record {record.sequence}")
        if record.previous != previous:
            return records, Break(name, "it does not continue the record before")
        records.append(record)
        previous = record.sha256
    return records, None


def champions(records: Sequence[Record]) -> list[tuple[int, str, str | None]]:
    """Who was champion from when to when: version, since, until (None: still), oldest first."""
    changes = [record for record in records if record.action in CHANGES_CHAMPION]
    ends = [*(record.time for record in changes[1:]), None][: len(changes)]
    return [
        (record.version, record.time, end)
        for record, end in zip(changes, ends, strict=True)
        if record.version is not None
    ]
