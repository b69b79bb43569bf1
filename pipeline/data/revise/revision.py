"""Read data revisions, find the images a person means, and journal people's decisions.

A decision is part of its revision's commit, as JSON in the message. So a kill between the revision
and the journal loses nothing: `journal_revisions` records what the journal lacks, with the author
and reason of the decision.
"""

import hashlib
import json
from collections.abc import Callable, Collection, Iterable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from pipeline.base.errors import BadInputError
from pipeline.data.config import IngestConfig
from pipeline.data.decisions import WITHDRAWN_FILE, Withdrawn
from pipeline.data.formats import decode
from pipeline.data.formats.canonical import image_id
from pipeline.data.manifest import MANIFEST_FOLDER, Row, parse_batch
from pipeline.data.names import Pseudonyms
from pipeline.data.pairs import with_partners
from pipeline.data.refusal import Refused
from pipeline.ledger.descent import ancestors, run_heads, starts_of
from pipeline.ledger.git import GitError
from pipeline.ledger.journal import Journal, Record
from pipeline.ledger.ledger import DATA, Ledger
from pipeline.ledger.run import openings

_MARK = "medloom-decision "
_SHORTEST_PREFIX = 8


@dataclass(frozen=True)
class Decision:
    """A person's decision about images.

    Attributes:
        action: of the journal's record: withdrawn, relabelled, released or kept-out.
        by: who decided.
        reason: in words, without a patient's name.
        details: image ids and the like.
    """

    action: str
    by: str
    reason: str
    details: dict[str, Any] = field(default_factory=dict)

    def message(self, subject: str) -> str:
        """A commit message that contains the decision."""
        return f"{subject}\n\n{_MARK}{json.dumps(asdict(self), sort_keys=True)}"


@dataclass(frozen=True)
class Subject:
    """The images or the group that a person named.

    Attributes:
        kind: image or group.
        rows: the newest row of each of its images, of any revision.
        group: name of the group; "" for an image. Earlier versions may have given a patient a
            second one, whose rows are here too.
        unspoken: words that would identify the patient and must not enter any record.
    """

    kind: str
    rows: tuple[Row, ...]
    group: str = ""
    unspoken: tuple[str, ...] = ()

    @property
    def images(self) -> frozenset[str]:
        """Ids of its images."""
        return frozenset(row.id for row in self.rows)

    @property
    def groups(self) -> frozenset[str]:
        """Every pseudonym of the group's patient; empty for an image."""
        if not self.group:
            return frozenset()
        called = {name for row in self.rows for name in (row.group, row.patient)}
        return frozenset(called | {self.group}) - {""}


class Revisions:
    """The data revisions of a ledger when this was created, newest first.

    Raises (when created):
        BadInputError: no image was ever ingested.
    """

    def __init__(self, ledger: Ledger) -> None:
        self._git, head = ledger.mirror, ledger.head(DATA)
        if head is None:
            raise BadInputError("no image was ever ingested; start with `medloom ingest FOLDER`")
        self.head = head
        self.commits = self._git.run("rev-list", "--first-parent", head).split()
        self._batches: dict[str, list[Row]] = {}

    def rows(self, commit: str) -> list[Row]:
        """The rows of a revision's manifest."""
        return self._rows_of(self._blobs(commit))

    def ever(self) -> dict[str, Row]:
        """The newest row of every image that any revision held, by id."""
        found, before = dict[str, Row](), set[str]()
        for commit in reversed(self.commits):
            blobs = self._blobs(commit)
            # A batch that is as it was in the revision before says nothing new.
            changed = [blob for blob in blobs if blob not in before]
            found |= {row.id: row for row in self._rows_of(changed)}
            before = set(blobs)
        return found

    def _blobs(self, commit: str) -> list[str]:
        """The object ids of a revision's batches."""
        listed = self._git.run("ls-tree", commit, f"{MANIFEST_FOLDER}/").splitlines()
        return [line.split("\t")[0].split(" ")[2] for line in listed]

    def _rows_of(self, blobs: list[str]) -> list[Row]:
        """The rows of batches, sorted; those that were not read before in one call of git."""
        new = [blob for blob in blobs if blob not in self._batches]
        for blob, content in zip(new, self._git.contents(new), strict=True):
            if content is None:
                raise GitError(f"{self._git.folder} has no object {blob}, a batch of the manifest")
            self._batches[blob] = parse_batch(content.decode(errors="surrogateescape"))
        return sorted(row for blob in blobs for row in self._batches[blob])

    def held(self, commit: str, images: Collection[str]) -> set[str]:
        """The ones of `images` that a revision holds."""
        return {row.id for row in self.rows(commit)} & set(images)

    def decisions(self, action: str) -> list[tuple[str, str, Decision]]:
        """Commit, previous commit and decision of each revision by `action`, oldest first."""
        found = []
        # Ended by NUL, which no message can have.
        bodies = self._git.run("log", "-z", "--first-parent", "--format=%B", self.head).split("\0")
        bodies = bodies[:-1]
        before_each = [*self.commits[1:], ""]
        for commit, before, body in zip(self.commits, before_each, bodies, strict=True):
            for line in body.splitlines():
                if line.startswith(_MARK):
                    decision = Decision(**json.loads(line.removeprefix(_MARK)))
                    if decision.action == action:
                        found.append((commit, before, decision))
        return found[::-1]


