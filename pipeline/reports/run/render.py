"""Render the report of a run as one HTML page: verdict, reasons, figures and their limits."""

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from model.tasks import Task, task_named
from pipeline.evaluation import record
from pipeline.evaluation.record import BASELINE_FOLDER, Evaluation
from pipeline.promotion.gate import Verdict
from pipeline.reports.page import environment, inline_file
from pipeline.reports.run.faithful import faithful
from pipeline.reports.run.figure_rows import chapters
from pipeline.reports.run.limits import limits, misuses, uses
from pipeline.reports.run_facts import ReportFacts
from pipeline.reports.split_table import split_table

_FEW_QUARANTINED = 60  # rows shown; the rest is counted


PICTURES = ("nearest", "curves", "statistics", "utility")


@dataclass(frozen=True)
class ReportImages:
    """The pictures of an evaluation; the page reports missing ones as missing."""

    grids: dict[str, Path] = field(default_factory=dict)
    nearest: Path | None = None
    curves: Path | None = None
    statistics: Path | None = None
    utility: Path | None = None
    baseline: Path | None = None
    baseline_grids: dict[str, Path] = field(default_factory=dict)

    @classmethod
    def of(cls, folder: Path) -> "ReportImages":
        """The pictures that the evaluate stage wrote into its output folder."""
        grids, baseline_grids = _grids(folder), _grids(folder / BASELINE_FOLDER)
        single = {name: folder / f"{name}.png" for name in PICTURES}
        samples = sorted(folder.glob(f"{BASELINE_FOLDER}/samples/*.png"))
        found = {name: file for name, file in single.items() if file.exists()}
        sampled = samples[-1] if samples else None
        return cls(grids, **found, baseline=sampled, baseline_grids=baseline_grids)


def _grids(folder: Path) -> dict[str, Path]:
    """The grids of a folder, by class."""
    return {file.stem.removeprefix("grid-"): file for file in sorted(folder.glob("grid-*.png"))}


def _inlined(files: dict[str, Path]) -> dict[str, str]:
    return {label: inline_file(file) for label, file in files.items()}


def render_report(facts: ReportFacts, images: ReportImages, out: Path) -> Path:
    """Write the page: one HTML file with pictures and style inside, and no script.

    The same facts and pictures give the same bytes.

    Args:
        facts: of the run.
        images: pictures of the evaluate stage.
        out: HTML file to write; its folder is created when missing.
    """
    page = environment().get_template("report.html.j2")
    out.parent.mkdir(parents=True, exist_ok=True)
    out.write_text(
        page.render(
            facts=facts,
            banner=_banner(facts),
            grids=_inlined(images.grids),
            nearest=inline_file(images.nearest) if images.nearest else None,
            curves=inline_file(images.curves) if images.curves else None,
            statistics=inline_file(images.statistics) if images.statistics else None,
            utility=inline_file(images.utility) if images.utility else None,
            baseline=inline_file(images.baseline) if images.baseline else None,
            chapters=chapters(facts.evaluation) if facts.evaluation else [],
            baseline_grids=_inlined(images.baseline_grids),
            classes=_by_class(facts.evaluation) if facts.evaluation else [],
            findings=_findings(facts.evaluation) if facts.evaluation else [],
            faithful=faithful(facts.evaluation) if facts.evaluation else {},
            table=split_table(facts.splits),
            limits=limits(facts),
            task=_task(facts.evaluation),
            uses=uses(facts),
            misuses=misuses(facts),
            few=_FEW_QUARANTINED,
        )
    )
    return out


def write_facts(facts: ReportFacts, out: Path) -> Path:
    """Write the facts, uses and limits of the page as JSON."""
    content = facts.model_dump(mode="json") | {
        "intended_use": uses(facts),
        "misuse": misuses(facts),
        "limits": limits(facts),
    }
    out.write_text(json.dumps(content, indent=1, sort_keys=True) + "\n")
    return out


def _banner(facts: ReportFacts) -> dict[str, Any]:
    """Kind (a CSS class), headline and reasons, one sentence each."""
    if facts.failure:
        headline = f"Failed at “{facts.failure.task}”"
        return {"kind": "failed", "headline": headline, "whys": [facts.failure.message]}
    if facts.verdict is None:
        why = "The run ended before the gate judged a candidate."
        return {"kind": "open", "headline": "No verdict", "whys": [why]}
    if facts.waits_for:
        headline = "Would be promoted: waits for a person's approval"
        return {"kind": "open", "headline": headline, "whys": [f"{w}." for w in facts.waits_for]}
    return {
        "kind": facts.verdict.outcome,
        "headline": _headline(facts.verdict),
        "whys": [f"{why[:1].upper()}{why[1:]}." for why in _reasons(facts.verdict)],
    }


def _headline(verdict: Verdict) -> str:
    if verdict.outcome == "promoted":
        return "Promoted"
    stays = "the champion stays" if verdict.champion else "there is no champion yet"
    return f"{verdict.outcome.capitalize()}: {stays}"


def _reasons(verdict: Verdict) -> list[str]:
    """The deciding reasons: failed rules, else open rules, else the verdict's reason."""
    for state in (False, None):
        if deciding := [rule.says for rule in verdict.rules if rule.passed is state]:
            return deciding
    return [verdict.reason]


def _task(evaluation: Evaluation | None) -> Task | None:
    """The task of a generator whose results have a truth; None of one that draws."""
    task = task_named(evaluation.protocol.task) if evaluation else None
    return task if task and task.paired else None


def _by_class(evaluation: Evaluation) -> list[dict[str, Any]]:
    """One row per class: number of fakes, and the figure of each metric that has one."""
    metrics = (record.KERNEL, record.FRECHET, record.COVERAGE, record.DIVERSITY)
    found = {(figure.metric, figure.label): figure for figure in evaluation.figures}
    return [
        {
            "label": label,
            "n_fake": evaluation.protocol.n_fake.get(label, 0),
            "figures": [found.get((metric, label)) for metric in metrics],
        }
        for label in evaluation.protocol.classes
    ]


def _findings(evaluation: Evaluation) -> list[dict[str, Any]]:
    """One row per class and kind of finding, where findings were counted (phantoms)."""
    found = {(figure.metric, figure.label): figure for figure in evaluation.figures}
    return [
        {"label": label, "kind": metric.removesuffix(f"_{record.PREVALENCE}"), "share": figure}
        | {
            what: found.get((metric.replace(record.PREVALENCE, what), label))
            for what in (record.COUNTS, record.SIZES, record.RADIUS, record.RARER, record.RATE)
        }
        for (metric, label), figure in found.items()
        if metric.endswith(f"_{record.PREVALENCE}")
    ]
