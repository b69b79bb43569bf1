"""The report of one run of the DAG: facts from the run's folder, the ledger and the local index."""

import json
import shutil
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from pipeline.base.environment import describe_environment
from pipeline.base.run_folder import RunFolder
from pipeline.base.settings import Settings
from pipeline.data.branch import is_phantom
from pipeline.data.ingest.quarantine import quarantine_records
from pipeline.data.landing.index import LocalIndex
from pipeline.evaluation.record import EVALUATION_FILE, Evaluation
from pipeline.ledger.journal import Journal
from pipeline.ledger.lease import hold_lease
from pipeline.ledger.ledger import Ledger, Workspace
from pipeline.ledger.run import Run
from pipeline.local import services
from pipeline.promotion.gate import Verdict
from pipeline.reports.facts import (
    Failure,
    IngestFacts,
    ModelFacts,
    QuarantineEntry,
    ReportFacts,
    SplitCount,
    TaskFacts,
)
from pipeline.reports.run.render import ReportImages, render_report, write_facts

ORDER = ("ingest", "plan", "preprocess", "train", "evaluate", "register", "promote")
PAGE, FACTS, SAMPLES = "report.html", "model-card.json", "samples.png"


def write_report(settings: Settings, run: RunFolder) -> Path:
    """Write the run's page, and its facts as JSON, from whatever the run came to; returns the page.

    Nothing in it names a source file.
    """
    results = {task: run.result(task) for task in ORDER}
    key = results["plan"].get("run", {}).get("key")
    ledger = Ledger(settings)
    with _outputs(ledger, key) as work:
        reports = work.folder / "reports" if work else run.folder / "no-reports"
        if work:
            grids = sorted((work.folder / "models" / "samples").glob("*.png"))
            if grids:
                shutil.copyfile(grids[-1], run.folder / SAMPLES)
        facts = gather(settings, ledger, results, work)
        page = render_report(facts, ReportImages.of(reports), run.folder / PAGE)
        write_facts(facts, run.folder / FACTS)
    if facts.model and facts.model.version:
        from pipeline.registry.registry import Registry

        with services.mlflow(settings) as uri:
            registry = Registry(uri, settings.model)
            for file in (page, run.folder / FACTS):
                registry.attach_report(facts.model.version, file)
    return page


def gather(
    settings: Settings,
    ledger: Ledger,
    results: dict[str, dict[str, Any]],
    work: Workspace | None,
) -> ReportFacts:
    """All that the page says; what did not happen is left out."""
    ingest, plan = results["ingest"], results["plan"]
    record = results["promote"].get("record")
    evaluation = work.folder / "reports" / EVALUATION_FILE if work else None
    return ReportFacts(
        title=settings.project,
        made_at=datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC"),
        phantom=is_phantom(ledger),
        model=_model(settings, ledger, results, work),
        champion_version=record["predecessor"] if record else None,
        failure=_failure(results),
        verdict=Verdict.model_validate_json(json.dumps(record["verdict"])) if record else None,
        waits_for=tuple(record["details"].get("approval", ())) if record else (),
        evaluation=Evaluation.load(evaluation) if evaluation and evaluation.exists() else None,
        ingest=_ingest(ingest),
        splits=_splits(ingest),
        quarantine=_quarantine(settings, ingest),
        tasks=tuple(_task(name, results[name]) for name in ORDER),
        environment=describe_environment()
        | ({"trained because": ", ".join(plan["reasons"])} if plan.get("reasons") else {}),
    )


@contextmanager
def _outputs(ledger: Ledger, key: str | None) -> Iterator[Workspace | None]:
    """A clone of the run with its models and reports, as far as the run has got."""
    with ExitStack() as stack:
        if key is None or ledger.head(f"run/{key}") is None:
            yield None
            return
        settings = ledger.settings
        stack.enter_context(hold_lease(settings.leases, f"run-{key}", "report"))
        folder = settings.workspaces / key / "report"
        work = stack.enter_context(ledger.workspace(f"run/{key}", folder))
        run = Run.find(ledger, key)
        done = [stage for stage in ("train", "evaluate") if run and stage in run.results]
        if done:
            work.dvc.run("pull", *done)
        yield work


def _model(
    settings: Settings,
    ledger: Ledger,
    results: dict[str, dict[str, Any]],
    work: Workspace | None,
) -> ModelFacts | None:
    plan, version = results["plan"], results["register"].get("version")
    evaluation = work.folder / "reports" / EVALUATION_FILE if work else None
    if evaluation is None or not evaluation.exists():
        return None
    champion = Journal(ledger).champion
    upstream = ledger.mirror.run("log", "-1", "--format=%b", plan["code"])
    return ModelFacts(
        name=settings.model,
        version=version,
        alias="champion" if champion and champion.version == version else None,
        weights_sha256=Evaluation.load(evaluation).model,
        run_key=plan["run"]["key"],
        data_revision=plan["data"],
        code_revision=plan["code"],
        code_dirty="dirty yes" in upstream,
    )


def _failure(results: dict[str, dict[str, Any]]) -> Failure | None:
    for task in ORDER:
        outcome = results[task].get("outcome", "done")
        if outcome not in ("done", "skipped"):
            message = str(results[task].get("why") or "the task was ended from outside")
            return Failure(task=task, message=message[-2000:])
    return None


def _ingest(result: dict[str, Any]) -> IngestFacts | None:
    if "seen" not in result:
        return None
    return IngestFacts(
        arrived=result["seen"],
        ingested=result["ingested"],
        duplicates=result["duplicate"],
        quarantined=result["quarantined"],
    )


def _splits(result: dict[str, Any]) -> tuple[SplitCount, ...]:
    groups = result.get("groups", {})
    return tuple(
        SplitCount(label=label, split=split, images=count, groups=groups[label].get(split, 0))
        for label, splits in sorted(result.get("images", {}).items())
        for split, count in splits.items()
    )


def _quarantine(settings: Settings, result: dict[str, Any]) -> tuple[QuarantineEntry, ...] | None:
    if "images" not in result:
        return None
    entries = LocalIndex.of(settings).entries()
    return tuple(
        QuarantineEntry(
            source_sha256=record.record,
            kind=" ".join(part for part in (record.label, record.extension) if part) or "–",
            size=record.bytes,
            reason=f"{record.reason}: {record.detail}",
        )
        for record in quarantine_records(entries, result["images"])
    )


def _task(name: str, result: dict[str, Any]) -> TaskFacts:
    return TaskFacts(
        name=name,
        outcome=str(result.get("outcome", "not run")),
        seconds=result.get("seconds"),
        tries=int(result.get("tries", 1)),
    )
