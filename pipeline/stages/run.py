"""Running the DVC stages of a run in private workspaces, and opening finished runs."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path

from pipeline.base import stage_environment
from pipeline.base.dag_run_folder import DagRunFolder
from pipeline.base.errors import BadInputError
from pipeline.base.project import Project
from pipeline.data.branch import pull_batches
from pipeline.data.revise.revision import require_consent
from pipeline.ledger.git import PushRefusedError
from pipeline.ledger.lease import hold_lease
from pipeline.ledger.ledger import DATA, STAGES, Ledger, Workspace
from pipeline.ledger.remote_files import RemoteFiles, checkpoints_of
from pipeline.ledger.run import Run, branch_of
from pipeline.stages.checkpoint_sync import synced_checkpoints
from pipeline.stages.snapshot import take_snapshot
from pipeline.stages.start import decide_start, pull_start

_TRAINING = ("train", "evaluate")
"""Stages that train: `evaluate` may train a baseline."""


def run_stage(project: Project, key: str, stage: str, run: DagRunFolder) -> None:
    """Run one DVC stage of a run: reproduce it, push its data, then push dvc.lock.

    A stage that is already in the ledger, or was added meanwhile by another try, counts as done. A
    training resumes from the newest checkpoint of any host.
    """
    ledger = Ledger(project)
    require_consent(ledger, key)
    with hold_lease(project.leases, f"run-{key}", stage) as lease:
        folder = project.workspaces / key / stage
        if stage in Run.get(ledger, key).results:
            shutil.rmtree(folder, ignore_errors=True)  # left by a try killed after its push
            _forget_checkpoints(project, key, stage)
            return
        with ledger.workspace(f"run/{key}", folder) as work:
            env = {
                **lease,
                stage_environment.PROGRESS_FILE: str(run.progress_file(stage)),
                stage_environment.CHECKPOINT_FOLDER: str(project.checkpoints / key),
                stage_environment.FEATURE_CACHE: str(project.cache / "features"),
                "PYTHONDONTWRITEBYTECODE": "1",
            }
            if stage == STAGES[0]:
                pull_batches(work)
            if stage == "train":
                pull_start(work)
            with synced_checkpoints(project, key) if stage in _TRAINING else nullcontext():
                work.dvc.run("repro", "--single-item", "--pull", stage, env=env)
            work.dvc.run("push", stage)
            try:
                work.commit_and_push(f"{stage} of run {key}", "dvc.lock")
            except PushRefusedError:
                if stage not in Run.get(ledger, key).results:
                    raise
        _forget_checkpoints(project, key, stage)


def _forget_checkpoints(project: Project, key: str, stage: str) -> None:
    """Remove the run's checkpoints from the remote: the stage's result is in the ledger."""
    if stage in _TRAINING:
        RemoteFiles(project.remote).remove(checkpoints_of(key))


@contextmanager
def finished_run(project: Project, key: str, name: str, *targets: str) -> Iterator[Workspace]:
    """A workspace of a run whose stages are all done, with the outputs `targets` pulled."""
    ledger = Ledger(project)
    if missing := Run.get(ledger, key).missing:
        raise BadInputError(
            f"run {key} has no result of {', '.join(missing)} in the ledger yet; "
            "continue it with `medloom run --wait`"
        )
    require_consent(ledger, key)
    with (
        hold_lease(project.leases, f"run-{key}", name),
        ledger.workspace(f"run/{key}", project.workspaces / key / name) as work,
    ):
        work.dvc.run("pull", *targets)
        yield work


def checkout(project: Project, folder: Path, branch: str | None) -> str:
    """Clone a run with its raw data, by default of the newest data and the current code.

    `dvc repro` runs the stages in the clone; nothing is pushed to the ledger.

    Raises:
        BadInputError: the folder exists, the branch does not, or there is no data.
    """
    if folder.exists():
        raise BadInputError(f"{folder} exists; give a folder that does not exist")
    ledger = Ledger(project)
    if branch is None:
        code, data = take_snapshot(project, ledger), ledger.head(DATA)
        if data is None:
            raise BadInputError("no images were ingested yet; run `medloom ingest FOLDER`")
        decided = decide_start(ledger, code, data)
        key = ledger.run_key(code, data, decided.start).key
        ledger.open_run(key, code, data, "checkout", decided.start, decided.why)
        branch = branch_of(key)
    work = ledger.clone(branch, folder.absolute())
    pull_batches(work)
    pull_start(work)
    return branch
