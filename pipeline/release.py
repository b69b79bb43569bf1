"""A person lets images in that ingest had set aside by their looks."""

from collections.abc import Sequence
from dataclasses import dataclass

from pipeline.errors import BadInputError
from pipeline.ingest.decisions import RELEASED_FILE, read_released, released_text
from pipeline.ingest.index import Entry, LocalIndex
from pipeline.ingest.quarantine import record_of
from pipeline.ingest.refusal import BY_LOOKS
from pipeline.ledger.lease import hold_lease
from pipeline.ledger.ledger import DATA, Ledger
from pipeline.revising import Decision, journal_revisions
from pipeline.settings import Settings

RELEASED = "released"


@dataclass(frozen=True)
class Release:
    """What was let in.

    Attributes:
        images: ids, which the next ingest takes in.
        reasons: why each was set aside, in the same order.
        revision: data revision that says so.
    """

    images: tuple[str, ...]
    reasons: tuple[str, ...]
    revision: str


def release(settings: Settings, records: Sequence[str], *, by: str, reason: str) -> Release:
    """Let quarantined images in, by their records; the next ingest takes them.

    Args:
        settings: of the project.
        records: first column of `medloom quarantine`.
        by: who looked at them.
        reason: in words; it is kept for good and may not name a patient.

    Raises:
        BadInputError: no reason, an unknown record, or one that was set aside for another cause
            than its looks: a damaged file, a conflict or a withdrawal is no matter of opinion.
    """
    if not reason.strip():
        raise BadInputError("--reason is empty: say in a few words why the images may come in")
    ledger = Ledger(settings)
    with hold_lease(settings.leases, "ingest"):
        found = [_entry(settings, record) for record in records]
        images = frozenset(entry.image_id for entry in found)
        with ledger.workspace(DATA, settings.workspaces / "release") as work:
            known = read_released(work.folder)
            (work.folder / RELEASED_FILE).write_text(released_text(known | images))
            details = {"images": sorted(images), "set_aside": sorted({e.reason for e in found})}
            decision = Decision(RELEASED, by, reason, details)
            why = decision.message(f"data: {len(images)} images released")
            revision = work.commit_and_push(why, str(RELEASED_FILE))
        journal_revisions(ledger, RELEASED, lambda _: {})
    return Release(
        tuple(entry.image_id for entry in found), tuple(entry.reason for entry in found), revision
    )


def _entry(settings: Settings, record: str) -> Entry:
    held = [
        entry
        for entry in LocalIndex.of(settings).entries()
        if entry.outcome == "quarantined" and record_of(entry, set()).record == record
    ]
    if not held:
        raise BadInputError(
            f"no file is quarantined as {record!r}; `medloom quarantine` lists the records"
        )
    entry = held[0]
    if entry.reason not in BY_LOOKS or not entry.image_id:
        raise BadInputError(
            f"{record} was set aside as {entry.reason}: {entry.detail}. Only what was set aside by "
            f"its looks can be released: {', '.join(sorted(BY_LOOKS))}"
        )
    return entry
