"""The steps of a retraining, called by the scheduler and the CLI; each can be repeated safely.

A step uses only the ledger and the remote, in a private workspace, so it can run on any machine and
be killed at any time.
"""

import json
import socket
from collections.abc import Callable
from dataclasses import asdict, replace
from typing import Any

from pipeline.base.errors import BadInputError, NothingNewError
from pipeline.base.project import Project
from pipeline.data.branch import begin_data, pull_images, pull_thumbnails
from pipeline.data.config import IngestConfig
from pipeline.data.ingest.account import NOTICES_FILE
from pipeline.data.ingest.quarantine import QUARANTINE_FILE
from pipeline.data.ingest.report import IngestReport
from pipeline.data.ingest.run import ingest as ingest_files
from pipeline.data.landing.index import LocalIndex
from pipeline.data.landing.shared_index import fetch_index, newest_index, share_index
from pipeline.data.manifest import RAW_FOLDER
from pipeline.data.names import KEY_ID_FILE
from pipeline.data.reading import readers
from pipeline.feedback.checks import anything_to_check
from pipeline.feedback.rules import FeedbackConfig
from pipeline.feedback.wish import wish_of
from pipeline.flow.all_params import require_valid
from pipeline.flow.feasible import in_vain, require_feasible
from pipeline.flow.planning import (
    Plan,
    RetrainConfig,
    landing_is_ready,
    make_plan,
    unplanned_wish,
    unplanned_withdrawals,
)
from pipeline.ledger.lease import hold_lease
from pipeline.ledger.ledger import DATA, Ledger, Workspace
from pipeline.ledger.project_params import ProjectParams
from pipeline.ledger.run import ASKED, BECAUSE
from pipeline.local import services
from pipeline.stages.start import Asked
from pipeline.study.flags import hand_on_flags
from pipeline.synthetic.keys import watermark_key

OnProgress = Callable[[int, int], None]
_LISTS = ("data/manifest", str(QUARANTINE_FILE), str(NOTICES_FILE))


def ingest(
    project: Project, on_progress: OnProgress | None = None, *, class_folder: int = 0
) -> IngestReport:
    """Ingest new files of the landing zone into a new data revision.

    A kill is harmless because of the order of writes: the remote, the data revision, this host's
    index, and then the shared index.

    Args:
        project: the project.
        on_progress: called as (done, total), as by `examine_all`.
        class_folder: number of the class folder in the landing zone's paths; 0: the parameter's.

    Raises:
        BadInputError: this host does not see the landing zone.
        TransientError: another ingest pushed first.
    """
    config = ProjectParams.of(project).section("ingest", IngestConfig)
    require_landing(project)
    project.landing.mkdir(parents=True, exist_ok=True)
    ledger = Ledger(project)
    with hold_lease(project.leases, "ingest", "ingest"):
        if ledger.head(DATA) is None:
            begin_data(ledger, phantom=False)
        index = LocalIndex.of(project)
        fetch_index(project, index)
        with ledger.workspace(DATA, project.workspaces / "ingest") as work:
            pull_thumbnails(work)
            report = ingest_files(
                project.landing,
                work.folder,
                index,
                config,
                workers=readers.READERS,
                on_progress=on_progress,
                class_folder=class_folder,
                fetch=lambda files: pull_images(work, files),
                watermark=watermark_key(project),
            )
            if report.batch:
                _add_batch(work, report)
            elif report.annotated:
                why = f"data: findings of {_images(report.annotated)}"
                work.commit_and_push(why, *_LISTS)
        index.record(report.entries)
        if report.read:
            share_index(project, index)
    return report


def require_landing(project: Project) -> None:
    """Check that this host sees the landing zone, where hosts share the ledger.

    On one machine it may be made later. On several, a host without it would find nothing new for
    ever.

    Raises:
        BadInputError: it does not.
    """
    if "://" in project.ledger and not project.landing.is_dir():
        raise BadInputError(
            f"the landing zone {project.landing} does not exist on {socket.gethostname()}: let "
            "`ingest` and `watch` run on a host that sees it (`queues` in the projects file), set "
            "MEDLOOM_LANDING to where it is mounted here, or create it if this is the host that "
            "images arrive on"
        )


