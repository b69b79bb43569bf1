"""The steps of a retraining, each safe to run again: what the scheduler and the CLI call.

Every step works by ledger and remote alone, in a private workspace, so that it may run on any
machine and be killed at any moment. What it tells a person goes to the run's folder.
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
from pipeline.data.landing.shared import fetch_index, newest_index, share_index
from pipeline.data.manifest import RAW_FOLDER
from pipeline.data.names import KEY_ID_FILE
from pipeline.data.reading import readers
from pipeline.flow.params import require_valid
from pipeline.flow.planning import (
    Plan,
    RetrainConfig,
    landing_is_ready,
    make_plan,
    unplanned_withdrawals,
)
from pipeline.ledger.lease import hold_lease
from pipeline.ledger.ledger import DATA, Ledger, Workspace
from pipeline.ledger.params import ProjectParams

OnProgress = Callable[[int, int], None]


# -- ingest and plan -------------------------------------------------------------------------------


def ingest(settings: Settings, on_progress: OnProgress | None = None) -> IngestReport:
    """Take what is new in the landing zone into a new data revision.

    The order makes a kill harmless: bytes to the remote, then the revision, then the index of this
    host and then the one that hosts share.

    Raises:
        TransientError: another ingest was faster.
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
    # By name: paths are added by force, and the whole folder would put the images into git.
    paths = ["data/manifest", "data/raw/.gitignore", f"{folder}.dvc", str(QUARANTINE_FILE)]
    if (work.folder / KEY_ID_FILE).exists():
        paths.append(str(KEY_ID_FILE))
    work.commit_and_push(why, *paths)


def watch(settings: Settings) -> str:
    """Why a retraining should begin now.

    Raises:
        NothingNewError: it should not; the message says what is waited for.
    """
    ledger = Ledger(settings)
    if withdrawn := unplanned_withdrawals(ledger):
        return f"{withdrawn} images were withdrawn, and no run was planned without them yet"
    config = ProjectParams.of(settings).section("retrain", RetrainConfig)
    if not settings.landing.is_dir():
        raise NothingNewError(f"the landing zone {settings.landing} does not exist yet")
    with newest_index(settings, ledger) as index:
        return landing_is_ready(index.pending(settings.landing), config)


def plan(settings: Settings, *, trigger: str) -> Plan:
    """Decide what to train and open its branch in the ledger; raises NothingNewError otherwise."""
    ledger = Ledger(settings)
    config = require_valid(ProjectParams.of(settings)).retrain
    made = make_plan(ledger, config, asked_by_person=trigger == "manual")
    ledger.open_run(made.run.key, made.code, made.data, trigger)
    return made


def describe_ingest(report: IngestReport) -> dict[str, Any]:
    """The counts of an ingest, without a source name."""
    facts = asdict(report)
    del facts["entries"]
    return facts
