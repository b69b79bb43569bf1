"""`medloom task …`: the steps that the scheduler runs, each a command with an exit code."""

import json
import os
import time
from collections.abc import Callable
from dataclasses import asdict
from typing import Annotated, Any

import typer

from pipeline.base.settings import Settings

task_app = typer.Typer(help="The steps that the scheduler runs.", no_args_is_help=True)


def _scheduled(task: str, work: Callable[[Settings, Any, dict[str, Any]], str]) -> None:
    """Run a step as a task: record it, and print its XCom as the last line."""
    from pipeline.base.run_folder import RunFolder
    from pipeline.local.processes import end_with_parent

    settings = Settings.load()
    if "MEDLOOM_RUN_ID" in os.environ:
        end_with_parent()
    folder = RunFolder.of(settings, os.environ.get("MEDLOOM_RUN_ID", "by-hand"))
    with folder.recorded(task) as facts:
        xcom = work(settings, folder, facts)
    print(xcom, flush=True)


Key = Annotated[str, typer.Option(help="The run's key, as `plan` printed it.")]


@task_app.command("watch")
def task_watch() -> None:
    """Exit with 0 when the landing zone should be ingested, else with 99."""
    from pipeline.flow import steps

    print(steps.watch(Settings.load()))


@task_app.command("ingest")
def task_ingest() -> None:
    """Take in what has landed."""
    from pipeline.flow import steps

    def work(settings: Settings, folder: Any, facts: dict[str, Any]) -> str:
        said = 0.0

        def say(done: int, total: int) -> None:
            nonlocal said
            if time.monotonic() - said > 0.5 or done == total:
                said = time.monotonic()
                _report(folder, "ingest", done=done, total=total, what="read")

        report = steps.ingest(settings, say)
        facts.update(steps.describe_ingest(report))
        facts["summary"] = (
            f"{report.new} new images; {report.ingested} ingested, {report.duplicate} duplicate, "
            f"{report.quarantined} quarantined of {report.seen} files"
        )
        return str(facts["summary"])

    _scheduled("ingest", work)


@task_app.command("plan")
def task_plan() -> None:
    """Decide what to train; the last line is the run's key."""
    from pipeline.flow import steps

    def work(settings: Settings, folder: Any, facts: dict[str, Any]) -> str:  # noqa: ARG001
        plan = steps.plan(settings, trigger=os.environ.get("MEDLOOM_TRIGGER", "manual"))
        facts.update(asdict(plan), summary=f"run {plan.run.key}: {', '.join(plan.reasons)}")
        return plan.run.key

    _scheduled("plan", work)


def _stage(name: str, key: str) -> None:
    from pipeline.stages.run import run_stage

    def work(settings: Settings, folder: Any, facts: dict[str, Any]) -> str:
        run_stage(settings, key, name, folder)
        facts["key"] = key
        return key

    _scheduled(name, work)


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

    def work(settings: Settings, folder: Any, facts: dict[str, Any]) -> str:  # noqa: ARG001
        version = register(settings, key)
        facts.update(key=key, version=version, summary=f"{settings.model} version {version}")
        return str(version)

    _scheduled("register", work)


@task_app.command("promote")
def task_promote(
    key: Key,
    require_approval: Annotated[
        bool, typer.Option(help="A verdict that would promote waits for a person.")
    ] = False,
) -> None:
    """Judge the run's version against the champion and act on the verdict."""
    from pipeline.cli.tables import overall_figures
    from pipeline.promotion.judge import promote

    def work(settings: Settings, folder: Any, facts: dict[str, Any]) -> str:
        record, evaluation = promote(
            settings,
            key,
            lambda **said: _report(folder, "promote", **said),
            require_approval=require_approval,
        )
        facts.update(
            record=record.model_dump(),
            metrics=overall_figures(evaluation),
            summary=f"version {record.version} {record.action}: {record.reason}",
        )
        return record.action

    _scheduled("promote", work)


