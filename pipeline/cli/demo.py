"""`medloom demo`: run the whole pipeline once, with live progress and a summary."""

import time
from pathlib import Path
from typing import Any

from rich.console import Console, Group
from rich.rule import Rule
from rich.table import Table
from rich.text import Text

from pipeline.base.dag_run_folder import DagRunFolder
from pipeline.base.errors import ExitCode
from pipeline.base.project import Project
from pipeline.cli.follow import DAG, TASKS, follow
from pipeline.cli.ingest import feed_bar
from pipeline.cli.tables import bars, facts_table
from pipeline.data.arrive.feed import feed
from pipeline.data.branch import declare_data
from pipeline.local import services
from pipeline.phantoms.phantom import write_phantom

PHANTOM_SEED = 0


def run_demo(project: Project, data: Path | None, patients: int, console: Console) -> int:
    """Feed the landing zone, retrain through the scheduler, and print a summary.

    Args:
        project: the project.
        data: folder of class folders; None for the built-in phantom.
        patients: phantom patients per class.
        console: for the output.

    Returns the command's exit code.
    """
    started = time.monotonic()
    what = f"images of {data}" if data else "a kidney phantom (no patient's image)"
    console.print(Rule(f"medloom: {project.name}, from {what}", align="left"))
    _feed(project, data, patients, console)
    were_up = services.find(project) is not None
    if not were_up:
        console.print("starting MLflow and Airflow (about half a minute) …")
    running = services.up(project, die_with_parent=True)
    try:
        run_id = running.airflow().trigger(DAG, {})
        folder = DagRunFolder.of(project, run_id)
        run = follow(running.airflow(), run_id, folder, console)
    finally:
        if not were_up:
            services.down(project)
    console.print(summary(project, folder, run, time.monotonic() - started))
    return ExitCode.DONE if run["state"] == "success" else 1


def _feed(project: Project, data: Path | None, patients: int, console: Console) -> None:
    declare_data(project, phantom=data is None)
    if data is None:
        with bars(console) as bar:
            show = bar("drawing phantom patients")
            write_phantom(project.landing, patients, PHANTOM_SEED, on_progress=show)
    else:
        with feed_bar(console) as bar_of_bytes:
            feed(data, project.landing, on_progress=bar_of_bytes)
    console.print(f"landing zone {project.landing}", highlight=False)


def summary(project: Project, folder: DagRunFolder, run: dict[str, Any], seconds: float) -> Group:
    """Summary of a run: data, version, figures, verdict, times, and where its files are."""
    results = {task: folder.result(task) for task in TASKS}
    parts: list[Any] = [Rule("summary", align="left")]
    parts.append(facts_table(_outcome(project, results, run)))
    if metrics := results["promote"].get("metrics"):
        parts.append(metrics_table(metrics))
    parts += [_times(results, seconds), _where(project, folder, results), _next(project)]
    return Group(*parts)


def _outcome(
    project: Project, results: dict[str, dict[str, Any]], run: dict[str, Any]
) -> dict[str, Any]:
    ingest, plan, promote = results["ingest"], results["plan"], results["promote"]
    facts: dict[str, Any] = {}
    if ingest.get("outcome") == "done":
        facts["images"] = (
            f"{ingest['ingested']} ingested ({ingest['new']} new), "
            f"{ingest['duplicate']} duplicate, {ingest['quarantined']} quarantined, "
            f"of {ingest['seen']} files"
        )
    if data := plan.get("data"):
        facts["data revision"] = f"{data[:12]}  ({', '.join(plan['reasons'])})"
    if plan.get("outcome") == "skipped":
        facts["nothing to do"] = plan["why"]
    failed = {task: r["why"] for task, r in results.items() if r.get("outcome") == "failed"}
    for task, why in failed.items():
        facts[f"{task} failed"] = Text(why, style="red")
    if record := promote.get("decision"):
        alias = {"promoted": " @champion", "awaiting": " @challenger"}.get(record["action"], "")
        facts["version"] = f"{project.model} {record['version']}{alias}"
        facts["verdict"] = Text(f"{record['action']}: {record['reason']}", style="bold")
    facts["run"] = f"{run['dag_run_id']}: {run['state']}"
    return facts


def metrics_table(metrics: list[dict[str, str]]) -> Table:
    """Table of figures with floor and protocol."""
    table = Table("metric", "value [95 % interval]", "floor", "protocol")
    for metric in metrics:
        table.add_row(metric["metric"], metric["value"], metric["floor"], metric["protocol"])
    return table


def _times(results: dict[str, dict[str, Any]], seconds: float) -> Table:
    spent = {t: f"{r['seconds']:.0f} s" for t, r in results.items() if "seconds" in r}
    table = Table(*spent, "all", title="time per step", title_justify="left")
    table.add_row(*spent.values(), f"{seconds:.0f} s")
    return table


def _where(project: Project, folder: DagRunFolder, results: dict[str, dict[str, Any]]) -> Table:
    page = results["report"].get("page")
    facts = {"report": page or "none was written", "logs": project.logs}
    if (grid := folder.folder / "samples.png").exists():
        facts["sample grid"] = grid
    return facts_table(facts)


def _next(project: Project) -> Text:
    option = "" if project.name == "phantom" else f" --project {project.name}"
    medloom = f".venv/bin/medloom{option}"
    commands = {
        "champion show": "the champion and its verdict, rule by rule",
        "generate --label stone -n 16 --seed 7 -o out": "16 synthetic images of it",
        "up": "start Airflow and MLflow to look around; `down` stops them",
    }
    lines = [Text("\ntry next")]
    for command, what in commands.items():
        lines.append(Text.assemble(f"  {medloom} {command}", (f"   {what}", "dim")))
    return Text("\n").join(lines)
