"""Set images aside that are in the data: the newest revision lacks them, and no ingest takes them.

It is the decision `kept-out` about images that were ingested. Unlike a withdrawal it says nothing
about consent: versions that learned from the images stay what they are, and `release` lets them in
again. Where a patient is named, withdraw and purge.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from pipeline.base.errors import BadInputError
from pipeline.base.project import Project
from pipeline.data.decisions import (
    REJECTED_FILE,
    RELEASED_FILE,
    Rejected,
    read_rejected,
    read_released,
    released_text,
)
from pipeline.data.manifest import read_manifest
from pipeline.data.pairs import with_partners
from pipeline.data.revise.leaving import lacking, take_out
from pipeline.data.revise.quarantining import KEPT_OUT
from pipeline.data.revise.revision import Decision, Revisions, journal_revisions
from pipeline.ledger.lease import hold_lease
from pipeline.ledger.ledger import DATA, Ledger


@dataclass(frozen=True)
class SettingAside:
    """What was set aside, by this call or by an earlier one that was killed.

    Attributes:
        revision: the data revision without the images.
        by, reason: of the decision that it records.
        warnings: sentences for the user.
    """

    revision: str
    by: str
    reason: str
    warnings: tuple[str, ...] = ()


def set_aside(
    project: Project,
    images: Collection[str],
    *,
    by: str,
    reason: str,
    flaws: Sequence[str] = (),
    proposals: Sequence[int] = (),
    patience: float | None = None,
) -> SettingAside:
    """Set images of the newest data revision aside in a new one, and journal it.

    The other image of a pair is set aside with them.

    A call that was killed is completed by repeating it: person and reason of the first one stay.

    Args:
        project: the project.
        images: ids.
        by: who decided.
        reason: in words; it is kept for good and may not name a patient.
        flaws: what is wrong with them, of `FLAWS_OF_ALL`.
        proposals: numbers of the proposals that are followed.
        patience: seconds to wait for an ingest that runs; None: as `hold_lease`.

    Raises:
        BadInputError: no reason, or an image left the data by another decision.
        TransientError: an ingest runs, and did not end in time.
    """
    if not reason.strip():
        raise BadInputError("say in a few words why (--reason); it is kept for good")
    ledger, warnings = Ledger(project), tuple[str, ...]()
    with hold_lease(project.leases, "ingest", "quarantine", patience=patience):
        with ledger.workspace(DATA, project.workspaces / "quarantine") as work:
            rows = read_manifest(work.folder)
            leaving, kept_out = {row.id for row in rows} & set(images), read_rejected(work.folder)
            _require_here(set(images) - leaving - kept_out.images)
            chosen = [row for row in rows if row.id in leaving]
            leaving = {row.id for row in with_partners(chosen, rows)}
            if leaving:
                warnings = tuple(lacking(rows, leaving))
                _, paths = take_out(work, leaving)
                kept_out |= Rejected(frozenset(leaving))
                (work.folder / REJECTED_FILE).write_text(kept_out.text)
                let_in = read_released(work.folder) - leaving
                (work.folder / RELEASED_FILE).write_text(released_text(let_in))
                details = {
                    "images": sorted(leaving),
                    "sources": [],
                    "set_aside": sorted(flaws),
                    "proposals": sorted(proposals),
                }
                decision = Decision(KEPT_OUT, by, reason, details)
                why = decision.message(f"data: {len(leaving)} images set aside")
                work.commit_and_push(why, str(RELEASED_FILE), str(REJECTED_FILE), *paths)
        journal_revisions(ledger, KEPT_OUT, lambda _: {})
    commit, found = _last_decision(ledger, images)
    return SettingAside(commit, found.by, found.reason, warnings)


def _require_here(gone: Collection[str]) -> None:
    if gone:
        raise BadInputError(
            f"{', '.join(sorted(one[:12] for one in gone))} left the data by another decision, "
            "which `medloom champion history` names; nothing was changed"
        )


def _last_decision(ledger: Ledger, images: Collection[str]) -> tuple[str, Decision]:
    """The newest revision that keeps one of the images out, and its decision."""
    for commit, _, decision in reversed(Revisions(ledger).decisions(KEPT_OUT)):
        if not set(images).isdisjoint(decision.details["images"]):
            return commit, decision
    raise BadInputError("no revision of the data says who keeps these images out")