@task_app.command("challenger")
def task_challenger(
    version: Annotated[str, typer.Option(help="Version; nothing: the newest that waits.")] = "",
) -> None:
    """Name the version to be approved: its number begins the last line, the reasons follow."""
    from pipeline.ledger.journal import Journal
    from pipeline.ledger.ledger import Ledger
    from pipeline.promotion.approval import waiting_verdict

    def work(settings: Settings, folder: Any, facts: dict[str, Any]) -> str:  # noqa: ARG001
        verdict = waiting_verdict(Journal(Ledger(settings)), version)
        facts.update(record=verdict.model_dump(), summary=f"version {verdict.version} waits")
        asked = "; ".join(verdict.details.get("approval", []))
        return f"{verdict.version} {verdict.reason}. Approval is needed: {asked}".replace("\n", " ")

    _scheduled("challenger", work)


WhichVersion = Annotated[str, typer.Option(help="The version's number.")]
WhoDecides = Annotated[str, typer.Option(help="Who decides, as Airflow knows the person.")]
Why = Annotated[str, typer.Option(help="In the person's words.")]


@task_app.command("approve")
def task_approve(version: WhichVersion, by: WhoDecides, reason: Why) -> None:
    """Make the version champion that a person approved."""
    from pipeline.promotion.judge import approve_version

    def work(settings: Settings, folder: Any, facts: dict[str, Any]) -> str:
        def say(**said: Any) -> None:
            _report(folder, "approve", **said)

        record = approve_version(settings, version, by, reason, say)
        facts.update(record=record.model_dump(), summary=f"version {version} approved by {by}")
        return record.action

    _scheduled("approve", work)


@task_app.command("decline")
def task_decline(version: WhichVersion, by: WhoDecides, reason: Why) -> None:
    """Record that a person refused the version."""
    from pipeline.ledger.ledger import Ledger
    from pipeline.local import services
    from pipeline.promotion.approval import decline
    from pipeline.registry.registry import Registry

    def work(settings: Settings, folder: Any, facts: dict[str, Any]) -> str:  # noqa: ARG001
        with services.mlflow(settings) as uri:
            registry = Registry(uri, settings.model)
            record = decline(Ledger(settings), registry, version, by, reason)
        facts.update(record=record.model_dump(), summary=f"version {version} declined by {by}")
        return record.action

    _scheduled("decline", work)


@task_app.command("announce")
def task_announce() -> None:
    """Tell consumers of the champion that this run made; exits with 99 when it made none."""
    from pipeline.promotion.announce import announce

    def work(settings: Settings, folder: Any, facts: dict[str, Any]) -> str:
        version, warning = announce(settings, folder)
        facts["summary"] = f"version {version} is champion"
        if warning:
            facts["warnings"] = [warning]
            print(f"warning: {warning}", flush=True)
        return str(version)

    _scheduled("announce", work)


@task_app.command("notify")
def task_notify(
    dag: Annotated[str, typer.Option(help="The DAG whose run failed.")],
    run: Annotated[str, typer.Option(help="The run's id.")],
    reason: Annotated[str, typer.Option(help="As Airflow tells it.")] = "",
) -> None:
    """Tell the webhook of a failed run."""
    from pipeline.promotion.webhook import post

    settings = Settings.load()
    model = settings.model
    if warning := post(settings, "run-failed", model=model, dag=dag, run=run, reason=reason):
        print(f"warning: {warning}", flush=True)


@task_app.command("report")
def task_report() -> None:
    """Write the run's report, whatever happened to the run."""
    from pipeline.reports.run.write import write_report

    def work(settings: Settings, folder: Any, facts: dict[str, Any]) -> str:
        page = write_report(settings, folder)
        facts.update(page=str(page), summary="report.html")
        return page.name

    _scheduled("report", work)


def _report(folder: Any, task: str, **facts: Any) -> None:
    from pipeline.base.files import write_atomically

    write_atomically(folder.progress_file(task), json.dumps(facts) + "\n")