def _images(count: int) -> str:
    return "1 image" if count == 1 else f"{count} images"


def _add_batch(work: Workspace, report: IngestReport) -> None:
    folder = str(RAW_FOLDER / str(report.batch))
    work.dvc.run("add", folder)
    work.dvc.run("push", f"{folder}.dvc")
    why = f"data: batch {report.batch}, {_images(report.new)}"
    if report.annotated:
        why += f", and findings of {_images(report.annotated)} of earlier ones"
    # Named one by one: paths are added by force, and the folder has the images.
    paths = [*_LISTS, "data/raw/.gitignore", f"{folder}.dvc"]
    if (work.folder / KEY_ID_FILE).exists():
        paths.append(str(KEY_ID_FILE))
    work.commit_and_push(why, *paths)


def watch(project: Project, say: Callable[[str], None] = print) -> str:
    """The reason to start a retraining now.

    What readers of studies flagged is handed on first, and images that look copied are measured.

    Args:
        project: the project.
        say: called with what was measured of such images.

    Raises:
        NothingNewError: there is none; the message says what is missing.
        BadInputError: this host does not see the landing zone.
    """
    ledger = Ledger(project)
    _hand_on_flags(project, say)
    if anything_to_check(ledger):
        from pipeline.feedback.copies import check_copies  # needs torch

        for line in check_copies(project).lines:
            say(line)
    if withdrawn := unplanned_withdrawals(ledger):
        return f"{withdrawn} images were withdrawn, and no run was planned since"
    params = ProjectParams.of(project)
    wish = unplanned_wish(ledger, params.section("feedback", FeedbackConfig))
    if wish and not (why := in_vain(ledger, params)):
        return wish.reason
    if wish:  # else its plan would be refused again at every look
        say(f"{wish.reason}; {why}")
    config = params.section("retrain", RetrainConfig)
    require_landing(project)
    if not project.landing.is_dir():
        raise NothingNewError(f"the landing zone {project.landing} does not exist yet")
    with newest_index(project, ledger) as index:
        return landing_is_ready(index.pending(project.landing), config)


def _hand_on_flags(project: Project, say: Callable[[str], None]) -> None:
    """Hand on what readers of studies flagged; a study that was altered stops no retraining."""
    try:
        done = hand_on_flags(project)
    except BadInputError as error:
        say(f"what readers of studies flagged was not handed on: {error}")
        return
    if done.proposals:
        say(f"readers proposed to take {_images(done.proposals)} out of the data")


def plan(project: Project, *, trigger: str, start: Asked = "") -> Plan:
    """Plan a training and open its run in the ledger.

    Args:
        project: the project.
        trigger: what asks for it, such as `schedule` or `manual`.
        start: what a person asked it to begin from; "": as `train.start` says.

    Raises:
        NothingNewError: as `make_plan`.
        BadInputError: the parameters are invalid, the training could not end in a promotion,
            it cannot go on from the champion's networks, as a person asked, or this is a task
            without an MLflow server.
    """
    services.require_server(project)  # the training's version could not be registered
    ledger = Ledger(project)
    params = require_valid(ProjectParams.of(project))
    by_person = trigger == "manual"
    wish = None if by_person else wish_of(ledger, params.feedback)
    made = make_plan(ledger, params.retrain, asked_by_person=by_person, start=start, wish=wish)
    withdrawn = unplanned_withdrawals(ledger) > 0
    notes = require_feasible(ledger, params, made.data, withdrawn=withdrawn)
    more = {BECAUSE: ", ".join(made.reasons)}
    if wish:
        more[ASKED] = json.dumps(wish.facts, ensure_ascii=False)
    ledger.open_run(
        made.run.key, made.code, made.data, trigger, made.start, made.fresh_because, more
    )
    if why := made.fresh_because:
        notes = (f"the training begins from fresh networks, not from the champion's: {why}", *notes)
    return replace(made, notes=notes)


def describe_ingest(report: IngestReport) -> dict[str, Any]:
    """The counts of an ingest, without file names."""
    facts = asdict(report)
    del facts["entries"]
    return facts
