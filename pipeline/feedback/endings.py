"""Runs that ended without a verdict, as far as the ledger and this host tell.

The scheduler writes nothing into the ledger when a run fails. But a project's runs go on one after
the other, so one is over as soon as a later one is planned; and a host where the tasks of a run
ended has their results.
"""

from collections.abc import Collection, Sequence
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
    """Which task ended the DAG run, and why; "" if it has not ended, or left no word of it.

    Where a person clears tasks in the scheduler, they run again, and the results of later ones are
    still those of the first time: one counts only if all before it are there and began earlier.
    """
    if folder is None:
        return ""
    began = 0.0
    for task in _TASKS:
        told = folder.result(task)
        if not told or float(told.get("started", 0)) < began:
            return ""
        began = float(told.get("started", 0))
        if told.get("outcome") != "done":
            last = folder.result(_LAST)
            if not last or float(last.get("started", 0)) < began:
                return ""
            why = " ".join(str(told.get("why", "")).split())
            return f"{task} {told['outcome']}{f': {why}' if why else ''}"
    return ""
