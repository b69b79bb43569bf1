"""Running the DVC stages of a run, each in a private workspace, and what they left behind."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path

from pipeline.base import harness
from pipeline.base.dag_run_folder import DagRunFolder
from pipeline.base.errors import BadInputError
from pipeline.base.settings import Settings
from pipeline.data.branch import pull_batches
from pipeline.data.revise.revision import require_consent
from pipeline.ledger.git import PushRefusedError
from pipeline.ledger.lease import hold_lease
from pipeline.ledger.ledger import DATA, STAGES, Ledger, Workspace
from pipeline.ledger.remote_files import RemoteFiles, checkpoints_of
from pipeline.ledger.run import Run
from pipeline.stages.checkpoint_sync import synced_checkpoints
from pipeline.stages.snapshot import take_snapshot

_TRAINING = ("train", "evaluate")
"""Stages that train: `evaluate` trains a baseline to compare with."""


def run_stage(settings: Settings, key: str, stage: str, run: DagRunFolder) -> None:
    """Run one DVC stage of a run: reproduce, push the data, then push dvc.lock.

    A stage whose result is in the ledger already ends in seconds. A stage that another try of
    the same run finished meanwhile counts as done. A training goes on from the newest checkpoint,
    whichever host left it.
    """
    ledger = Ledger(settings)
    require_consent(ledger, key)
    with hold_lease(settings.leases, f"run-{key}", stage) as lease:
        folder = settings.workspaces / key / stage
        if stage in Run.get(ledger, key).results:
            shutil.rmtree(folder, ignore_errors=True)  # of a try that was killed after its push
            _forget_checkpoints(settings, key, stage)
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
            with synced_checkpoints(settings, key) if stage in _TRAINING else nullcontext():
                work.dvc.run("repro", "--single-item", "--pull", stage, env=env)
            work.dvc.run("push", stage)
            try:
                work.commit_and_push(f"{stage} of run {key}", "dvc.lock")
            except PushRefusedError:
                if stage not in Run.get(ledger, key).results:
                    raise
        _forget_checkpoints(settings, key, stage)


def _forget_checkpoints(settings: Settings, key: str, stage: str) -> None:
    """Remove what no try needs any more, now that the stage's result is in the ledger."""
    if stage in _TRAINING:
        RemoteFiles(settings.remote).remove(checkpoints_of(key))


@contextmanager
def finished_run(settings: Settings, key: str, name: str, *targets: str) -> Iterator[Workspace]:
    """A workspace of a run whose stages are done, with the outputs of `targets` in place."""
    ledger = Ledger(settings)
    if missing := Run.get(ledger, key).missing:
        raise BadInputError(
            f"run {key} has no result of {', '.join(missing)} in the ledger yet; "
            "`medloom run --wait` makes it go on"
        )
    require_consent(ledger, key)
    with (
        hold_lease(settings.leases, f"run-{key}", name),
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
        code, data = take_snapshot(settings, ledger), ledger.head(DATA)
        if data is None:
            raise BadInputError("no image was ever ingested; `medloom ingest FOLDER` does it")
        branch = f"run/{ledger.run_key(code, data).key}"
        ledger.open_run(branch.removeprefix("run/"), code, data, "checkout")
    work = ledger.clone(branch, folder.absolute())
    pull_batches(work)
    return branch
