"""Runs that ended without a verdict: by a later run, and by the results of their tasks here."""

import json
from contextlib import suppress
from typing import Any

from pipeline.base.dag_run_folder import DagRunFolder
from pipeline.base.project import Project
from pipeline.feedback.endings import endings
from pipeline.ledger.run import ASKED, Opening


def run(key: str, minute: int, *, asked: bool = True) -> Opening:
    facts = {ASKED: json.dumps({"version": 1})} if asked else {}
    return Opening(key, "c", "d", f"2026-01-01T00:{minute:02d}:00+00:00", facts)


def dag_run(project: Project, name: str, key: str, started: float, **tasks: Any) -> None:
    """The results that the tasks of a DAG run left on this host."""
    folder = DagRunFolder.of(project, name)
    folder.save("plan", {"outcome": "done", "run": {"key": key}, "started": started})
    for task, told in tasks.items():
        folder.save(task, told)


def test_a_run_is_over_once_a_later_one_is_planned(project: Project) -> None:
    opened = [run("a", 1), run("b", 2), run("c", 3, asked=False)]
    assert endings(project, opened, {"a"}) == {"b": "run c was planned after it"}
    assert endings(project, opened[:2], {"a"}) == {}, "it may go on"
    assert endings(project, [run("c", 3, asked=False), run("d", 4)], set()) == {}


def test_the_results_of_tasks_on_this_host_say_what_failed(project: Project) -> None:
    failed = {"outcome": "failed", "why": "no room\non the disk"}
    done = {"outcome": "done"}
    dag_run(project, "manual__1", "a", 1.0, preprocess=done, train=failed)
    assert endings(project, [run("a", 1)], set()) == {}, "it will be tried again"
    DagRunFolder.of(project, "manual__1").save("report", done)
    assert endings(project, [run("a", 1)], set()) == {"a": "train failed: no room on the disk"}
    dag_run(project, "manual__0", "a", 2.0, preprocess=done)
    assert endings(project, [run("a", 1)], set()) == {}, "the scheduler took it up again"


def test_a_task_that_is_run_again_has_not_ended(project: Project) -> None:
    """A task was cleared: the results of the tasks after it are those of the first time."""
    done, failed = {"outcome": "done"}, {"outcome": "failed", "why": "a"}
    first = {"preprocess": done | {"started": 2.0}, "train": done | {"started": 3.0}}
    dag_run(project, "manual__1", "a", 1.0, **first, evaluate=failed | {"started": 4.0})
    folder = DagRunFolder.of(project, "manual__1")
    folder.save("report", done | {"started": 5.0})
    asked = [run("a", 1)]
    assert endings(project, asked, set()) == {"a": "evaluate failed: a"}
    with folder.recorded("train"):
        assert endings(project, asked, set()) == {}, "it runs"
    assert endings(project, asked, set()) == {}, "evaluate failed before it"
    with suppress(ValueError), folder.recorded("evaluate"):
        raise ValueError("b")
    assert endings(project, asked, set()) == {}, "report is of the first time"
    with folder.recorded("report"):
        pass
    assert endings(project, asked, set()) == {"a": "evaluate failed: b"}


def test_what_other_dag_runs_left_is_passed_over(project: Project) -> None:
    DagRunFolder.of(project, "manual__1").save("plan", {"outcome": "skipped", "why": "nothing new"})
    DagRunFolder.of(project, "manual__2").save("ingest", {"outcome": "failed"})
    assert endings(project, [run("a", 1)], set()) == {}
