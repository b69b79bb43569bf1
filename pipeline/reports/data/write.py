"""Write the report on a data revision, from ledger and remote; no service is needed.

All images come from the newest revision, whichever revision the report is about: images that it
lacks were withdrawn, and are neither shown nor measured.
"""

import shlex
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from pipeline.base.errors import BadInputError
from pipeline.base.project import Project
from pipeline.data.branch import is_phantom
from pipeline.data.config import IngestConfig
from pipeline.data.finding_counts import count_findings
from pipeline.data.formats.canonical import read_thumbnails
from pipeline.data.ingest.account import NOTICES_FILE, parse_notices
from pipeline.data.ingest.mixture import find_mixtures
from pipeline.data.ingest.quarantine import QUARANTINE_FILE, parse_quarantine
from pipeline.data.landing.shared_index import newest_entries
from pipeline.data.manifest import RAW_FOLDER, Row
from pipeline.data.revise.diff import changes, find_revision, previous, revision_time, subject
from pipeline.data.revise.revision import Revisions
from pipeline.data.square import PreprocessConfig
from pipeline.evaluation.revision_drift import drift_facts
from pipeline.ledger.ledger import DATA, Ledger, Workspace
from pipeline.ledger.project_params import ProjectParams
from pipeline.promotion.gate import GateConfig
from pipeline.reports.data import counts, quarantined
from pipeline.reports.data.data_facts import DataFacts, MixtureFact
from pipeline.reports.data.gallery import (
    OnProgress,
    QuarantineList,
    StoredPixels,
    counting,
    draw_pictures,
    refused_pictures,
)
from pipeline.reports.data.grey_levels import chosen, level_facts, measure
from pipeline.reports.data.page import render_data_report


@dataclass(frozen=True)
class _Revision:
    """The revision that a report is about."""

    ledger: Ledger
    revisions: Revisions
    commit: str
    against: str | None
    rows: list[Row]

    @classmethod
    def of(cls, ledger: Ledger, asked: str | None, against: str | None) -> "_Revision":
        revisions = Revisions(ledger)
        commit = find_revision(asked, ledger, revisions) if asked else revisions.head
        rows = revisions.rows(commit)
        if not rows:
            raise BadInputError(
                f"data revision {commit[:12]} holds no image; add some with `medloom ingest FOLDER`"
            )
        before = find_revision(against, ledger, revisions) if against else None
        return cls(ledger, revisions, commit, before or previous(revisions, commit), rows)

    @property
    def newest(self) -> bool:
        """Whether it is the newest one."""
        return self.commit == self.revisions.head


def report_on_data(
    project: Project,
    out: Path | None,
    revision: str | None = None,
    against: str | None = None,
    on_progress: OnProgress = lambda _what, _done, _total: None,
) -> DataFacts:
    """Collect the facts of a data revision and write the page.

    Args:
        project: the project.
        out: HTML file to write; None: no page and no pictures.
        revision: as for `pipeline.data.revise.diff.find_revision`; None: the newest.
        against: the same; None: the previous one with other images.
        on_progress: called as (task, done, total).

    Raises:
        BadInputError: no such revision, or it holds no image; `out` is a folder.
        TransientError: ledger or remote cannot be reached.
    """
    if out is not None and out.is_dir():
        raise BadInputError(f"{out} is a folder; give a file in it, such as {out / 'data.html'}")
    ledger = Ledger(project)
    about = _Revision.of(ledger, revision, against)
    with ledger.read_only_workspace(DATA, "report") as work:
        here = {row.id: row for row in about.revisions.rows(about.revisions.head)}
        held = [row for row in about.rows if row.id in here]
        _pull(work, held, on_progress)
        pixels = StoredPixels(work.folder, {row.id: row for row in held})
        quarantine = _quarantine_list(project, about)
        facts = _facts(project, about, held, pixels, quarantine, on_progress)
        if out is not None:
            refused = refused_pictures(project, work, quarantine, on_progress)
            render_data_report(facts, draw_pictures(facts, held, pixels, refused, on_progress), out)
    return facts


def _pull(work: Workspace, rows: Iterable[Row], on_progress: OnProgress) -> None:
    """Pull the complete batches that hold these images."""
    batches = sorted({row.batch for row in rows})
    for done, batch in enumerate(batches):
        on_progress("fetching batches", done, len(batches))
        work.dvc.run("pull", f"{RAW_FOLDER / batch}.dvc")
    on_progress("fetching batches", len(batches), len(batches))


# -- facts -----------------------------------------------------------------------------------------


