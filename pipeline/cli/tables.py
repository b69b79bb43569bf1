"""Tables and progress bars that several commands print."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from rich.console import Console, Group
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Column
from rich.text import Text

from model.tasks import task_named
from pipeline.base.terminal import Facts, FitTable
from pipeline.data.ingest.account import Notice
from pipeline.data.ingest.report import IngestReport
from pipeline.data.processed import SPLITS
from pipeline.data.region import in_words
from pipeline.evaluation.record import Evaluation, Figure
from pipeline.ledger.journal import Record
from pipeline.promotion.gate import Compared


@contextmanager
def bars(console: Console) -> Iterator[Callable[[str], Callable[[int, int], None]]]:
    """Progress bars: yields a function that adds one and returns its `(done, total)` callback."""
    columns = (TextColumn("{task.description}", markup=False), BarColumn(), MofNCompleteColumn())
    with Progress(*columns, TimeRemainingColumn(), console=console, transient=True) as progress:

        def add(what: str) -> Callable[[int, int], None]:
            bar = progress.add_task(what, total=None)
            return lambda done, total: progress.update(bar, completed=done, total=total)

        yield add


@contextmanager
def bars_of_steps(console: Console) -> Iterator[Callable[[str, int, int], None]]:
    """One progress bar per task: yields a `(task, done, total)` callback."""
    with bars(console) as add:
        known: dict[str, Callable[[int, int], None]] = {}

        def tell(what: str, done: int, total: int) -> None:
            if what not in known:
                known[what] = add(what)
            known[what](done, total)

        yield tell


def facts_table(facts: dict[str, Any], title: str = "") -> Facts:
    """Names and values, one below the other."""
    return Facts(facts, title)


def ingest_table(report: IngestReport) -> Group:
    """Counts of an ingest, and images and groups by class and split."""
    facts: dict[str, Any] = {
        "batch": report.batch or "none: no new image",
        "files": report.files,
        "items in them": report.seen,
        "ingested": f"{report.ingested} ({report.new} new)",
        "duplicate": report.duplicate,
        "quarantined": report.quarantined,
        "passed over": _by_kind(report.passed_over),
    }
    if report.annotated:
        facts["gained findings"] = f"{report.annotated} images of earlier batches"
    parts: list[Any] = [facts_table(facts)]
    if report.reasons:
        parts.append(facts_table(dict(report.reasons), "quarantined, by reason"))
        parts.append(Text("`medloom quarantine` lists their file names", style="dim"))
    if report.images:
        parts.append(split_table(report))
    return Group(*parts, notices_table(report.notices))


def notices_table(notices: Sequence[Notice]) -> Facts:
    """What an ingest passed over, guessed or could not use."""
    facts = ((notice.name, Text(notice.text, style="yellow")) for notice in notices)
    return Facts(facts, "to know" if notices else "")


def _by_kind(counts: Mapping[str, int]) -> str:
    words = ", ".join(f"{kind} {count}" for kind, count in sorted(counts.items()))
    total = sum(counts.values())
    return f"{total} files: {words}" if total else "no file"


def split_table(report: IngestReport) -> FitTable:
    """Images (groups) by class and split."""
    table = FitTable(title="images (groups)")
    table.add_column("class", style="bold")
    for split in SPLITS:
        table.add_column(split, justify="right")
    for label in sorted(report.images):
        images, groups = report.images[label], report.groups[label]
        cells = [f"{images.get(s, 0)} ({groups.get(s, 0)})" for s in SPLITS]
        table.add_row(label, *cells)
    return table


def champion_table(model: str, record: Record, verdict: dict[str, Any]) -> Group:
    """The champion and the gate's verdict on it."""
    facts = {
        "model": f"models:/{model}@champion",
        "version": record.version,
        "since": record.time,
        "previous": f"version {record.predecessor}" if record.predecessor else "none",
        "run": record.run_key,
        "data revision": record.data[:12],
        "weights": f"sha256 {record.weights_sha256[:16]} (first 16 digits)",
        "decided by": record.by,
        "why": record.reason,
    }
    return Group(facts_table(facts), verdict_table(verdict))


