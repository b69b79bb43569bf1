"""The report of one run: from the results of its tasks, the ledger, the remote and the registry."""

import json
import shutil
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from pipeline.base.machine import describe_environment
from pipeline.base.project import Project
from pipeline.data.branch import is_phantom
from pipeline.data.ingest.quarantine import QUARANTINE_FILE, parse_quarantine
from pipeline.data.revise.revision import Revisions
from pipeline.evaluation.record import EVALUATION_FILE, Evaluation
from pipeline.ledger.journal import Journal, Record
from pipeline.ledger.lease import hold_lease
from pipeline.ledger.ledger import DATA, Ledger, Workspace
from pipeline.ledger.run import Run
from pipeline.local import services
from pipeline.promotion.gate import Verdict
from pipeline.reports.run.render import ReportImages, render_report, write_facts
from pipeline.reports.run.task_results import TASKS, TaskResults
from pipeline.reports.run_facts import (
    Failure,
    IngestFacts,
    ModelFacts,
    QuarantineEntry,
    ReportFacts,
    Resumption,
    SplitCount,
    TaskFacts,
)

PAGE, FACTS, SAMPLES = "report.html", "model-card.json", "samples.png"


def write_report(project: Project, results: TaskResults, to: Path) -> Path:
    """Write a run's page, and its facts as JSON, however the run ended; returns the page.

    Both are added to the registered version, if there is one. Neither names a source file.

    Args:
        project: the project.
        results: of the run's tasks.
        to: folder to write into, made when missing.
    """
    key, ledger = results["plan"].get("key"), Ledger(project)
    to.mkdir(parents=True, exist_ok=True)
    with _outputs(ledger, key) as work:
        if work:
            grids = sorted((work.folder / "models" / "samples").glob("*.png"))
            if grids:
                shutil.copyfile(grids[-1], to / SAMPLES)
        facts = gather(project, ledger, results, work)
        images = ReportImages.of(work.folder / "reports") if work else ReportImages()
        page = render_report(facts, images, to / PAGE)
        card = write_facts(facts, to / FACTS)
    if facts.model and facts.model.version:
        from pipeline.registry.registry import Registry

        with services.mlflow(project) as uri:
            registry = Registry(uri, project.model)
            for file in (page, card):
                registry.attach_report(facts.model.version, file)
    return page


def gather(
    project: Project, ledger: Ledger, results: TaskResults, work: Workspace | None
) -> ReportFacts:
    """The facts of the page, as far as the run got."""
    plan, record = results["plan"], _record(ledger, results)
    data = plan.get("data") or ledger.head(DATA)
    evaluation = work.folder / "reports" / EVALUATION_FILE if work else None
    return ReportFacts(
        title=project.model.removeprefix("medloom-"),
        made_at=datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC"),
        phantom=is_phantom(ledger),
        model=_model(project, ledger, results, work),
        champion_version=record.predecessor if record else None,
        failure=_failure(results),
        verdict=Verdict.model_validate_json(json.dumps(record.verdict)) if record else None,
        waits_for=tuple(record.details.get("approval", ())) if record else (),
        evaluation=Evaluation.load(evaluation) if evaluation and evaluation.exists() else None,
        ingest=_ingest(results["ingest"]),
        splits=_splits(ledger, data) if data else (),
        quarantine=_quarantine(ledger, data) if data else None,
        tasks=tuple(_task(name, results[name]) for name in TASKS),
        environment=describe_environment()
        | ({"trained because": ", ".join(plan["reasons"])} if plan.get("reasons") else {}),
    )


def _record(ledger: Ledger, results: TaskResults) -> Record | None:
    """The gate's decision in the journal."""
    number = results["promote"].get("record")
    return Journal(ledger).records[number - 1] if number else None


@contextmanager
def _outputs(ledger: Ledger, key: str | None) -> Iterator[Workspace | None]:
    """A clone of the run with its models and reports, as far as the run has got."""
    with ExitStack() as stack:
        if key is None or ledger.head(f"run/{key}") is None:
            yield None
            return
        project = ledger.project
        stack.enter_context(hold_lease(project.leases, f"run-{key}", "report"))
        folder = project.workspaces / key / "report"
        work = stack.enter_context(ledger.workspace(f"run/{key}", folder))
        run = Run.find(ledger, key)
        done = [stage for stage in ("train", "evaluate") if run and stage in run.results]
        if done:
            work.dvc.run("pull", *done)
        yield work


def _model(
    project: Project, ledger: Ledger, results: TaskResults, work: Workspace | None
) -> ModelFacts | None:
    plan, version = results["plan"], results["register"].get("version")
    evaluation = work.folder / "reports" / EVALUATION_FILE if work else None
    if work is None or evaluation is None or not evaluation.exists():
        return None
    champion = Journal(ledger).champion
    upstream = ledger.mirror.run("log", "-1", "--format=%b", plan["code"])
    return ModelFacts(
        name=project.model,
        version=version,
        alias="champion" if champion and champion.version == version else None,
        weights_sha256=Evaluation.load(evaluation).model,
        run_key=plan["key"],
        data_revision=plan["data"],
        code_revision=plan["code"],
        code_dirty="dirty yes" in upstream,
        start=_start(ledger, plan["key"]),
        resumed_inexactly=_resumptions(work.folder / "models" / "training.json"),
    )


def _start(ledger: Ledger, key: str) -> str:
    """What the training began from, by the commit that opened the run; "" in early runs."""
    run = Run.find(ledger, key)
    opened = run.opened if run else ""
    lines = ledger.mirror.run("log", "-1", "--format=%b", opened).splitlines() if opened else []
    return next((line.removeprefix("start ") for line in lines if line.startswith("start ")), "")


def _resumptions(record: Path) -> tuple[Resumption, ...]:
    """The resumptions on another machine, by the training's own record."""
    training = json.loads(record.read_text()) if record.exists() else {}
    return tuple(Resumption.model_validate(one) for one in training.get("resumed_inexactly", ()))


def _failure(results: TaskResults) -> Failure | None:
    for task in TASKS:
        outcome = results[task].get("outcome", "done")
        if outcome not in ("done", "skipped"):
            message = str(results[task].get("why") or "the task was killed")
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
        reasons=result.get("reasons", {}),
    )


def _splits(ledger: Ledger, data: str) -> tuple[SplitCount, ...]:
    rows = Revisions(ledger).rows(data)
    images = Counter((row.label, row.split) for row in rows)
    groups = Counter(
        (label, split) for label, split, _ in {(r.label, r.split, r.group) for r in rows}
    )
    return tuple(
        SplitCount(label=label, split=split, images=count, groups=groups[label, split])
        for (label, split), count in sorted(images.items())
    )


def _quarantine(ledger: Ledger, data: str) -> tuple[QuarantineEntry, ...]:
    """The refused files that the data revision records."""
    return tuple(
        QuarantineEntry(
            source_sha256=record.record,
            kind=" ".join(part for part in (record.label, record.extension) if part) or "–",
            size=record.bytes,
            reason=f"{record.reason}: {record.detail}",
        )
        for record in parse_quarantine(ledger.read(data, str(QUARANTINE_FILE)) or "")
    )


def _task(name: str, result: dict[str, Any]) -> TaskFacts:
    return TaskFacts(
        name=name,
        outcome=str(result.get("outcome", "not run")),
        seconds=result.get("seconds"),
        tries=int(result.get("tries", 1)),
    )