def _quarantine_list(project: Project, about: _Revision) -> QuarantineList:
    """From the last ingest's index for the newest revision, if any; else from the revision."""
    entries = newest_entries(project, about.ledger) if about.newest else None
    if entries is not None:
        found = quarantined.refused(entries, {row.label for row in about.rows})
        return QuarantineList(
            "the last ingest",
            list(found),
            quarantined.duplicates(entries),
        )
    text = about.ledger.read(about.commit, str(QUARANTINE_FILE)) or ""
    records = [(record, None) for record in parse_quarantine(text)]
    return QuarantineList(
        "the record of the revision, written with its last batch", list(records), None
    )


def _facts(
    project: Project,
    about: _Revision,
    held: Sequence[Row],
    pixels: StoredPixels,
    quarantine: QuarantineList,
    on_progress: OnProgress,
) -> DataFacts:
    ingest = ProjectParams.of(project).section("ingest", IngestConfig)
    rows, ledger = about.rows, about.ledger
    shown = ProjectParams.of(project).section("preprocess", PreprocessConfig)
    odd = counts.odd_facts(held)
    measured = chosen(held)
    count_one = counting(on_progress, "grey levels", len(measured))
    levels = level_facts(held, measured, lambda row: count_one(measure(pixels(row))))
    on_progress("leak", 0, 1)
    leak = counts.leak_facts(
        held,
        read_thumbnails(pixels.workspace, {row.batch for row in held}),
        ingest.group_correlation,
    )
    on_progress("leak", 1, 1)
    on_progress("kinds of images", 0, 1)
    mixtures = _mixtures(held, pixels)
    on_progress("kinds of images", 1, 1)
    changed = drift = protocol = None
    if about.against is not None:
        changed = changes(ledger, about.revisions, about.against, about.commit)
        earlier = {row.id for row in about.revisions.rows(about.against)}
        drift, protocol = drift_facts(
            [row for row in held if row.id in earlier],
            [row for row in held if row.id not in earlier],
            pixels,
            shown,
            project.cache / "features",
            lambda done, total: on_progress("features", done, total),
        )
    return DataFacts(
        title=project.name,
        made_at=datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC"),
        command=_command(project, about),
        phantom=is_phantom(ledger),
        revision=about.commit,
        made=revision_time(ledger, about.commit),
        what=subject(ledger, about.commit),
        newest=about.newest,
        images=len(rows),
        gone=len(rows) - len(held),
        splits=counts.split_counts(rows),
        views=counts.tallies(rows, lambda row: row.view),
        modalities=counts.tallies(rows, lambda row: row.modality or "unknown"),
        batches=counts.tallies(rows, lambda row: row.batch),
        sizes=counts.tallies(rows, lambda row: f"{row.width}x{row.height}"),
        windows=counts.tallies(rows, lambda row: row.window or "as in the file"),
        levels=levels,
        groups=counts.group_facts(rows),
        group_correlation=ingest.group_correlation,
        least_groups=ProjectParams.of(project).section("gate", GateConfig).min_groups,
        leak=leak,
        odd=odd,
        odd_by_check=dict(Counter(check for one in odd for check in one.warnings).most_common()),
        notices=tuple(parse_notices(ledger.read(about.commit, str(NOTICES_FILE)) or "")),
        mixtures=mixtures,
        refusals_of=quarantine.source,
        refusals=tuple(refusal for refusal, _ in quarantine.refusals),
        reasons=dict(Counter(refusal.reason for refusal, _ in quarantine.refusals).most_common()),
        duplicates=quarantine.duplicates,
        changes=changed,
        drift=drift or (),
        drift_protocol=protocol,
        annotations=count_findings(rows),
        small=sum(shown.leaves_out((row.height, row.width)) for row in rows),
        size=shown.size,
    )


def _mixtures(held: Iterable[Row], pixels: StoredPixels) -> tuple[MixtureFact, ...]:
    classes: dict[str, list[str]] = defaultdict(list)
    for row in held:
        classes[row.label].append(row.id)
    found = find_mixtures(classes, lambda id_: pixels(pixels.by_id[id_]))
    return tuple(
        MixtureFact(label=one.label, silhouette=one.silhouette, sizes=one.sizes, kinds=one.kinds)
        for one in found
    )


def _command(project: Project, about: _Revision) -> str:
    """The command that makes this report again, even when there is a newer revision."""
    words = ["medloom", "--project", project.name, "data", "report", "-o", "FILE.html"]
    words += ["--revision", about.commit[:12]]
    if about.against:
        words += ["--against", about.against[:12]]
    return shlex.join(words)
