"""List quarantined files, and release or reject them by a person's decision."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Literal

from pipeline.base.errors import BadInputError
from pipeline.base.project import Project
from pipeline.data.decisions import (
    REJECTED_FILE,
    RELEASED_FILE,
    Rejected,
    parse_released,
    read_rejected,
    read_released,
    released_text,
)
from pipeline.data.ingest.quarantine import record_of
from pipeline.data.landing.index import Entry, LocalIndex
from pipeline.data.landing.zone import scan
from pipeline.data.manifest import read_manifest
from pipeline.data.pairs import with_partners
from pipeline.data.refusal import RELEASABLE
from pipeline.data.revise.advice import advice
from pipeline.data.revise.revision import Decision, Revisions, journal_revisions
from pipeline.ledger.lease import hold_lease
from pipeline.ledger.ledger import DATA, Ledger

RELEASED, KEPT_OUT = "released", "kept-out"
State = Literal["open", "rejected", "released"]


@dataclass(frozen=True)
class QuarantinedFile:
    """One quarantined file of the landing zone, or one image in a file of several.

    Attributes:
        record: what the user types; for one image of several `<record>.<number>`.
        file: path in the landing zone, for the terminal only; "" when the file is gone.
        item: number of the image in the file, from 1; 0 for the file as a whole.
        label: class, or "".
        bytes: size of the file.
        reason, detail: as in Refused.
        state: open, rejected for good, or released and waiting for the next ingest.
        entry: of the local index.
    """

    record: str
    file: str
    item: int
    label: str
    bytes: int
    reason: str
    detail: str
    state: State
    entry: Entry

    @property
    def place(self) -> str:
        """The file, and the image in it, as text."""
        number = f", image {self.item}" if self.item else ""
        return f"{self.file or 'a file that is gone'}{number}"

    @property
    def releasable(self) -> bool:
        """Whether a person may let it in."""
        return self.reason in {*RELEASABLE, "rejected"} and bool(self.entry.image_id)

    @property
    def facts(self) -> dict[str, object]:
        """The fields for JSON output."""
        return {
            "record": self.record, "file": self.place, "class": self.label, "bytes": self.bytes,
            "reason": self.reason, "detail": self.detail, "state": self.state,
            "what can be done": advice(self.reason),
        }  # fmt: skip


@dataclass(frozen=True)
class QuarantineDecision:
    """A person's decision about quarantined files.

    Attributes:
        records: as listed.
        reasons: why each was quarantined, in the same order.
        images: ids of those that could be decoded, sorted.
        revision: data revision that records the decision.
    """

    records: tuple[str, ...]
    reasons: tuple[str, ...]
    images: tuple[str, ...]
    revision: str


def list_quarantined(project: Project) -> list[QuarantinedFile]:
    """Every quarantined file of the landing zone, by path and number."""
    index, ledger = LocalIndex.of(project), Ledger(project)
    # The index holds pseudonyms; the files of the landing zone give the paths for them.
    listed = scan(project.landing)[0] if project.landing.is_dir() else []
    paths = {index.names.file(found.path): found.path for found in listed}
    head = ledger.head(DATA)
    released, rejected = (
        ledger.read(head, str(file)) or "" if head else ""
        for file in (RELEASED_FILE, REJECTED_FILE)
    )
    let_in, kept_out = parse_released(released), Rejected.parse(rejected)
    found = [
        QuarantinedFile(
            record=_record(entry),
            file=paths.get(entry.file, ""),
            item=entry.item,
            label=entry.label,
            bytes=entry.size,
            reason=entry.reason,
            detail=entry.detail,
            state=_state(entry, let_in, kept_out),
            entry=entry,
        )
        for entry in index.entries()
        if entry.outcome == "quarantined"
    ]
    return sorted(found, key=lambda each: (each.file, each.item))


def find_quarantined(project: Project, record: str) -> list[QuarantinedFile]:
    """The quarantined files of a record: one image, or all of a file that has several.

    Raises:
        BadInputError: there is none; the message says whether the record was ingested.
    """
    name, _, number = record.partition(".")
    found = [
        each for each in list_quarantined(project) if record in (each.record, _name(each.entry))
    ]
    if found:
        return found
    for entry in LocalIndex.of(project).entries():
        taken = entry.outcome != "quarantined" and name == _name(entry)
        if taken and number in ("", str(entry.item)):
            raise _taken_in(record, entry.image_id)
    raise BadInputError(
        f"no quarantined file has the record {record!r}; `medloom data quarantine list` lists them"
    )


def release(
    project: Project,
    records: Sequence[str],
    *,
    by: str,
    reason: str,
    patience: float | None = None,
) -> QuarantineDecision:
    """Release images that failed a quality check; the next ingest takes them in.

    The other image of a pair that was set aside is released with it.

    Args:
        project: the project.
        records: first column of `medloom quarantine`.
        by: who reviewed them.
        reason: in words; it is kept for good and may not name a patient.
        patience: seconds to wait for an ingest that runs; None: as `hold_lease`.

    Raises:
        BadInputError: no reason, an unknown record, or one that was quarantined for another
            cause: nobody can overrule a damaged file, a conflict or a withdrawal.
        TransientError: an ingest runs, and did not end in time.
    """
    return _decide(project, records, RELEASED, by, reason, patience)


def reject(
    project: Project,
    records: Sequence[str],
    *,
    by: str,
    reason: str,
    patience: float | None = None,
) -> QuarantineDecision:
    """Reject files for good: no later threshold lets them in, and they are not read again.

    Args: as for `release`, which undoes it.

    Raises:
        BadInputError: no reason, an unknown record, an image that is ingested, or a file that was
            never read, so that it could not be recognised again.
        TransientError: an ingest runs, and did not end in time.
    """
    return _decide(project, records, KEPT_OUT, by, reason, patience)


def _decide(
    project: Project,
    records: Sequence[str],
    action: str,
    by: str,
    reason: str,
    patience: float | None,
) -> QuarantineDecision:
    if not reason.strip():
        raise BadInputError(
            "the reason (--reason) is empty: say in a few words why; it is kept for good"
        )
    ledger = Ledger(project)
    with hold_lease(project.leases, "ingest", "quarantine", patience=patience):
        chosen = [each for record in records for each in find_quarantined(project, record)]
        with ledger.workspace(DATA, project.workspaces / "quarantine") as work:
            ingested = {row.id for row in read_manifest(work.folder)}
            let_in, kept_out = read_released(work.folder), read_rejected(work.folder)
            if action == RELEASED:
                subject = _released(chosen)
                subject |= Rejected(_partners(ledger, subject.images) & kept_out.images)
                let_in, kept_out = let_in | subject.images, kept_out - subject
            else:
                subject = _rejected(chosen, LocalIndex.of(project).entries(), ingested)
                let_in, kept_out = let_in - subject.images, kept_out | subject
            (work.folder / RELEASED_FILE).write_text(released_text(let_in))
            (work.folder / REJECTED_FILE).write_text(kept_out.text)
            details = {
                "images": sorted(subject.images),
                "sources": sorted(subject.sources),
                "set_aside": sorted({each.reason for each in chosen}),
            }
            decision = Decision(action, by, reason, details)
            why = decision.message(f"data: {len(chosen)} images {action}")
            revision = work.commit_and_push(why, str(RELEASED_FILE), str(REJECTED_FILE))
        journal_revisions(ledger, action, lambda _: {})
    return QuarantineDecision(
        tuple(each.record for each in chosen),
        tuple(each.reason for each in chosen),
        tuple(sorted(subject.images)),
        revision,
    )


def _released(chosen: Sequence[QuarantinedFile]) -> Rejected:
    for each in chosen:
        if not each.releasable:
            raise BadInputError(
                f"{each.record} is quarantined as {each.reason}: {each.detail}. Only these reasons "
                f"can be released: {', '.join(sorted(RELEASABLE))}"
            )
    return Rejected(frozenset(each.entry.image_id for each in chosen))


def _partners(ledger: Ledger, images: Collection[str]) -> frozenset[str]:
    """The other images of the pairs that these were in the data as, in any revision."""
    ever = Revisions(ledger).ever()
    of_pairs = [ever[image] for image in images if image in ever]
    return frozenset(row.id for row in with_partners(of_pairs, ever.values()))


def _rejected(
    chosen: Sequence[QuarantinedFile], entries: Sequence[Entry], ingested: Collection[str]
) -> Rejected:
    """Identify the chosen files: by pixels, or by bytes where nothing was decoded."""
    shared = {entry.source_sha256 for entry in entries if entry.image_id}
    for each in chosen:
        if each.entry.image_id in ingested:
            raise _taken_in(each.record, each.entry.image_id)
        if not each.entry.image_id and each.entry.source_sha256 in {"", *shared}:
            raise BadInputError(
                f"{each.record} is quarantined as {each.reason}, before it was read completely: it "
                "could not be recognised when it comes again. It stays out as long as that "
                "reason holds; delete the file to keep it out for good"
            )
    images = frozenset(each.entry.image_id for each in chosen if each.entry.image_id)
    return Rejected(
        images, frozenset(each.entry.source_sha256 for each in chosen if not each.entry.image_id)
    )


def _state(entry: Entry, released: Collection[str], rejected: Rejected) -> State:
    if rejected.holds(entry.image_id, entry.source_sha256):
        return "rejected"
    return "released" if entry.image_id in released else "open"


def _name(entry: Entry) -> str:
    return record_of(entry, set()).record


def _record(entry: Entry) -> str:
    return f"{_name(entry)}.{entry.item}" if entry.item else _name(entry)


def _taken_in(record: str, image: str) -> BadInputError:
    return BadInputError(
        f"{record} is ingested and may have been learned from; remove it with "
        f"`medloom audit withdraw {image[:12]} --reason WHY`"
    )