def find_subject(
    text: str, revisions: Revisions, config: IngestConfig, pseudonyms: Pseudonyms
) -> Subject:
    """Find the images or the group that a person means.

    An image of a pair stands for both: what is decided of one is decided of the other.

    Args:
        text: the path of an image file; an image id (or its first 8 digits or more), sha256 of
            the stored or of the source file; a group's name; a patient's name as in file names.
        revisions: revisions to search.
        config: how files are decoded.
        pseudonyms: of the patients.

    Raises:
        BadInputError: no revision ever held it. The message does not repeat the text, as it may
            be a patient's name.
    """
    ever = revisions.ever()
    names = _names(text, config)
    if rows := tuple(row for row in ever.values() if names & {row.id, row.sha256,
                                                              row.source_sha256}):  # fmt: skip
        unspoken = (Path(text).name, Path(text).stem) if Path(text).is_file() else ()
        return Subject("image", with_partners(rows, ever.values()), unspoken=unspoken)
    for called in ((text,), pseudonyms.ever(text)):
        named = set(called) - {""}
        groups = {row.group for row in ever.values() if {row.group, row.patient} & named}
        if rows := tuple(row for row in ever.values() if row.group in groups):
            return Subject("group", rows, min(groups), () if text in groups else (text,))
    found = [row for id_, row in ever.items() if id_.startswith(text)]
    if len(text) >= _SHORTEST_PREFIX and len(found) == 1:
        return Subject("image", with_partners(found, ever.values()))
    raise BadInputError(
        "no data revision ever held such an image: give an image id, the sha256 of a file, a "
        "group's name, a patient's name as in the file names, or the path of an image file; "
        "`medloom quarantine` lists the files that were never ingested"
    )


def _names(text: str, config: IngestConfig) -> set[str]:
    """The hashes that an image may be found by."""
    file = Path(text)
    if not file.is_file():
        return {text}
    data = file.read_bytes()
    names = {hashlib.sha256(data).hexdigest()}
    try:
        decoded = [one for one in decode(data, config) if not isinstance(one, Refused)]
        return names | {image_id(one.pixels) for one in decoded}
    except Refused:
        return names


def run_data(ledger: Ledger) -> dict[str, str]:
    """Run key -> data commit, of every run of the ledger."""
    return {key: one.data for key, one in openings(ledger).items()}


def withdrawn_list(ledger: Ledger) -> Withdrawn:
    """The withdrawals of the newest data revision."""
    head = ledger.head(DATA)
    return Withdrawn.parse(ledger.read(head, str(WITHDRAWN_FILE)) or "") if head else Withdrawn()


def require_consent(ledger: Ledger, key: str) -> None:
    """Check that no image that a run learns from, itself or by its start, was withdrawn since.

    Raises:
        BadInputError: some were.
    """
    if held := withdrawn_since(ledger, key):
        raise BadInputError(
            f"run {key} learns from {len(held)} image(s) whose consent was withdrawn since, so "
            "its results are not used any more; `medloom run` trains on the newest data"
        )


def withdrawn_since(ledger: Ledger, key: str) -> set[str]:
    """The withdrawn images among those of a run's data and of the runs that it goes on from."""
    listed = withdrawn_list(ledger)
    if not listed.images:
        return set()
    data, revisions = run_data(ledger), Revisions(ledger)
    seen = (key, *ancestors(key, starts_of(ledger.mirror, run_heads(ledger))))
    commits = {data[one] for one in seen if one in data}
    return set[str]().union(*(revisions.held(commit, listed.images) for commit in sorted(commits)))


def journal_revisions(
    ledger: Ledger, action: str, more: Callable[[Decision], dict[str, Any]]
) -> list[Record]:
    """Journal every revision by `action` that is missing there; returns all its records.

    Args:
        ledger: of the project.
        action: withdrawn, relabelled, released or kept-out.
        more: further details of the record, from the decision.
    """
    decisions = Revisions(ledger).decisions(action)
    while True:
        journal = Journal(ledger)
        records = [record for record in journal.records if record.action == action]
        lacking = _lacking(decisions, records)
        if lacking is None:
            return records
        commit, before, decision = lacking
        details = decision.details | {"before": before, "after": commit} | more(decision)
        journal.append(action=action, version=None, data=commit, by=decision.by,
                       reason=decision.reason, details=details)  # fmt: skip


def _lacking(
    decisions: Iterable[tuple[str, str, Decision]], records: Iterable[Record]
) -> tuple[str, str, Decision] | None:
    known = {record.data for record in records}
    return next((found for found in decisions if found[0] not in known), None)
