"""Render the report of a run as one HTML page: verdict, reasons, figures and their limits."""

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pipeline.evaluation import record
from pipeline.evaluation.record import Evaluation, Figure
from pipeline.promotion.gate import Verdict
from pipeline.reports.page import environment, inline_file, number, share
from pipeline.reports.run.faithful import faithful
from pipeline.reports.run.figure_texts import CHAPTERS, SHARES, FigureText
from pipeline.reports.run.limits import MISUSES, USES, limits
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

    @classmethod
    def of(cls, folder: Path) -> "ReportImages":
        """The pictures that the evaluate stage wrote into its output folder."""
        grids = {file.stem[len("grid-") :]: file for file in sorted(folder.glob("grid-*.png"))}
        single = {name: folder / f"{name}.png" for name in PICTURES}
        samples = sorted(folder.glob("baseline/samples/*.png"))
        found = {name: file for name, file in single.items() if file.exists()}
        return cls(grids, **found, baseline=samples[-1] if samples else None)


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
            grids={label: inline_file(file) for label, file in images.grids.items()},
            nearest=inline_file(images.nearest) if images.nearest else None,
            curves=inline_file(images.curves) if images.curves else None,
            statistics=inline_file(images.statistics) if images.statistics else None,
            utility=inline_file(images.utility) if images.utility else None,
            baseline=inline_file(images.baseline) if images.baseline else None,
            chapters=_chapters(facts.evaluation) if facts.evaluation else [],
            classes=_by_class(facts.evaluation) if facts.evaluation else [],
            findings=_findings(facts.evaluation) if facts.evaluation else [],
            faithful=faithful(facts.evaluation) if facts.evaluation else {},
            table=split_table(facts.splits),
            limits=limits(facts),
            uses=USES,
            misuses=MISUSES,
            few=_FEW_QUARANTINED,
        )
    )
    return out


def write_facts(facts: ReportFacts, out: Path) -> Path:
    """Write the facts, uses and limits of the page as JSON."""
    content = facts.model_dump(mode="json") | {
        "intended_use": USES,
        "misuse": MISUSES,
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


def _chapters(evaluation: Evaluation) -> list[dict[str, Any]]:
    """The figures over all classes, by the question they answer; missing ones are left out."""
    found = {figure.metric: figure for figure in evaluation.figures if figure.label is None}
    baseline: dict[str, Figure] = {}
    if evaluation.baseline:
        baseline = {one.metric: one for one in evaluation.baseline.figures if one.label is None}
    chapters = []
    for chapter in CHAPTERS:
        rows = [
            _row(found[metric], words)
            | {"baseline": _baseline_text(baseline.get(metric), evaluation.baseline_family)}
            for metric, words in chapter.figures.items()
            if metric in found
        ]
        if rows:
            chapters.append({"title": chapter.title, "rows": rows})
    return chapters


def _baseline_text(figure: Figure | None, family: str | None) -> str | None:
    """The baseline's figure as text."""
    if figure is None:
        return None
    show = share if figure.metric in SHARES else number
    interval = ""
    if figure.low is not None and figure.high is not None:
        interval = f" ({show(figure.low)} to {show(figure.high)})"
    return f"{family}: {show(figure.value)}{interval}"


def _row(figure: Figure, words: FigureText) -> dict[str, Any]:
    show = share if figure.metric in SHARES else number
    interval = None
    if figure.low is not None and figure.high is not None:
        interval = f"{show(figure.low)} to {show(figure.high)}"
    return {
        "title": words.title,
        "meaning": words.meaning,
        "floor_is": words.floor,
        "value": show(figure.value),
        "floor": None if figure.floor is None else show(figure.floor),
        "halves": None if figure.halves is None else show(figure.halves),
        "interval": interval,
        "protocol": figure.protocol,
        "counts": f"{figure.n_fake} generated, {figure.n_real} real"
        if figure.n_fake
        else f"{figure.n_real} held out",
        "strip": _strip(figure),
    }


def _strip(figure: Figure) -> dict[str, float]:
    """Positions of value, floor and interval on a line that includes 0, in percent."""
    named = {"value": figure.value, "floor": figure.floor, "low": figure.low, "high": figure.high}
    points = {name: value for name, value in named.items() if value is not None}
    least = min(*points.values(), 0.0) * 1.12
    length = max(points.values()) * 1.12 - least or 1.0
    return {name: round(100 * (value - least) / length, 2) for name, value in points.items()}


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
