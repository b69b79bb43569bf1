"""The steps of a retraining, called by the scheduler and the CLI; each can be repeated safely.

A step uses only the ledger and the remote, in a private workspace, so it can run on any machine and
be killed at any time.
"""

from collections.abc import Callable
from dataclasses import asdict
from typing import Any

from pipeline.base.errors import NothingNewError
from pipeline.base.settings import Settings
from pipeline.data.branch import begin_data, pull_thumbnails
from pipeline.data.config import IngestConfig
from pipeline.data.ingest.quarantine import QUARANTINE_FILE
from pipeline.data.ingest.run import IngestReport
from pipeline.data.ingest.run import ingest as ingest_files
from pipeline.data.landing.index import LocalIndex
from pipeline.data.landing.shared_index import fetch_index, newest_index, share_index
from pipeline.data.manifest import RAW_FOLDER
from pipeline.data.names import KEY_ID_FILE
from pipeline.data.reading import readers
from pipeline.flow.all_params import require_valid
from pipeline.flow.planning import (
    Plan,
    RetrainConfig,
    landing_is_ready,
    make_plan,
    unplanned_withdrawals,
)
from pipeline.ledger.lease import hold_lease
from pipeline.ledger.ledger import DATA, Ledger, Workspace
from pipeline.ledger.project_params import ProjectParams

OnProgress = Callable[[int, int], None]


def ingest(settings: Settings, on_progress: OnProgress | None = None) -> IngestReport:
    """Ingest new files of the landing zone into a new data revision.

    A kill is harmless because of the order of writes: the remote, the data revision, this host's
    index, and then the shared index.

    Raises:
        TransientError: another ingest pushed first.
    """
    config = ProjectParams.of(settings).section("ingest", IngestConfig)
    settings.landing.mkdir(parents=True, exist_ok=True)
    ledger = Ledger(settings)
    with hold_lease(settings.leases, "ingest", "ingest"):
        if ledger.head(DATA) is None:
            begin_data(ledger, phantom=False)
        index = LocalIndex.of(settings)
        fetch_index(settings, index)
        with ledger.workspace(DATA, settings.workspaces / "ingest") as work:
            pull_thumbnails(work)
            report = ingest_files(
                settings.landing,
                work.folder,
                index,
                config,
                workers=readers.READERS,
                on_progress=on_progress,
            )
            if report.batch:
                _add_batch(work, report)
        index.record(report.entries)
        if report.read:
            share_index(settings, index)
    return report


def _add_batch(work: Workspace, report: IngestReport) -> None:
    folder = str(RAW_FOLDER / str(report.batch))
    work.dvc.run("add", folder)
    work.dvc.run("push", f"{folder}.dvc")
    why = f"data: batch {report.batch}, {report.new} images"
    # Named one by one: paths are added by force, and the folder has the images.
    paths = ["data/manifest", "data/raw/.gitignore", f"{folder}.dvc", str(QUARANTINE_FILE)]
    if (work.folder / KEY_ID_FILE).exists():
        paths.append(str(KEY_ID_FILE))
    work.commit_and_push(why, *paths)


def watch(settings: Settings) -> str:
    """The reason to start a retraining now.

    Raises:
        NothingNewError: there is none; the message says what is missing.
    """
    ledger = Ledger(settings)
    if withdrawn := unplanned_withdrawals(ledger):
        return f"{withdrawn} images were withdrawn, and no run was planned since"
    config = ProjectParams.of(settings).section("retrain", RetrainConfig)
    if not settings.landing.is_dir():
        raise NothingNewError(f"the landing zone {settings.landing} does not exist yet")
    with newest_index(settings, ledger) as index:
        return landing_is_ready(index.pending(settings.landing), config)


def plan(settings: Settings, *, trigger: str) -> Plan:
    """Plan a training and open its run in the ledger; raises as `make_plan`."""
    ledger = Ledger(settings)
    config = require_valid(ProjectParams.of(settings)).retrain
    made = make_plan(ledger, config, asked_by_person=trigger == "manual")
    ledger.open_run(made.run.key, made.code, made.data, trigger)
    return made


def describe_ingest(report: IngestReport) -> dict[str, Any]:
    """The counts of an ingest, without file names."""
    facts = asdict(report)
    del facts["entries"]
    return facts
