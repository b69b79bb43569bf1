"""Withdraw consent: commit a data revision without the images, and mark affected versions.

The order is: bytes to the remote, the revision, the journal's record, tags and aliases. Each step
finds what an earlier, killed call has done, so repeating the command completes the work.
`pipeline.data.revise.purging` removes the bytes.
"""

import re
from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Literal, Protocol

from pipeline.base.errors import BadInputError
from pipeline.base.project import Project
from pipeline.data.config import IngestConfig
from pipeline.data.decisions import WITHDRAWN_FILE, Withdrawn, read_decisions
from pipeline.data.landing.beside import LISTS
from pipeline.data.landing.index import LocalIndex
from pipeline.data.landing.patient_pattern import patient_in_name
from pipeline.data.landing.zone import scan
from pipeline.data.manifest import read_manifest
from pipeline.data.names import Pseudonyms
from pipeline.data.revise.affected import affected_runs
from pipeline.data.revise.leaving import lacking, take_out
from pipeline.data.revise.revision import (
    Decision,
    Revisions,
    Subject,
    find_subject,
    journal_revisions,
)
from pipeline.ledger.journal import CHANGES_CHAMPION, Journal, Record
from pipeline.ledger.lease import hold_lease
from pipeline.ledger.ledger import DATA, Ledger
from pipeline.ledger.project_params import ProjectParams

Policy = Literal["mark", "demote"]
WITHDRAWN = "withdrawn"
WITHDRAWN_TAG = "medloom.withdrawn"


class TaggedVersions(Protocol):
    """The part of the registry that a withdrawal needs."""

    def run_keys(self) -> dict[int, str]:
        """The run key of every version."""
        ...

    def tag(self, version: int, name: str, value: str) -> None:
        """Set a tag of a version."""
        ...


@dataclass(frozen=True)
class Withdrawal:
    """What a withdrawal did, or would do.

    Attributes:
        kind: image or group, as the subject was resolved.
        images, groups: ids and names.
        before, after: data commits around the removal; "" in a dry run.
        records: sequence numbers of the journal's records about these images.
        runs: keys of the runs that learned from a revision with one of the images, and of those
            that went on from the networks of such a run.
        versions: registry versions of those runs.
        champion: version that is champion afterwards; None without one.
        champion_affected: whether it learned from a revision with one of the images.
        demoted: version that this call demoted; None without one.
        warnings: sentences for the user.
        landing: files of the landing zone that still hold the images, for the terminal only:
            file names may identify patients.
    """

    kind: str
    images: tuple[str, ...]
    groups: tuple[str, ...]
    before: str
    after: str
    records: tuple[int, ...]
    runs: tuple[str, ...]
    versions: tuple[int, ...]
    champion: int | None
    champion_affected: bool
    demoted: int | None
    warnings: tuple[str, ...]
    landing: tuple[str, ...]


def withdraw(
    project: Project,
    registry: TaggedVersions,
    subject: str,
    *,
    by: str,
    reason: str,
    policy: Policy = "mark",
    dry_run: bool = False,
) -> Withdrawal:
    """Withdraw consent for a patient, a group or an image; the caller updates the aliases.

    Args:
        project: the project.
        registry: of the project.
        subject: as for `pipeline.data.revise.revision.find_subject`.
        by: who decided.
        reason: in words; it is kept for good and may not name the patient.
        policy: for a champion that learned from the images: `mark` it by a tag, or `demote` it in
            favour of the newest former champion that did not.
        dry_run: change nothing.

    Raises:
        BadInputError: the subject is unknown, or the reason names the patient.
        TransientError: a store or the registry cannot be reached; repeat the call later.
    """
    ledger = Ledger(project)
    config = ProjectParams.of(project).section("ingest", IngestConfig)
    revisions = Revisions(ledger)
    found = find_subject(
        subject, revisions, config, Pseudonyms.load(project.patient_key, make=True)
    )
    check_reason(reason, found)
    landing = landing_files(project, found, config)
    warnings = tuple(lacking(revisions.rows(revisions.head), found.images))
    if not dry_run:
        with hold_lease(project.leases, "ingest", "withdraw"):
            _revise(ledger, project, found, Decision(WITHDRAWN, by, reason, {"policy": policy}))
            _record(ledger, registry)
        revisions = Revisions(ledger)
    runs = affected_runs(ledger, revisions, found.images)
    versions = versions_of(registry, runs)
    affected = affected_versions(ledger, registry)
    demoted = None
    if not dry_run:
        for version, sequences in affected.items():
            registry.tag(version, WITHDRAWN_TAG, ",".join(map(str, sequences)))
        demoted = _demote(ledger, affected, by, reason) if policy == "demote" else None
    journal = Journal(ledger)
    records = records_about(journal, found.images)
    champion = journal.champion.number if journal.champion else None
    return Withdrawal(
        kind=found.kind,
        images=tuple(sorted(found.images)),
        groups=(found.group,) if found.group else (),
        before=str(records[-1].details["before"]) if records else "",
        after=records[-1].data if records else "",
        records=tuple(record.sequence for record in records),
        runs=tuple(sorted(runs)),
        versions=versions,
        champion=champion,
        champion_affected=champion in versions or champion in affected,
        demoted=demoted,
        warnings=warnings,
        landing=landing,
    )