def waiting_table(record: Record) -> Facts:
    """A verdict that waits for a person's approval, and why."""
    facts = {
        "version": record.version,
        "since": record.time,
        "verdict": record.reason,
        "needs approval": "; ".join(record.details.get("approval", [])),
        "answer": f"medloom champion promote {record.version} --reason WHY, or decline",
    }
    return facts_table(facts, "waits for a person")


def verdict_table(verdict: dict[str, Any]) -> FitTable:
    """Every rule of a verdict with its figures."""
    table = FitTable("rule", "passed", "figures", title="verdict")
    for rule in verdict.get("rules", []):
        passed = {True: "yes", False: "no", None: "open"}[rule.get("passed")]
        table.add_row(str(rule.get("name")), passed, str(rule.get("says", "")))
    return table


def overall_figures(evaluation: Evaluation) -> list[dict[str, str]]:
    """The figures over all classes as text, each with floor and protocol."""
    return [
        {
            "metric": figure.metric,
            "value": f"{figure.value:.4g}{_interval(figure)}",
            "floor": "" if figure.floor is None else f"{figure.floor:.4g}",
            "protocol": figure.protocol,
        }
        for figure in evaluation.figures
        if figure.label is None
    ]


def _interval(figure: Figure) -> str:
    if figure.low is None or figure.high is None:
        return ""
    return f"  [{figure.low:.4g}, {figure.high:.4g}]"


def evaluation_table(evaluation: Evaluation, title: str) -> FitTable:
    """The figures over all classes, each with interval, floor and protocol."""
    view = evaluation.protocol.region
    title = f"{title}, {in_words(view)}" if view else title
    return figures_table(overall_figures(evaluation), title)


def figures_table(figures: Sequence[dict[str, str]], title: str = "") -> FitTable:
    """A table of what `overall_figures` returns."""
    table = FitTable("metric", _kept("value [interval]"), "floor", "protocol", title=title or None)
    for row in figures:
        table.add_row(row["metric"], row["value"], row["floor"], row["protocol"])
    return table


def _kept(header: str) -> Column:
    """A column of figures: an interval is not parted from its value."""
    return Column(header, no_wrap=True)


def compared_table(compared: Compared, first: str, second: str) -> Group:
    """Figures of two versions side by side, and the test of their difference over groups."""
    table = FitTable("metric", _kept(first), _kept(second), "floor", "protocol")
    rows = zip(*map(overall_figures, (compared.first, compared.second)), strict=True)
    for one, two in rows:
        table.add_row(one["metric"], one["value"], two["value"], one["floor"], one["protocol"])
    test, task = compared.comparison, task_named(compared.first.protocol.task)
    score = f"{task.score}{f' in {task.unit}' if task.unit else ''}"
    low, high = test.interval()
    better = (
        second if low > 0 else first if high < 0 else "neither, as far as these groups can show"
    )
    facts = {
        "better": better,
        f"{score}, {first} minus {second}": f"{test.improvement:.4g}",
        "95 % interval": f"{low:.4g} to {high:.4g}, over {test.groups} groups and new images",
        "by sampling seed": ", ".join(f"{value:.4g}" for value in test.by_seed),
    }
    return Group(table, facts_table(facts))


def history_table(records: Sequence[Record]) -> FitTable:
    """The journal, oldest first."""
    table = FitTable("#", "time", "version")
    table.add_column("decision", no_wrap=True)
    for name in ("before", "run", "by", "why"):
        table.add_column(name)
    for record in records:
        table.add_row(
            str(record.sequence), record.time[:16], str(record.version), record.action,
            str(record.predecessor or "none"), record.run_key, record.by, record.reason,
        )  # fmt: skip
    return table
