"""`medloom demo`: run the whole pipeline once, with live progress and a summary."""

import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from rich.console import Console, Group
from rich.text import Text

from pipeline.base.dag_run_folder import DagRunFolder
from pipeline.base.errors import BadInputError, ExitCode
from pipeline.base.project import Project
from pipeline.base.terminal import Facts, whole
from pipeline.cli.follow import DAG, TASKS, follow, going_on
from pipeline.cli.ingest import feed_bar
from pipeline.cli.starting import starting
from pipeline.cli.tables import bars, facts_table, figures_table
from pipeline.data.arrive.feed import feed
from pipeline.data.branch import declare_data
from pipeline.data.findings import kinds_in
from pipeline.data.revise.revision import Revisions
from pipeline.data.square import PreprocessConfig
from pipeline.flow.begin import begin_demo
from pipeline.ledger.journal import Journal
from pipeline.ledger.ledger import Ledger
from pipeline.ledger.project_params import ProjectParams
from pipeline.local import services
from pipeline.local.airflow_api import Patience
from pipeline.phantoms.phantom import write_phantom
from pipeline.phantoms.phantom_pairs import MODALITIES, Kind, write_pairs
from pipeline.phantoms.phantom_study import PhantomConfig

PHANTOM_SEED = 0


def run_demo(
    project: Project,
    data: Path | None,
    patients: int,
    console: Console,
    pairs: Kind | None = None,
) -> int:
    """Feed the landing zone, retrain through the scheduler, and print a summary.

    Args:
        project: the project.
        data: folder of class folders; None for the built-in phantom.
        patients: phantom patients per class.
        console: for the output.
        pairs: kind of registered phantom pairs to fuse; None: single images.

    Returns the command's exit code.

    Raises:
        BadInputError: the project learns from other images than those of this demo.
        TransientError: a service did not start, or Airflow gave no answer any more.
    """
    started = time.monotonic()
    phantom = "pairs of a kidney phantom" if pairs else "a kidney phantom"
    what = f"images of {data}" if data else f"{phantom} (no patient's image)"
    console.print(Text(f"medloom: {project.name}, from {what}", "bold"))
    _feed(project, data, patients, console, pairs)
    were_up = services.find(project) is not None
    what = "MLflow and Airflow (about half a minute)"
    if not were_up:
        console.print(f"starting {what} …")
    with starting(console, what) as on_wait:
        running = services.up(project, die_with_parent=True, on_wait=on_wait)
    try:
        api = running.airflow()
        api.patience = Patience(console.print, lambda: running.alive)
        run_id = api.trigger(DAG, {})
        folder = DagRunFolder.of(project, run_id)
        run = follow(
            api, run_id, folder, console,
            lambda: going_on(project, run_id, up=were_up and running.alive),
        )  # fmt: skip
    finally:
        if not were_up:
            services.down(project)
    console.print(summary(project, folder, run, time.monotonic() - started))
    return ExitCode.DONE if run["state"] == "success" else 1


def _feed(
    project: Project, data: Path | None, patients: int, console: Console, pairs: Kind | None
) -> None:
    declare_data(project, phantom=data is None)
    if pairs is not None:
        if begin_demo(project, MODALITIES[pairs]):
            console.print(whole(f"fuses pairs ({project.params_file})"))
        shape = _require_modalities(project, MODALITIES[pairs])
        # As networks see them: of windows that were resampled, the maximum keeps more information.
        acquired = PhantomConfig(size=max(shape.size, 64))
        with bars(console) as bar:
            show = bar("drawing phantom pairs")
            write_pairs(
                project.landing, patients, PHANTOM_SEED, pairs, config=acquired, on_progress=show
            )
    elif data is None:
        if begin_demo(project):
            console.print(whole(f"looks at both kidneys ({project.params_file})"))
        _require_modalities(project, ())
        with bars(console) as bar:
            show = bar("drawing phantom patients")
            write_phantom(project.landing, patients, PHANTOM_SEED, on_progress=show)
    else:
        with feed_bar(console) as bar_of_bytes:
            feed(data, project.landing, on_progress=bar_of_bytes)
    console.print(whole(f"landing zone {project.landing}"))


def _require_modalities(project: Project, wanted: Sequence[str]) -> PreprocessConfig:
    """Check that a project learns from the phantoms of a demo, before they are written.

    Returns:
        The project's `preprocess` section.
    """
    config = ProjectParams.of(project).section("preprocess", PreprocessConfig)
    found = config.modalities
    if found != tuple(wanted):
        raise BadInputError(
            f"the project {project.name} has preprocess.modalities [{', '.join(found)}], and this "
            f"demo writes images for [{', '.join(wanted)}]: leave --project out, or name a new "
            "project"
        )
    return config


def summary(project: Project, folder: DagRunFolder, run: dict[str, Any], seconds: float) -> Group:
    """Summary of a run: data, version, figures, verdict, times, and where its files are."""
    results = {task: folder.result(task) for task in TASKS}
    parts: list[Any] = [Text("\nsummary", "bold"), facts_table(outcome(project, results, run))]
    if metrics := results["promote"].get("metrics"):
        parts.append(figures_table(metrics))
    parts += [times(results, seconds), _where(project, folder, results), next_steps(project)]
    return Group(*parts)


def outcome(
    project: Project, results: dict[str, dict[str, Any]], run: dict[str, Any]
) -> dict[str, Any]:
    """What a run did, by name, of the results of its tasks."""
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


def times(results: dict[str, dict[str, Any]], seconds: float) -> Facts:
    """How long each task took, and all of it."""
    spent = {t: f"{r['seconds']:.0f} s" for t, r in results.items() if "seconds" in r}
    return facts_table({**spent, "all": f"{seconds:.0f} s"}, "time per step")


def _where(project: Project, folder: DagRunFolder, results: dict[str, dict[str, Any]]) -> Facts:
    page = results["report"].get("page")
    facts = {"report": whole(page or "none was written"), "logs": whole(project.logs)}
    if (grid := folder.folder / "samples.png").exists():
        facts["sample grid"] = whole(grid)
    return facts_table(facts)


def next_steps(project: Project) -> Group:
    """Commands to go on with, each with what it does above it."""
    ledger = Ledger(project)
    journal = Journal(ledger)
    commands: dict[str, str] = {}
    if champion := journal.champion:
        rows = Revisions(ledger).rows(champion.data)
        named = {row.label for row in rows if row.label in kinds_in([row.findings])}
        label = min(named or {row.label for row in rows})
        commands["champion show"] = "the champion and its verdict, rule by rule"
        if not any(row.pair for row in rows):
            drawn = f"generate --label {label} -n 16 --seed 7 -o out"
            commands[drawn] = "16 synthetic images of it"
        if named:
            asked = f"generate --label {label} -n 16 --findings 2 --masks -o out"
            commands[asked] = f"each with two findings ({label}) and a mask that says where"
        commands["app"] = "look at what it draws, in a browser"
    elif journal.records:
        commands["champion history"] = "every decision, with its reason"
    commands["up"] = "start Airflow, MLflow and the app to look around; `down` stops them"
    lines = [Text("\ntry next")]
    for command, what in commands.items():
        # Not wrapped, so that the command can be copied.
        lines.append(Text(f"  # {what}", "dim"))
        lines.append(Text(f"  {project.command} {command}", no_wrap=True, overflow="ignore"))
    return Group(*lines)
