"""`medloom task …`: the steps that the scheduler runs, each a command with an exit code.

A task may run on any machine, with an empty state folder: it works from its arguments, the ledger,
the DVC remote and the registry alone. What the tasks after it need to know is the last line of its
output, one line of JSON, which the scheduler keeps as its XCom and hands to them as arguments.
"""

import os
import socket
import sys
import time
from dataclasses import asdict
from typing import Annotated, Any, Literal

import typer

from pipeline.base.project import Project
from pipeline.cli.project import chosen_project
from pipeline.cli.scheduled_task import MOST_WORDS, Told, scheduled, tell_progress

task_app = typer.Typer(help="The steps that the scheduler runs.", no_args_is_help=True)

Key = Annotated[str, typer.Option(help="The run's key, as `plan` printed it.")]


@task_app.command("watch")
def task_watch() -> None:
    """Exit with 0 when the landing zone should be ingested, else with 99."""
    from pipeline.flow import steps

    print(steps.watch(chosen_project()))


@task_app.command("ingest")
def task_ingest() -> None:
    """Ingest the new files of the landing zone; prints the newest data revision."""
    from pipeline.flow import steps
    from pipeline.ledger.ledger import DATA, Ledger

    def work(project: Project, folder: Any, facts: Told) -> Told:
        said = 0.0

        def say(done: int, total: int) -> None:
            nonlocal said
            if time.monotonic() - said > 0.5 or done == total:
                said = time.monotonic()
                tell_progress(folder, "ingest", done=done, total=total, what="read")

        report = steps.ingest(project, say)
        facts.update(steps.describe_ingest(report))
        facts["summary"] = (
            f"{report.new} new images; {report.ingested} ingested, {report.duplicate} duplicate, "
            f"{report.quarantined} quarantined of {report.seen} files"
        )
        counts = ("new", "seen", "ingested", "duplicate", "quarantined", "reasons")
        return {name: facts[name] for name in counts} | {"data": Ledger(project).head(DATA)}

    scheduled("ingest", work)


@task_app.command("plan")
def task_plan(
    start: Annotated[
        Literal["params", "fresh", "champion"],
        typer.Option(help="Networks that the training begins from; params: as train.start says."),
    ] = "params",
) -> None:
    """Decide what to train; prints the run's key."""
    from pipeline.flow import steps

    def work(project: Project, folder: Any, facts: Told) -> Told:  # noqa: ARG001
        trigger = os.environ.get("MEDLOOM_TRIGGER", "manual")
        plan = steps.plan(project, trigger=trigger, start="" if start == "params" else start)
        for note in plan.notes:
            print(f"medloom: {note}", file=sys.stderr, flush=True)
        facts.update(asdict(plan), summary=f"run {plan.run.key}: {', '.join(plan.reasons)}")
        told = {"key": plan.run.key, "data": plan.data, "code": plan.code}
        return told | {"reasons": list(plan.reasons)}

    scheduled("plan", work)


def _stage(name: str, key: str) -> None:
    from pipeline.ledger.ledger import Ledger
    from pipeline.ledger.run import Run
    from pipeline.stages.run import run_stage

    def work(project: Project, folder: Any, facts: Told) -> Told:  # noqa: ARG001
        run_stage(project, key, name, folder)
        return {"key": key, "data": Run.get(Ledger(project), key).data}

    scheduled(name, work)


@task_app.command("preprocess")
def task_preprocess(key: Key) -> None:
    """Run the DVC stage preprocess."""
    _stage("preprocess", key)


@task_app.command("train")
def task_train(key: Key) -> None:
    """Run the DVC stage train."""
    _stage("train", key)


@task_app.command("evaluate")
def task_evaluate(key: Key) -> None:
    """Run the DVC stage evaluate."""
    _stage("evaluate", key)


@task_app.command("register")
def task_register(key: Key) -> None:
    """Make a registry version of the run's weights."""
    from pipeline.promotion.judge import register

    def work(project: Project, folder: Any, facts: Told) -> Told:  # noqa: ARG001
        version = register(project, key)
        facts["summary"] = f"{project.model} version {version}"
        return {"key": key, "version": version}

    scheduled("register", work)


@task_app.command("promote")
def task_promote(
    key: Key,
    require_approval: Annotated[
        bool, typer.Option(help="A verdict that would promote waits for a person.")
    ] = False,
) -> None:
    """Judge the run's version against the champion; prints the number of the journal's record."""
    from pipeline.cli.tables import overall_figures
    from pipeline.promotion.judge import promote

    def work(project: Project, folder: Any, facts: Told) -> Told:
        record, evaluation = promote(
            project,
            key,
            lambda **said: tell_progress(folder, "promote", **said),
            require_approval=require_approval,
        )
        facts["metrics"] = overall_figures(evaluation)
        return _decision(facts, record)

    scheduled("promote", work)


@task_app.command("challenger")
def task_challenger(
    version: Annotated[str, typer.Option(help="Version; nothing: the newest that waits.")] = "",
) -> None:
    """Name the version to be approved, and what a person is asked."""
    from pipeline.ledger.journal import Journal
    from pipeline.ledger.ledger import Ledger
    from pipeline.promotion.approval import waiting_verdict

    def work(project: Project, folder: Any, facts: Told) -> Told:  # noqa: ARG001
        verdict = waiting_verdict(Journal(Ledger(project)), version)
        facts["summary"] = f"version {verdict.version} waits"
        why = "; ".join(verdict.details.get("approval", []))
        asked = f"{verdict.reason}. Approval is needed: {why}"[:MOST_WORDS]
        return {"version": verdict.version, "record": verdict.sequence, "asked": asked}

    scheduled("challenger", work)


