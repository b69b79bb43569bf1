"""Follow a DAG run: one line per step, with its progress or result."""

import time
from collections.abc import Callable, Iterator
from datetime import datetime
from typing import Any, Protocol

from rich.console import Console, Group
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from pipeline.base.errors import TransientError
from pipeline.base.project import Project
from pipeline.local.airflow_api import AirflowApi

DAG = "retrain_generator"
TASKS = (
    "ingest", "plan", "preprocess", "train", "evaluate", "register", "promote", "announce",
    "report",
)  # fmt: skip
_MARKS = {
    "success": ("✓", "green"),
    "failed": ("✗", "red"),
    "upstream_failed": ("✗", "red"),
    "skipped": ("–", "dim"),
    "running": ("▶", "cyan"),
    "up_for_retry": ("↻", "yellow"),
    "restarting": ("↻", "yellow"),
}
_POLL_SECONDS, _PLAIN_SECONDS = 1.0, 20.0
_BAR = 12  # columns of a bar: at 80 columns, 40 remain for the progress in words


class News(Protocol):
    """What the tasks of a run tell, as `DagRunFolder` has it on the machine that they run on."""

    def progress(self, task: str) -> dict[str, Any]:
        """A task's progress; empty if nothing is known."""

    def result(self, task: str) -> dict[str, Any]:
        """A task's result; empty if it has not ended."""


def follow(
    api: AirflowApi,
    run_id: str,
    news: News,
    console: Console,
    go_on: Callable[[], str],
    dag: str = DAG,
) -> dict[str, Any]:
    """Show a run's tasks until it ends; returns the run as Airflow reports it.

    In a terminal the table is redrawn in place; elsewhere a line is printed at each change of a
    task's state, and every 20 seconds for a running task's progress.

    Args:
        api: of the Airflow that runs it.
        run_id: of the run.
        news: what its tasks tell.
        console: for the output.
        go_on: returns how to follow the run again, for the error's message.
        dag: of the run.

    Raises:
        TransientError: Airflow gave no answer.
    """
    show = _redraw if console.is_terminal else _print_changes
    try:
        show(_watch(api, dag, run_id), news, console)
        return api.run(dag, run_id)
    except TransientError as error:
        raise TransientError(f"{error}. {go_on()}") from error


def going_on(project: Project, run_id: str, *, up: bool) -> str:
    """What becomes of a run that is followed no more, and the commands that follow it again.

    Args:
        project: whose run it is.
        run_id: of the run.
        up: the services stay up.
    """
    again = f"`{project.command} run --follow {run_id}` follows it again"
    if up:
        return f"The run itself goes on; {again}"
    return f"The run goes on after `{project.command} up`; then {again}"


def _redraw(states: Iterator[dict[str, Any]], news: News, console: Console) -> None:
    with Live(console=console, refresh_per_second=4) as live:
        for tasks in states:
            live.update(_table(tasks, news))


def _print_changes(states: Iterator[dict[str, Any]], news: News, console: Console) -> None:
    printed: dict[str, str] = {}
    last = time.monotonic()
    for tasks in states:
        due = time.monotonic() - last > _PLAIN_SECONDS
        last = time.monotonic() if due else last
        for name in TASKS:
            state = str(tasks.get(name, {}).get("state"))
            if state in _MARKS and (printed.get(name) != state or (due and state == "running")):
                printed[name] = state
                said = describe(name, news) or _seconds(tasks[name])
                words = f"{name:<11} {state:<9} {said}"
                console.print(words.rstrip(), highlight=False, soft_wrap=True)


def _watch(api: AirflowApi, dag: str, run_id: str) -> Iterator[dict[str, Any]]:
    """Poll the run's tasks until it has ended."""
    while True:
        finished = api.is_finished(api.run(dag, run_id))
        yield api.tasks(dag, run_id)
        if finished:
            return
        time.sleep(_POLL_SECONDS)


def _table(tasks: dict[str, Any], news: News) -> Group:
    table = Table.grid(padding=(0, 2))
    for _ in range(4):
        table.add_column(no_wrap=True)
    table.add_column(overflow="fold")
    for name in TASKS:
        task = tasks.get(name, {})
        state = str(task.get("state"))
        mark, style = _MARKS.get(state, ("·", "dim"))
        facts = news.progress(name) if state == "running" else {}
        bar = ProgressBar(total=1.0, completed=_share(facts), width=_BAR) if _share(facts) else ""
        table.add_row(
            Text(mark, style), Text(name, style), _seconds(task), bar, Text(describe(name, news))
        )
    return Group(table)


def describe(task: str, news: News) -> str:
    """A task's progress or result as one line."""
    result = news.result(task)
    if result:
        return str(result.get("summary") or result.get("why") or "").split("\n")[0]
    facts = news.progress(task)
    if "images_seen" in facts:
        eta = int(facts.get("eta_seconds") or 0)
        losses = "  ".join(
            f"{name.removeprefix('loss_')} {value:.2f}"
            for name, value in sorted(facts.items())
            if name.startswith("loss")
        )
        return (
            f"{facts['images_seen'] / 1000:.1f} of {facts['images_total'] / 1000:.1f} kimg  "
            f"{facts.get('images_per_second') or 0:.0f} img/s  "
            f"{losses}  "
            f"ETA {eta // 60}:{eta % 60:02d}"
        )
    if "done" in facts:
        return f"{facts['done']} of {facts.get('total', '?')} {facts.get('what', '')}".rstrip()
    return ""


def _share(facts: dict[str, Any]) -> float:
    done = facts.get("images_seen", facts.get("done", 0))
    total = facts.get("images_total", facts.get("total", 0))
    return done / total if total else 0.0


def _seconds(task: dict[str, Any]) -> str:
    started, ended = task.get("start_date"), task.get("end_date")
    if not started:
        return ""
    end = datetime.fromisoformat(ended) if ended else datetime.now().astimezone()
    return f"{(end - datetime.fromisoformat(started)).total_seconds():.0f} s"
