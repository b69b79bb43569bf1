"""Correct labels: commit a data revision in which images have another class.

Only manifest rows change; group, split and the stored bytes stay. The earlier class of an image is
recorded too, so that its file in the old class's folder of the landing zone is no conflict.
"""

import csv
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from pipeline.base.errors import BadInputError
from pipeline.base.project import Project
from pipeline.data.config import IngestConfig
from pipeline.data.decisions import CORRECTED_FILE, read_decisions
from pipeline.data.layout import CLASS_NAME
from pipeline.data.manifest import MANIFEST_FOLDER, Row, read_manifest, write_batch
from pipeline.data.names import Pseudonyms
from pipeline.data.revise.revision import Decision, Revisions, find_subject, journal_revisions
from pipeline.data.revise.withdrawal import check_reason
from pipeline.ledger.journal import Journal
from pipeline.ledger.lease import hold_lease
from pipeline.ledger.ledger import DATA, Ledger
from pipeline.ledger.project_params import ProjectParams

RELABELLED = "relabelled"


@dataclass(frozen=True)
class Relabelling:
    """What a correction did, or would do.

    Attributes:
        changes: image id -> (class before, class after).
        unchanged: ids of images that have the class already.
        before, after: data commits around it; both the newest when nothing changed.
        records: sequence numbers of the journal's records about these images.
    """

    changes: dict[str, tuple[str, str]]
    unchanged: tuple[str, ...]
    before: str
    after: str
    records: tuple[int, ...]


def relabel(
    project: Project,
    wanted: Mapping[str, str],
    *,
    by: str,
    reason: str,
    new_class: bool = False,
    dry_run: bool = False,
    patience: float | None = None,
) -> Relabelling:
    """Correct the class of images in a new data revision.

    Args:
        project: the project.
        wanted: subject (see `pipeline.data.revise.revision.find_subject`) -> class.
        by: who decided.
        reason: in words; it is kept for good and may not name a patient.
        new_class: allow classes that no image of the newest revision has.
        dry_run: change nothing.
        patience: seconds to wait for an ingest that runs; None: as `hold_lease`.

    Raises:
        BadInputError: an unknown subject or class, an image that is no longer in the data, or two
            classes for one image.
        TransientError: an ingest runs, and did not end in time.
    """
    ledger = Ledger(project)
    names = Pseudonyms.load(project.patient_key, make=True)
    with hold_lease(project.leases, "ingest", "relabel", patience=patience):
        revisions = Revisions(ledger)
        rows = {row.id: row for row in revisions.rows(revisions.head)}
        config = ProjectParams.of(project).section("ingest", IngestConfig)
        classes = _classes_by_image(wanted, revisions, rows, names, config, reason)
        _check_classes(set(classes.values()), {row.label for row in rows.values()}, new_class)
        changes = {id_: (rows[id_].label, label) for id_, label in sorted(classes.items())
                   if rows[id_].label != label}  # fmt: skip
        after = revisions.head
        if not dry_run:
            if changes:
                after = _revise(ledger, project, changes, by, reason)
            journal_revisions(ledger, RELABELLED, lambda _: {})
    records = [
        record.sequence
        for record in Journal(ledger).records
        if record.action == RELABELLED and not set(classes).isdisjoint(record.details["images"])
    ]
    unchanged = tuple(sorted(set(classes) - set(changes)))
    return Relabelling(changes, unchanged, revisions.head, after, tuple(records))


def read_corrections(file: Path) -> dict[str, str]:
    """The rows of a CSV file with the columns id and class.

    Raises:
        BadInputError: there is no such file, a column is missing, or one id has two classes.
    """
    try:
        with file.open(newline="") as lines:
            rows = list(csv.DictReader(lines))
    except OSError as error:
        raise BadInputError(f"{file} cannot be read: {error.strerror}") from error
    if not rows or not {"id", "class"} <= set(rows[0]):
        raise BadInputError(
            f"{file} must be a CSV file with the columns id,class and one row per image"
        )
    wanted: dict[str, str] = {}
    for number, row in enumerate(rows, 2):
        id_, label = (row["id"] or "").strip(), (row["class"] or "").strip()
        if not id_ or not label or wanted.setdefault(id_, label) != label:
            raise BadInputError(f"{file}, line {number}: give an id and a class, each id once")
    return wanted


def _classes_by_image(
    wanted: Mapping[str, str],
    revisions: Revisions,
    rows: Mapping[str, Row],
    names: Pseudonyms,
    config: IngestConfig,
    reason: str,
) -> dict[str, str]:
    """Image id -> class, of every image of every subject."""
    classes: dict[str, str] = {}
    for text, label in wanted.items():
        subject = find_subject(text, revisions, config, names)
        check_reason(reason, subject)
        present = subject.images & set(rows)
        if not present:
            raise BadInputError(
                f"the newest data revision holds none of the {len(subject.images)} image(s) of one "
                "subject: consent was withdrawn"
            )
        for id_ in present:
            if classes.setdefault(id_, label) != label:
                raise BadInputError(f"image {id_} is given two classes: {classes[id_]} and {label}")
    return classes


def _check_classes(wanted: Iterable[str], known: Iterable[str], new_class: bool) -> None:
    for label in sorted(set(wanted) - set(known)):
        if not new_class:
            raise BadInputError(
                f"{label!r} is none of this project's classes, {', '.join(sorted(known))}; add "
                "--new-class to create it"
            )
        if not CLASS_NAME.fullmatch(label):
            raise BadInputError(
                f"{label!r} cannot be a class: allowed are a-z, 0-9, - and _, as in kidney-stone"
            )


def _revise(
    ledger: Ledger,
    project: Project,
    changes: Mapping[str, tuple[str, str]],
    by: str,
    reason: str,
) -> str:
    """Commit and push a data revision with the new classes; returns the commit."""
    with ledger.workspace(DATA, project.workspaces / "relabel") as work:
        rows = read_manifest(work.folder)
        for batch in sorted({row.batch for row in rows if row.id in changes}):
            mine = [row for row in rows if row.batch == batch]
            write_batch(work.folder, batch, _corrected(mine, changes))
        corrections = read_decisions(work.folder)[1]
        earlier = {id_: before for id_, (before, _) in changes.items()}
        (work.folder / CORRECTED_FILE).write_text(corrections.with_earlier(earlier).text)
        details = {
            "images": sorted(changes),
            "from": {id_: before for id_, (before, _) in changes.items()},
            "to": {id_: after for id_, (_, after) in changes.items()},
        }
        decision = Decision(RELABELLED, by, reason, details)
        return work.commit_and_push(
            decision.message(f"data: {len(changes)} labels corrected"),
            str(MANIFEST_FOLDER),
            str(CORRECTED_FILE),
        )


def _corrected(rows: Sequence[Row], changes: Mapping[str, tuple[str, str]]) -> list[Row]:
    return [replace(row, label=changes[row.id][1]) if row.id in changes else row for row in rows]
