"""A person's answer to a verdict that waits: yes or no, and never more than the gate allows."""

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
from pipeline.registry.aliases import CHALLENGER, project_aliases, read_journal


def waiting_verdict(journal: Journal, version: str) -> Record:
    """The verdict that a person may answer.

    Args:
        journal: as it stands.
        version: a number; `challenger` or nothing means the newest that waits.

    Raises:
        BadInputError: there is none: nothing waits, or the gate said something else.
    """
    if version in ("", CHALLENGER):
        if journal.challenger is None:
            raise BadInputError("no verdict waits for approval; `medloom champion history` shows")
        return journal.challenger
    if not version.isdigit():
        raise BadInputError(f"{version!r} is no version; give a number or {CHALLENGER!r}")
    found = (r for r in reversed(journal.records) if r.action in VERDICTS)
    verdict = next((r for r in found if r.version == int(version)), None)
    if verdict is None:
        raise BadInputError(f"the gate has given no verdict on version {version} yet")
    _require_awaiting(verdict)
    if withdrawn := journal.affected.get(verdict.number):
        raise BadInputError(
            f"version {version} learned from data whose consent was withdrawn at {withdrawn.time}: "
            "`medloom run` trains one without"
        )
    if block := block_on(journal, verdict.number, verdict.weights_sha256):
        raise BadInputError(f"version {version} is blocked since {block.time}: {block.reason}")
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
            f"{verdict.reason}. A person's approval never overrides that; train a better one"
        )


def approve(
    ledger: Ledger, registry: Versions, version: str, by: str, reason: str, judge_again: Decide
) -> Record:
    """Make a version champion whose verdict waits for a person, at that person's word.

    A verdict that names another champion than today's is out of date: the candidate is judged
    again first, and approved only if it would be promoted still. Repeated, it changes nothing.

    Args:
        ledger: with the journal.
        registry: with the version.
        version: as in `waiting_verdict`.
        by: who approves.
        reason: why.
        judge_again: the gate's decision on the same candidate against the journal's champion.

    Raises:
        BadInputError: nothing waits, it was declined, is blocked, does not load and answer, or is
            no longer better than the champion.
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
    while record.action == "awaiting":  # judged again: now there is something to approve
        record = settle(ledger, registry, decide)
    project_aliases(ledger, registry)
    if record.action != "approved":
        raise BadInputError(
            f"the champion changed since the verdict on version {record.version}, which was judged "
            f"again and is {record.action}: {record.reason}"
        )
    return record


def decline(ledger: Ledger, registry: Versions, version: str, by: str, reason: str) -> Record:
    """Answer a verdict that waits with no; the champion stays. Repeated, it changes nothing.

    Raises:
        BadInputError: nothing waits, or it was approved.
    """
    require_person(by, reason)

    def decide(journal: Journal) -> Record | Facts:
        verdict = waiting_verdict(journal, version)
        if answer := _answer(journal, verdict, "approved"):
            return answer
        return about(verdict) | {"action": "declined", "by": by, "reason": reason}

    record = settle(ledger, registry, decide)
    project_aliases(ledger, registry)
    return record


def _answer(journal: Journal, verdict: Record, refused: str) -> Record | None:
    """A person's answer to a verdict, if it was given.

    Raises:
        BadInputError: it was the other one.
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
