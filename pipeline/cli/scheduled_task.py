"""One task of the scheduler: run its step, keep its facts, print what the next tasks need, exit."""

import json
import os
import traceback
from collections.abc import Callable
from typing import Any

import typer

from pipeline.base.errors import ExitCode, exit_code
from pipeline.base.host import require_fit
from pipeline.base.project import Project
from pipeline.cli.project import chosen_project

Told = dict[str, Any]
_TOLD = ("task", "outcome", "why", "summary", "seconds", "joules", "tries")
"""Facts that every task prints, with what its step returns; the others stay in the run's folder."""
MOST_WORDS = 2000
"""Characters of a text that a task prints, at most."""


def scheduled(task: str, work: Callable[[Project, Any, Told], Told]) -> None:
    """Run a step as a task: record it, and print its result, or its failure, as JSON.

    Args:
        task: its name.
        work: the step, of the project, the run's folder and a dict to keep facts in that need not
            travel. What it returns travels to other tasks, through the scheduler's database and
            a command line: it is small, however much data there is.
    """
    from pipeline.base.dag_run_folder import DagRunFolder
    from pipeline.local.processes import end_with_parent

    project = chosen_project()
    if "MEDLOOM_RUN_ID" in os.environ:
        end_with_parent()
    folder = DagRunFolder.of(project, os.environ.get("MEDLOOM_RUN_ID", "by-hand"))
    facts: Told = {}
    returned: Told = {}

    def run() -> None:
        nonlocal facts
        with folder.recorded(task) as facts:
            require_fit(project)
            returned.update(work(project, folder, facts))
            facts.update(returned)

    try:
        code = exit_code(run)
    except Exception:
        traceback.print_exc()
        code = 1
    told = {name: facts[name] for name in _TOLD if name in facts} | {"model": project.model}
    told |= returned
    if code not in (ExitCode.DONE, ExitCode.NOTHING_NEW) and told.get("outcome") != "failed":
        why = f"nothing can be written to {folder.folder}; the task's log says why"
        told |= {"task": task, "outcome": "failed", "why": why}
    told |= {name: told[name][-MOST_WORDS:] for name in ("why", "summary") if name in told}
    print(json.dumps(told), flush=True)
    raise typer.Exit(code)


def tell_progress(folder: Any, task: str, **facts: Any) -> None:
    """Write how far a task is, for whoever follows the run."""
    from pipeline.base.files import write_atomically

    write_atomically(folder.progress_file(task), json.dumps(facts) + "\n")
