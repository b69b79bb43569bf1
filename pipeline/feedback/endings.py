"""Runs that ended without a verdict, as far as the ledger and this host tell.

The scheduler writes nothing into the ledger when a run fails. But a project's runs go on one after
the other, so one is over as soon as a later one is planned; and a host where the tasks of a run
ended has their results.
"""

from collections.abc import Collection, Iterator, Sequence
from typing import Any

from pipeline.base.dag_run_folder import DagRunFolder
from pipeline.base.project import Project
from pipeline.ledger.run import Opening

_LAST = "report"  # the task that runs whatever happened to the others
_TASKS = ("preprocess", "train", "evaluate", "register", "promote")


def endings(project: Project, opened: Sequence[Opening], judged: Collection[str]) -> dict[str, str]:
    """How runs that feedback asked for ended without a verdict, in words.

    One that may still go on is left out.

    Args:
        project: whose results of tasks are read.
        opened: every run of the ledger, oldest first.
        judged: keys of the runs that have a verdict.
    """
    open_ = [run for run in opened if run.asked and run.key not in judged]
    here = _results_here(project) if open_ else {}
    found = {}
    for run in open_:
        later = next((one for one in opened if one.time > run.time), None)
        over = f"run {later.key} was planned after it" if later else ""
        if why := _failure(here.get(run.key)) or over:
            found[run.key] = why
    return found


def _results_here(project: Project) -> dict[str, DagRunFolder]:
    """Run key -> the folder of the newest DAG run on this host that planned it."""
    found: dict[str, tuple[float, DagRunFolder]] = {}
    for folder in map(DagRunFolder, sorted(project.runs.glob("*"))):
        plan = folder.result("plan")
        key, began = _key(plan), float(plan.get("started", 0))
        if key and began >= found.get(key, (0.0, folder))[0]:
            found[key] = began, folder
    return {key: folder for key, (_, folder) in found.items()}


def _key(plan: dict[str, Any]) -> str:
    run = plan.get("run")
    return str(run.get("key", "")) if isinstance(run, dict) else ""


def _failure(folder: DagRunFolder | None) -> str:
    """Which task ended the DAG run, and why; "" if it has not ended, or left no word of it."""
    if folder is None or not folder.result(_LAST):
        return ""
    return next(_failures(folder), "")


def _failures(folder: DagRunFolder) -> Iterator[str]:
    for task in _TASKS:
        told = folder.result(task)
        if told and told.get("outcome") != "done":
            why = " ".join(str(told.get("why", "")).split())
            yield f"{task} {told['outcome']}{f': {why}' if why else ''}"
