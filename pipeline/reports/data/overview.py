"""What a project holds at this moment, and what people decided about it, for a page."""

from collections.abc import Sequence
from dataclasses import dataclass

from pipeline.base.project import Project
from pipeline.data.branch import is_phantom
from pipeline.data.finding_counts import ClassFindings, count_findings
from pipeline.data.revise.diff import revision_time, subject
from pipeline.data.revise.revision import Revisions
from pipeline.ledger.journal import Journal, Record
from pipeline.ledger.ledger import DATA, Ledger
from pipeline.reports.data.counts import split_counts
from pipeline.reports.run_facts import SplitCount

NEWEST = 12
"""Data revisions that are listed."""


@dataclass(frozen=True)
class RevisionLine:
    """One data revision: commit, when it was made, and the first line of its message."""

    commit: str
    made: str
    what: str


@dataclass(frozen=True)
class DataOverview:
    """What the newest data revision holds.

    Attributes:
        images, groups: numbers of them.
        phantom: whether the images are computed phantoms.
        splits: images and groups of each class and split.
        findings: of each class; empty where no image is annotated.
        revisions: the newest ones, newest first, `NEWEST` at most.
        revision_count: number of all of them.
    """

    images: int
    groups: int
    phantom: bool
    splits: tuple[SplitCount, ...]
    findings: tuple[ClassFindings, ...]
    revisions: tuple[RevisionLine, ...]
    revision_count: int


def data_overview(project: Project) -> DataOverview | None:
    """The newest revision in counts; None: no image was ever ingested.

    Raises:
        TransientError: the ledger cannot be reached.
    """
    ledger = Ledger(project)
    if ledger.head(DATA) is None:
        return None
    revisions = Revisions(ledger)
    rows = revisions.rows(revisions.head)
    return DataOverview(
        images=len(rows),
        groups=len({row.group for row in rows}),
        phantom=is_phantom(ledger),
        splits=split_counts(rows),
        findings=count_findings(rows),
        revisions=tuple(
            RevisionLine(commit, revision_time(ledger, commit), subject(ledger, commit))
            for commit in revisions.commits[:NEWEST]
        ),
        revision_count=len(revisions.commits),
    )


def newest_decisions(project: Project, most: int) -> Sequence[Record]:
    """The newest records of the journal, newest first."""
    return Journal(Ledger(project)).records[: -most - 1 : -1]