WhichVersion = Annotated[str, typer.Option(help="The version's number.")]
WhoDecides = Annotated[str, typer.Option(help="Who decides, as Airflow knows the person.")]
Why = Annotated[str, typer.Option(help="In the person's words.")]


@task_app.command("approve")
def task_approve(version: WhichVersion, by: WhoDecides, reason: Why) -> None:
    """Make the version champion that a person approved."""
    from pipeline.promotion.judge import approve_version

    def work(project: Project, folder: Any, facts: Told) -> Told:
        def say(**said: Any) -> None:
            tell_progress(folder, "approve", **said)

        record = approve_version(project, version, by, reason, say)
        return _decision(facts, record)

    scheduled("approve", work)


@task_app.command("decline")
def task_decline(version: WhichVersion, by: WhoDecides, reason: Why) -> None:
    """Record that a person refused the version."""
    from pipeline.ledger.ledger import Ledger
    from pipeline.local import services
    from pipeline.promotion.approval import decline
    from pipeline.registry.registry import Registry

    def work(project: Project, folder: Any, facts: Told) -> Told:  # noqa: ARG001
        with services.mlflow(project) as uri:
            registry = Registry(uri, project.model)
            record = decline(Ledger(project), registry, version, by, reason)
        return _decision(facts, record)

    scheduled("decline", work)


@task_app.command("announce")
def task_announce(
    record: Annotated[int, typer.Option(help="Number of the decision in the journal.")],
) -> None:
    """Notify consumers of a new champion; exits with 99 when the decision made none."""
    from pipeline.promotion.announce import announce

    def work(project: Project, folder: Any, facts: Told) -> Told:  # noqa: ARG001
        version, warning = announce(project, record)
        facts["summary"] = f"version {version} is champion"
        if warning:
            facts["warnings"] = [warning]
            print(f"warning: {warning}", flush=True)
        return {"version": version}

    scheduled("announce", work)


@task_app.command("monitor")
def task_monitor() -> None:
    """Measure once, and tell of new alarms; prints the number of the record."""
    from pipeline.monitor.run import run_monitor

    def work(project: Project, folder: Any, facts: Told) -> Told:
        ran = run_monitor(
            project,
            on_progress=lambda what, done, total: tell_progress(
                folder, "monitor", done=done, total=total, what=what
            ),
        )
        for warning in ran.warnings:
            print(f"warning: {warning}", flush=True)
        keys = [one.key for one in ran.record.alarms]
        facts["summary"] = f"record {ran.record.sequence}: {', '.join(keys) or 'no alarm'}"
        champion = ran.record.champion
        told = {"record": ran.record.sequence, "alarms": keys}
        return told | ({"version": champion.version} if champion else {})

    scheduled("monitor", work)


@task_app.command("alarm")
def task_alarm(
    record: Annotated[int, typer.Option(help="Number of the monitor's record.")],
) -> None:
    """Say which alarms are on; exits with 99 when none is."""
    from pipeline.monitor.run import require_alarms

    def work(project: Project, folder: Any, facts: Told) -> Told:  # noqa: ARG001
        alarms = require_alarms(project, record)
        facts["summary"] = "; ".join(f"{one.key}: {one.says}" for one in alarms)
        return {"alarms": [one.key for one in alarms]}

    scheduled("alarm", work)


@task_app.command("notify")
def task_notify(
    dag: Annotated[str, typer.Option(help="The DAG whose run failed.")],
    run: Annotated[str, typer.Option(help="The run's id.")],
    reason: Annotated[str, typer.Option(help="The reason, from Airflow.")] = "",
) -> None:
    """Notify the webhook of a failed run."""
    from pipeline.promotion.webhook import post

    project = chosen_project()
    model = project.model
    if warning := post(project, "run-failed", model=model, dag=dag, run=run, reason=reason):
        print(f"warning: {warning}", flush=True)


@task_app.command("report")
def task_report(
    results: Annotated[
        str, typer.Option(help="JSON list of the tasks' results; null for a task without one.")
    ],
    states: Annotated[
        str, typer.Option(help="JSON of the tasks' states, for those without a result.")
    ] = "{}",
) -> None:
    """Write the run's report, whatever happened to the run."""
    from pipeline.reports.run.task_results import read_results
    from pipeline.reports.run.write import write_report

    def work(project: Project, folder: Any, facts: Told) -> Told:
        told = read_results(results, states)
        page = write_report(project, told, folder.folder)
        # Without a version there is no other copy, and nobody else knows which host this is.
        print(f"medloom: the report is {page} on {socket.gethostname()}", file=sys.stderr)
        key = told["plan"].get("key")
        facts.update(page=str(page), summary=page.name)
        return {"key": key}

    scheduled("report", work)


def _decision(facts: Told, record: Any) -> Told:
    """The result of a task that wrote or found a record of the journal."""
    facts["decision"] = record.model_dump()
    facts["summary"] = f"version {record.version} {record.action}: {record.reason}"
    return {"version": record.version, "action": record.action, "record": record.sequence}