def check_reason(reason: str, subject: Subject) -> None:
    """Check that a reason is given and does not identify the patient.

    Raises:
        BadInputError: otherwise.
    """
    if not reason.strip():
        raise BadInputError("a reason is required; it stays in the journal: --reason 'letter 17'")
    for word in subject.unspoken:
        if re.search(rf"(?<!\w){re.escape(word)}(?!\w)", reason, re.IGNORECASE):
            raise BadInputError(
                "the reason names the patient or the file, and the journal keeps it for good: "
                "write it without the name, such as --reason 'letter 17'"
            )


# -- the data --------------------------------------------------------------------------------------


def _revise(ledger: Ledger, project: Project, subject: Subject, decision: Decision) -> None:
    """Push a data revision without the subject's images, unless the newest has none already."""
    with ledger.workspace(DATA, project.workspaces / "withdraw") as work:
        held = {row.id for row in read_manifest(work.folder)}
        listed = read_decisions(work.folder)[0]
        asked = listed | Withdrawn(
            subject.images,
            frozenset(row.source_sha256 for row in subject.rows),
            subject.groups,
        )
        if asked == listed and held.isdisjoint(subject.images):
            return
        count, paths = take_out(work, subject.images)
        (work.folder / WITHDRAWN_FILE).write_text(asked.text)
        details = {
            "kind": subject.kind,
            "images": sorted(subject.images),
            "groups": sorted(subject.groups),
        }
        decision.details.update(details)
        work.commit_and_push(
            decision.message(f"data: {count} images withdrawn"), str(WITHDRAWN_FILE), *paths
        )


def landing_files(project: Project, subject: Subject, config: IngestConfig) -> tuple[str, ...]:
    """Files of the landing zone that held the subject's images when they were last read.

    Masks and other files of one image that lie beside them are among them.
    """
    sources = {row.source_sha256 for row in subject.rows}
    index = LocalIndex.of(project)
    hold = {
        entry.file
        for entry in index.entries()
        if entry.image_id in subject.images or entry.source_sha256 in sources
    }
    files = scan(project.landing)[0] if project.landing.is_dir() else []
    held = [
        found
        for found in files
        if index.names.file(found.path) in hold
        or not subject.groups.isdisjoint(index.names.ever(patient_in_name(found.path, config)))
    ]
    return tuple(
        path
        for found in held
        for path in (
            found.path,
            *(one.file.path for one in found.beside if one.form not in LISTS),
        )
    )


# -- affected versions -----------------------------------------------------------------------------


def _record(ledger: Ledger, registry: TaggedVersions) -> list[Record]:
    """Journal every withdrawal that is missing there, with the affected runs and versions."""

    def more(decision: Decision) -> dict[str, Any]:
        runs = affected_runs(ledger, Revisions(ledger), decision.details["images"])
        return {"runs": sorted(runs), "versions": list(versions_of(registry, runs))}

    return journal_revisions(ledger, WITHDRAWN, more)


def records_about(journal: Journal, images: Collection[str]) -> list[Record]:
    """The records of withdrawals of any of the images."""
    return [
        record
        for record in journal.records
        if record.action == WITHDRAWN and not set(images).isdisjoint(record.details["images"])
    ]


def versions_of(registry: TaggedVersions, runs: Collection[str]) -> tuple[int, ...]:
    """The registry's versions of these runs, ascending."""
    return tuple(sorted(number for number, key in registry.run_keys().items() if key in runs))


def affected_versions(ledger: Ledger, registry: TaggedVersions) -> dict[int, list[int]]:
    """Version -> sequence numbers of withdrawals of images that it learned from."""
    revisions, found = Revisions(ledger), defaultdict[int, list[int]](list)
    for record in Journal(ledger).records:
        if record.action == WITHDRAWN:
            runs = affected_runs(ledger, revisions, record.details["images"])
            for version in versions_of(registry, runs):
                found[version].append(record.sequence)
    return dict(found)


def _demote(
    ledger: Ledger, affected: Mapping[int, Iterable[int]], by: str, reason: str
) -> int | None:
    """Replace an affected champion by the newest former champion that is not, or by none.

    Returns the demoted version; None when the champion is not affected.
    """
    while True:
        journal = Journal(ledger)
        champion = journal.champion
        if champion is None or champion.number not in affected:
            return None
        successor = _successor(journal, {*affected, *journal.blocked})
        sequences = ", ".join(map(str, affected[champion.number]))
        record = journal.append(
            action="demoted",
            version=successor.version if successor else None,
            weights_sha256=successor.weights_sha256 if successor else "",
            run_key=successor.run_key if successor else "",
            data=successor.data if successor else "",
            predecessor=champion.number,
            by=by,
            reason=f"consent withdrawn (record {sequences}): {reason}",
            details={"withdrawn": list(affected[champion.number])},
        )
        if record:
            return champion.number


def _successor(journal: Journal, excluded: Collection[int]) -> Record | None:
    """The record of the newest former champion that may be champion again."""
    return next(
        (
            record
            for record in reversed(journal.records)
            if record.action in CHANGES_CHAMPION
            and record.version is not None
            and record.version not in excluded
        ),
        None,
    )
