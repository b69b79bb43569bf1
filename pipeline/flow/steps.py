"""The steps of a retraining, each safe to run again: what the scheduler and the CLI call.

Every step works by ledger and remote alone, in a private workspace, so that it may run on any
machine and be killed at any moment. What it tells a person goes to the run's folder.
"""

import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any

import yaml

from pipeline.base import harness
from pipeline.base.errors import BadInputError, NothingNewError
from pipeline.base.run_folder import RunFolder
from pipeline.base.sections import load_section
from pipeline.base.settings import PROJECT_ROOT, Settings
from pipeline.data.config import IngestConfig
from pipeline.data.ingest.quarantine import QUARANTINE_FILE
from pipeline.data.ingest.run import IngestReport
from pipeline.data.ingest.run import ingest as ingest_files
from pipeline.data.landing.index import LocalIndex
from pipeline.data.manifest import RAW_FOLDER, read_manifest
from pipeline.data.names import KEY_ID_FILE
from pipeline.data.revise.revision import require_consent
from pipeline.flow.planning import (
    Plan,
    RetrainConfig,
    landing_is_ready,
    make_plan,
    unplanned_withdrawals,
)
from pipeline.ledger.git import PushRefusedError
from pipeline.ledger.lease import hold_lease
from pipeline.ledger.ledger import DATA, Ledger, Workspace
from pipeline.phantoms import PHANTOM_FILE

STAGES = ("preprocess", "train", "evaluate")
PARAMS = PROJECT_ROOT / "params.yaml"
READERS = 2
"""Processes that ingest reads files in."""

OnProgress = Callable[[int, int], None]


# -- ingest and plan -------------------------------------------------------------------------------


def ingest(settings: Settings, on_progress: OnProgress | None = None) -> IngestReport:
    """Take what is new in the landing zone into a new data revision.

    The order makes a kill harmless: bytes to the remote, then the revision, then the local index.

    Raises:
        TransientError: another ingest was faster.
    """
    config = load_section(PARAMS, "ingest", IngestConfig)
    settings.landing.mkdir(parents=True, exist_ok=True)
    ledger = Ledger(settings)
    with hold_lease(settings.leases, "ingest"):
        if ledger.head(DATA) is None:
            begin_data(ledger, phantom=False)
        index = LocalIndex.of(settings)
        with ledger.workspace(DATA, settings.workspaces / "ingest") as work:
            pull_thumbnails(work)
            report = ingest_files(
                settings.landing,
                work.folder,
                index,
                config,
                workers=READERS,
                on_progress=on_progress,
            )
            if report.batch:
                _add_batch(work, report)
        index.record(report.entries)
    return report


def declare_data(settings: Settings, *, phantom: bool) -> None:
    """Say, before the first image comes, whether a project holds a phantom or patients.

    Raises:
        BadInputError: the project holds the other kind; the two never mix.
    """
    ledger = Ledger(settings)
    if ledger.head(DATA) is None:
        begin_data(ledger, phantom=phantom)
    elif is_phantom(ledger) != phantom:
        kinds = ("images of patients", "a phantom")
        raise BadInputError(
            f"the project {settings.project} holds {kinds[not phantom]}, and this is "
            f"{kinds[phantom]}: they never mix; name another project with --project"
        )


def begin_data(ledger: Ledger, *, phantom: bool) -> None:
    """Make the first, empty data revision."""
    files = {"data/README": "Batches of images and the manifest of each, one row an image.\n"}
    if phantom:
        files[PHANTOM_FILE] = "These images are a computed phantom. No patient was imaged.\n"
    ledger.commit_files(DATA, None, files, "data: begin")


def is_phantom(ledger: Ledger) -> bool:
    """Whether the project's images are the built-in phantom."""
    data = ledger.head(DATA)
    return data is not None and ledger.read(data, PHANTOM_FILE) is not None


def pull_thumbnails(work: Workspace) -> None:
    """Bring the thumbnails of every batch from the remote."""
    batches = sorted({row.batch for row in read_manifest(work.folder)})
    if batches:
        targets = [str(RAW_FOLDER / batch / "thumbnails.npz") for batch in batches]
        work.dvc.run("pull", *targets)


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
    if withdrawn := unplanned_withdrawals(Ledger(settings)):
        return f"{withdrawn} images were withdrawn, and no run was planned without them yet"
    config = load_section(PARAMS, "retrain", RetrainConfig)
    if not settings.landing.is_dir():
        raise NothingNewError(f"the landing zone {settings.landing} does not exist yet")
    return landing_is_ready(LocalIndex.of(settings).pending(settings.landing), config)


