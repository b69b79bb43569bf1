"""What is set aside, and what a person decides about it: let it in, or keep it out for good."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Literal

from pipeline.base.errors import BadInputError
from pipeline.base.settings import Settings
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
from pipeline.data.refusal import BY_LOOKS
from pipeline.data.revise.advice import advice
from pipeline.data.revise.revision import Decision, journal_revisions
from pipeline.ledger.lease import hold_lease
from pipeline.ledger.ledger import DATA, Ledger

RELEASED, KEPT_OUT = "released", "kept-out"
State = Literal["open", "rejected", "released"]


@dataclass(frozen=True)
class SetAside:
    """One quarantined file of the landing zone, or one image in a file of several.

    Attributes:
        record: what a person types; of one image in several `<record>.<number>`.
        file: path in the landing zone, for whoever may read that; "" when the file is gone.
        item: number of the image in the file, from 1; 0 of the file as a whole.
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
        """The file in words."""
        number = f", image {self.item}" if self.item else ""
        return f"{self.file or 'a file that is gone'}{number}"

    @property
    def facts(self) -> dict[str, object]:
        """For machines."""
        return {
            "record": self.record, "file": self.place, "class": self.label, "bytes": self.bytes,
            "reason": self.reason, "detail": self.detail, "state": self.state,
            "what can be done": advice(self.reason),
        }  # fmt: skip


@dataclass(frozen=True)
class Decided:
    """What a person decided about records.

    Attributes:
        records: as listed.
        reasons: why each was set aside, in the same order.
        images: ids of those that could be decoded, sorted.
        revision: data revision that says so.
    """

    records: tuple[str, ...]
    reasons: tuple[str, ...]
    images: tuple[str, ...]
    revision: str


def set_aside(settings: Settings) -> list[SetAside]:
    """Every quarantined file of the landing zone, by path and number."""
    index, ledger = LocalIndex.of(settings), Ledger(settings)
    # The index knows pseudonyms; what lies in the landing zone tells whose they are.
    listed = scan(settings.landing)[0] if settings.landing.is_dir() else []
    paths = {index.names.file(found.path): found.path for found in listed}
    head = ledger.head(DATA)
    released, rejected = (
        ledger.read(head, str(file)) or "" if head else ""
        for file in (RELEASED_FILE, REJECTED_FILE)
    )
    let_in, kept_out = parse_released(released), Rejected.parse(rejected)
    found = [
        SetAside(
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


def find(settings: Settings, record: str) -> list[SetAside]:
    """What a person means by a record: one image, or all of a file that has several.

    Raises:
        BadInputError: nothing is set aside under it; the message says so when it was taken in.
    """
    name, _, number = record.partition(".")
    found = [each for each in set_aside(settings) if record in (each.record, _name(each.entry))]
    if found:
        return found
    for entry in LocalIndex.of(settings).entries():
        taken = entry.outcome != "quarantined" and name == _name(entry)
        if taken and number in ("", str(entry.item)):
            raise _taken_in(record, entry.image_id)
    raise BadInputError(
        f"no file is set aside as {record!r}; `medloom data quarantine list` lists the records"
    )


def release(settings: Settings, records: Sequence[str], *, by: str, reason: str) -> Decided:
    """Let images in that were set aside by their looks; the next ingest takes them.

    Args:
        settings: of the project.
        records: first column of `medloom quarantine`.
        by: who looked at them.
        reason: in words; it is kept for good and may not name a patient.

    Raises:
        BadInputError: no reason, an unknown record, or one that was set aside for another cause
            than its looks: a damaged file, a conflict or a withdrawal is no matter of opinion.
    """
    return _decide(settings, records, RELEASED, by, reason)


def reject(settings: Settings, records: Sequence[str], *, by: str, reason: str) -> Decided:
    """Keep files out for good: no later threshold lets them in, and they are not read again.

    Args: as of `release`, which undoes it.

    Raises:
        BadInputError: no reason, an unknown record, an image that is ingested, or a file that was
            never read, so that nothing would tell it again.
    """
    return _decide(settings, records, KEPT_OUT, by, reason)


def _decide(
    settings: Settings, records: Sequence[str], action: str, by: str, reason: str
) -> Decided:
    if not reason.strip():
        raise BadInputError("--reason is empty: say in a few words why; it is kept for good")
    ledger = Ledger(settings)
    with hold_lease(settings.leases, "ingest", "quarantine"):
        chosen = [each for record in records for each in find(settings, record)]
        with ledger.workspace(DATA, settings.workspaces / "quarantine") as work:
            ingested = {row.id for row in read_manifest(work.folder)}
            if action == RELEASED:
                subject = _released(chosen)
            else:
                subject = _rejected(chosen, LocalIndex.of(settings).entries(), ingested)
            let_in, kept_out = read_released(work.folder), read_rejected(work.folder)
            if action == RELEASED:
                let_in, kept_out = let_in | subject.images, kept_out - subject
            else:
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
    return Decided(
        tuple(each.record for each in chosen),
        tuple(each.reason for each in chosen),
        tuple(sorted(subject.images)),
        revision,
    )


def _released(chosen: Sequence[SetAside]) -> Rejected:
    for each in chosen:
        if each.reason not in {*BY_LOOKS, "rejected"} or not each.entry.image_id:
            raise BadInputError(
                f"{each.record} was set aside as {each.reason}: {each.detail}. Only what was set "
                f"aside by its looks can be released: {', '.join(sorted(BY_LOOKS))}"
            )
    return Rejected(frozenset(each.entry.image_id for each in chosen))


def _rejected(
    chosen: Sequence[SetAside], entries: Sequence[Entry], ingested: Collection[str]
) -> Rejected:
    """What to know the chosen ones by: the pixels, or the bytes where there were none."""
    shared = {entry.source_sha256 for entry in entries if entry.image_id}
    for each in chosen:
        if each.entry.image_id in ingested:
            raise _taken_in(each.record, each.entry.image_id)
        if not each.entry.image_id and each.entry.source_sha256 in {"", *shared}:
            raise BadInputError(
                f"{each.record} was set aside as {each.reason}, before it was read to its end: "
                "there is nothing to know it by when it comes again. It stays out as long as that "
                "holds; take the file away for good"
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
        f"{record} is ingested, and may have been learned from: what takes it out again is "
        f"`medloom audit withdraw {image[:12]} --reason WHY`"
    )
