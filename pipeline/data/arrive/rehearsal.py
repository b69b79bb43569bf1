"""`medloom ingest --dry-run`: run the same ingest on a temporary clone of the data.

Landing zone, ledger, index and cache are not written. Local files are read in place; files of a
store are fetched into a temporary folder, since only their content decides the outcome.
"""

import secrets
import sqlite3
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Sequence
from contextlib import closing
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

from pipeline.base.project import Project
from pipeline.data.arrive.feed_plan import FeedPlan, plan_notices, present_patients
from pipeline.data.arrive.patient_from import check_known
from pipeline.data.arrive.preview import LandingPreview
from pipeline.data.branch import declare_data, pull_images, pull_thumbnails
from pipeline.data.config import IngestConfig
from pipeline.data.ingest.account import Notice
from pipeline.data.ingest.report import IngestReport
from pipeline.data.ingest.run import ingest as ingest_files
from pipeline.data.landing.index import LocalIndex
from pipeline.data.manifest import Row, read_manifest
from pipeline.data.names import KEY_ID_FILE, PATIENT_PREFIX, Pseudonyms
from pipeline.data.reading import readers
from pipeline.data.revise.revision import Revisions
from pipeline.ledger.ledger import DATA, Ledger, Workspace
from pipeline.ledger.project_params import ProjectParams
from pipeline.synthetic.keys import watermark_key

OnFile = Callable[[int, int], None]


@dataclass(frozen=True)
class ClassCounts:
    """Counts of one class.

    Attributes:
        new: images that would be ingested.
        duplicate: images that are known or occur twice.
        quarantined: images and files that would be quarantined.
        patients: new patients among the new images.
        groups: new groups (similar images or scans) without a known patient.
        known_groups: existing groups that new images would join.
    """

    new: int = 0
    duplicate: int = 0
    quarantined: int = 0
    patients: int = 0
    groups: int = 0
    known_groups: int = 0


@dataclass(frozen=True)
class Rehearsal:
    """What an ingest would do.

    Attributes:
        files: files that would be read.
        present: files that are in the landing zone already.
        classes: counts by class; "" for files without a class.
        reasons: number that would be quarantined, by reason.
        unsafe: files whose names are not valid in the landing zone.
        unsteady: files that changed or vanished while they were read.
        notices: what would be passed over, is guessed or cannot be used.
        annotated: images in the data that would gain findings.
    """

    files: int
    present: int
    classes: dict[str, ClassCounts]
    reasons: dict[str, int]
    unsafe: int
    unsteady: int
    notices: tuple[Notice, ...] = field(default=())
    annotated: int = 0


def load_pseudonyms(project: Project, *, make: bool) -> Pseudonyms:
    """The project's pseudonyms; without a key and without `make`, temporary ones."""
    if make or project.patient_key.exists() or project.index_file.exists():
        return Pseudonyms.load(project.patient_key, make=make)
    return Pseudonyms(secrets.token_hex(32).encode())


def known_classes(project: Project, config: IngestConfig) -> frozenset[str]:
    """Classes that the project's newest data revision has, or accepts; none before the first."""
    if not _has_ledger(project):
        return frozenset()
    with TemporaryDirectory(prefix="medloom-classes-") as cache:  # a dry run writes no other
        ledger = Ledger(replace(project, cache=Path(cache)))
        head = ledger.head(DATA)
        found = {row.label for row in Revisions(ledger).rows(head)} if head else set()
    return frozenset(found | set(config.add_classes) if found else ())


def _has_ledger(project: Project) -> bool:
    return "://" in project.ledger or (Path(project.ledger) / "HEAD").exists()


def rehearse(
    project: Project, plans: Sequence[FeedPlan], names: Pseudonyms, on_file: OnFile | None = None
) -> Rehearsal:
    """Report what `apply_plan` and an ingest would do; only a temporary folder is written.

    Args:
        project: the project, which need not exist.
        plans: what would be copied.
        names: from `load_pseudonyms`.
        on_file: called as (done, total), as by `examine_all`.

    Raises:
        BadInputError: the ingest would be refused.
        TransientError: a store is down.
    """
    with TemporaryDirectory(prefix="medloom-dry-run-") as place:
        folder = Path(place)
        work, workspace = clone_data(project, folder), folder / "workspace"
        workspace.mkdir(exist_ok=True)
        if (workspace / KEY_ID_FILE).exists():
            names = Pseudonyms.load(project.patient_key)
        index = LocalIndex(_index_copy(project, folder), names)
        preview = LandingPreview(project.landing, folder)
        for plan in plans:
            preview.add(plan)
        known, before = read_manifest(workspace), set(index.entries())
        check_known(present_patients(plans), before, known, names)
        report = ingest_files(
            preview.folder,
            workspace,
            index,
            ProjectParams.of(project).section("ingest", IngestConfig),
            workers=readers.READERS,
            on_progress=on_file,
            listed=preview.listed(),
            fetch=partial(pull_images, work) if work else None,
            class_folder=1 if plans else 0,  # a plan puts the class first
            watermark=watermark_key(project),
        )
        added = [row for row in read_manifest(workspace) if row.batch == report.batch]
        fresh = [entry for entry in report.entries if entry not in before]
    reasons = Counter(entry.reason for entry in fresh if entry.outcome == "quarantined")
    return Rehearsal(
        files=report.read,
        present=preview.present,
        classes=_by_class(report, set(before), known, added),
        reasons=dict(sorted(reasons.items())),
        unsafe=sum(len(plan.unsafe) for plan in plans),
        unsteady=preview.unsteady,
        notices=(*plan_notices(plans), *report.notices),
        annotated=report.annotated,
    )


def clone_data(project: Project, folder: Path) -> Workspace | None:
    """Clone the project's newest data revision to a folder; None when there is none.

    Raises:
        BadInputError: the project holds a phantom.
    """
    if not _has_ledger(project):
        return None
    # Its own mirror and caches, so that those of the project stay as they are.
    project = replace(project, cache=folder / "cache")
    ledger = Ledger(project)
    if ledger.head(DATA) is None:
        return None
    declare_data(project, phantom=False)
    work = ledger.clone(DATA, folder / "workspace")
    pull_thumbnails(work)
    return work


def _index_copy(project: Project, folder: Path) -> Path:
    copy = folder / "index.sqlite"
    if project.index_file.exists():
        uri = f"{project.index_file.absolute().as_uri()}?mode=ro"
        with (
            closing(sqlite3.connect(uri, uri=True)) as source,
            closing(sqlite3.connect(copy)) as target,
        ):
            source.backup(target)
    return copy


def _by_class(
    report: IngestReport, before: set[object], known: Iterable[Row], added: Sequence[Row]
) -> dict[str, ClassCounts]:
    new, groups = {row.id for row in added}, {row.group for row in known}
    figures: dict[str, Counter[str]] = defaultdict(Counter)
    for row in added:
        figures[row.label]["new"] += 1
    for label, group in sorted({(row.label, row.group) for row in added}):
        kind = "patients" if group.startswith(PATIENT_PREFIX) else "groups"
        figures[label]["known_groups" if group in groups else kind] += 1
    for entry in report.entries:
        if entry.outcome == "quarantined" and entry not in before:
            figures[entry.label]["quarantined"] += 1
        elif entry not in before and (entry.outcome == "duplicate" or entry.image_id not in new):
            figures[entry.label]["duplicate"] += 1
    return {label: ClassCounts(**figures[label]) for label in sorted(figures)}