def plan(settings: Settings, *, trigger: str) -> Plan:
    """Decide what to train and open its branch in the ledger; raises NothingNewError otherwise."""
    ledger = Ledger(settings)
    config = load_section(PARAMS, "retrain", RetrainConfig)
    made = make_plan(ledger, config, asked_by_person=trigger == "manual")
    ledger.open_run(made.run.key, made.code, made.data, trigger)
    return made


# -- the stages ------------------------------------------------------------------------------------


def run_stage(settings: Settings, key: str, stage: str, run: RunFolder) -> None:
    """Run one DVC stage of a run: reproduce, push the data, then push dvc.lock.

    A stage whose result is in the ledger already ends in seconds. A stage that another try of
    the same run finished meanwhile counts as done.
    """
    ledger = Ledger(settings)
    require_consent(ledger, key)
    with hold_lease(settings.leases, f"run-{key}") as lease:
        folder = settings.workspaces / key / stage
        if has_result(ledger, key, stage):
            shutil.rmtree(folder, ignore_errors=True)  # of a try that was killed after its push
            return
        with ledger.workspace(f"run/{key}", folder) as work:
            env = {
                **lease,
                harness.PROGRESS_FILE: str(run.progress_file(stage)),
                harness.CHECKPOINT_FOLDER: str(settings.checkpoints / key),
                harness.FEATURE_CACHE: str(settings.cache / "features"),
                "PYTHONDONTWRITEBYTECODE": "1",
            }
            if stage == STAGES[0]:
                pull_batches(work)
            work.dvc.run("repro", "--single-item", "--pull", stage, env=env)
            work.dvc.run("push", stage)
            try:
                work.commit_and_push(f"{stage} of run {key}", "dvc.lock")
            except PushRefusedError:
                if not has_result(ledger, key, stage):
                    raise


def pull_batches(work: Workspace) -> None:
    """Bring every batch of a workspace's data revision.

    `dvc repro --pull` brings missing dependencies only, and data/raw is there: it holds the
    batches' .dvc files.
    """
    batches = sorted({row.batch for row in read_manifest(work.folder)})
    work.dvc.run("pull", *(f"{RAW_FOLDER / batch}.dvc" for batch in batches))


def has_result(ledger: Ledger, key: str, stage: str) -> bool:
    """Whether a stage of a run is done: its outputs are in the remote and in dvc.lock."""
    head = ledger.head(f"run/{key}")
    lock = yaml.safe_load(ledger.read(head, "dvc.lock") or "{}") if head else {}
    return stage in lock.get("stages", {})


@contextmanager
def finished_run(settings: Settings, key: str, name: str, *targets: str) -> Iterator[Workspace]:
    """A workspace of a run whose stages are done, with the outputs of `targets` in place."""
    ledger = Ledger(settings)
    missing = [stage for stage in STAGES if not has_result(ledger, key, stage)]
    if missing:
        raise BadInputError(
            f"run {key} has no result of {', '.join(missing)} in the ledger yet; "
            "`medloom run --wait` makes it go on"
        )
    require_consent(ledger, key)
    with (
        hold_lease(settings.leases, f"run-{key}"),
        ledger.workspace(f"run/{key}", settings.workspaces / key / name) as work,
    ):
        work.dvc.run("pull", *targets)
        yield work


def checkout(settings: Settings, folder: Path, branch: str | None) -> str:
    """Clone a run, by default of the newest data and the project as it lies, with its raw data.

    In the clone `dvc repro` runs the stages by hand; nothing goes back to the ledger.

    Raises:
        BadInputError: the folder exists, or there is no such branch or no data.
    """
    if folder.exists():
        raise BadInputError(f"{folder} exists; give a folder that does not")
    ledger = Ledger(settings)
    if branch is None:
        code, data = ledger.snapshot_code(), ledger.head(DATA)
        if data is None:
            raise BadInputError("no image was ever ingested; `medloom ingest FOLDER` does it")
        branch = f"run/{ledger.run_key(code, data).key}"
        ledger.open_run(branch.removeprefix("run/"), code, data, "checkout")
    work = ledger.clone(branch, folder.absolute())
    pull_batches(work)
    return branch


def describe_ingest(report: IngestReport) -> dict[str, Any]:
    """The counts of an ingest, without a source name."""
    facts = asdict(report)
    del facts["entries"]
    return facts
