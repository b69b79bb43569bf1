"""A person approves or declines a waiting verdict. Approval never overrides the gate."""

from pipeline.base.errors import BadInputError
from pipeline.ledger.journal import VERDICTS, Journal, Record
from pipeline.ledger.ledger import Ledger
from pipeline.promotion.champion import (
    Decide,
    Facts,
    Versions,
    about,
    block_on,
    champion_number,
    require_person,
    settle,
    try_out,
)
from pipeline.registry.aliases import CHALLENGER, read_journal, update_aliases


def waiting_verdict(journal: Journal, version: str) -> Record:
    """The verdict on a version, if a person may approve or decline it.

    Args:
        journal: of the project.
        version: a number; `challenger` or "" selects the newest waiting verdict.

    Raises:
        BadInputError: no verdict waits, the gate decided otherwise, the version is blocked, or
            the consent for some of its data was withdrawn.
    """
    if version in ("", CHALLENGER):
        if journal.challenger is None:
            raise BadInputError("no verdict waits for approval; see `medloom champion history`")
        return journal.challenger
    if not version.isdigit():
        raise BadInputError(f"{version!r} is not a version; give a number or {CHALLENGER!r}")
    found = (r for r in reversed(journal.records) if r.action in VERDICTS)
    verdict = next((r for r in found if r.version == int(version)), None)
    if verdict is None:
        raise BadInputError(f"the gate has given no verdict on version {version} yet")
    _require_awaiting(verdict)
    if withdrawn := journal.affected.get(verdict.number):
        raise BadInputError(
            f"version {version} was trained on data whose consent was withdrawn at "
            f"{withdrawn.time}; `medloom run` trains a version without them"
        )
    if block := block_on(journal, verdict.number, verdict.weights_sha256):
        raise BadInputError(f"version {version} was blocked at {block.time}: {block.reason}")
    return verdict


def _require_awaiting(verdict: Record) -> None:
    if verdict.action == "promoted":
        raise BadInputError(
            f"version {verdict.version} was promoted at {verdict.time} and needs no approval; "
            "`medloom champion rollback --to` makes a former champion one again"
        )
    if verdict.action != "awaiting":
        raise BadInputError(
            f"the gate's verdict on version {verdict.version} is {verdict.action}: "
            f"{verdict.reason}. An approval never overrides it; train a better version"
        )


def approve(
    ledger: Ledger, registry: Versions, version: str, by: str, reason: str, judge_again: Decide
) -> Record:
    """Approve a waiting verdict: its version becomes champion.

    If the champion has changed since the verdict, the candidate is judged again first, and
    approved only if the gate would still promote it. A repeated call changes nothing.

    Args:
        ledger: with the journal.
        registry: with the version.
        version: as in `waiting_verdict`.
        by: who approves.
        reason: why.
        judge_again: judges the same candidate against the journal's current champion.

    Raises:
        BadInputError: nothing waits, or the version was declined, is blocked, fails to load or to
            draw, or is no longer better than the champion.
    """
    require_person(by, reason)
    first = waiting_verdict(read_journal(ledger, registry), version)

    def decide(journal: Journal) -> Record | Facts:
        verdict = waiting_verdict(journal, str(first.number))
        if answer := _answer(journal, verdict, "declined"):
            return answer
        if verdict.predecessor != champion_number(journal):
            return judge_again(journal)
        try_out(registry, verdict.number, verdict.weights_sha256)
        return about(verdict) | {"action": "approved", "by": by, "reason": reason}

    record = settle(ledger, registry, decide)
    while record.action == "awaiting":  # judged again, and waiting again
        record = settle(ledger, registry, decide)
    update_aliases(ledger, registry)
    if record.action != "approved":
        raise BadInputError(
            f"the champion changed after the verdict on version {record.version}; the version was "
            f"judged again and is {record.action}: {record.reason}"
        )
    return record


def decline(ledger: Ledger, registry: Versions, version: str, by: str, reason: str) -> Record:
    """Decline a waiting verdict; the champion stays. A repeated call changes nothing.

    Raises:
        BadInputError: nothing waits, or the version was approved.
    """
    require_person(by, reason)

    def decide(journal: Journal) -> Record | Facts:
        verdict = waiting_verdict(journal, version)
        if answer := _answer(journal, verdict, "approved"):
            return answer
        return about(verdict) | {"action": "declined", "by": by, "reason": reason}

    record = settle(ledger, registry, decide)
    update_aliases(ledger, registry)
    return record


def _answer(journal: Journal, verdict: Record, refused: str) -> Record | None:
    """The record that already approves or declines a verdict, if there is one.

    Raises:
        BadInputError: its action is `refused`.
    """
    for record in journal.records[verdict.sequence :]:
        if record.action in ("approved", "declined") and record.run_key == verdict.run_key:
            if record.action == refused:
                raise BadInputError(
                    f"version {verdict.version} was {refused} by {record.by} at {record.time}: "
                    f"{record.reason}"
                )
            return record
    return None
