"""`medloom monitor`: measure what happens between retrainings, and say what needs a look."""

from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Group
from rich.table import Column

from pipeline.base.terminal import Facts, FitTable, Terminal
from pipeline.cli.project import existing_project

if TYPE_CHECKING:
    from pipeline.monitor.record import MonitorRecord, Redraw, Share

console = Terminal()


def monitor(
    accept: Annotated[
        str,
        typer.Option(
            "--accept",
            help="Why the champion's images, as this host draws them now, are the ones to compare "
            "with from now on; after an update that changes pixels.",
        ),
    ] = "",
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON, for machines.")] = False,
) -> None:
    """Measure drift, a redraw, the champion's age, draws, refusals and flags; exits with 1 when an
    alarm is on.

    Each run appends a record to the ledger, and tells the webhook of new alarms. Airflow runs it
    weekly. `monitor` in params.yaml has the limits.
    """
    from pipeline.cli.tables import bars_of_steps
    from pipeline.monitor.run import run_monitor

    project = existing_project()
    with bars_of_steps(Terminal(stderr=True)) as tell:
        ran = run_monitor(project, accept=accept, on_progress=tell)
    for warning in ran.warnings:
        Terminal(stderr=True).print(f"warning: {warning}")
    if as_json:
        console.print_json(data=ran.record.model_dump())
    else:
        console.print(monitor_tables(ran.record))
    if ran.record.alarms:
        raise typer.Exit(1)


def monitor_tables(record: "MonitorRecord") -> Group:
    """What a run found, alarms first."""
    parts: list[Facts | FitTable] = [_alarms(record), Facts(_facts(record))]
    if record.drift:
        parts.append(_drift(record))
    if record.flags:
        parts.append(_flags(record))
    if record.draws:
        table = FitTable("version", "class", "images", "by", title="drawn on this host so far")
        for one in record.draws:
            table.add_row(str(one.version), one.label, str(one.images), one.source)
        parts.append(table)
    return Group(*parts)


def _alarms(record: "MonitorRecord") -> Facts:
    if not record.alarms:
        return Facts({"alarms": "none"})
    rows = []
    for one in record.alarms:
        rows += [(one.key, f"ALARM since {one.since[:16]}: {one.says}"), ("", one.do)]
    return Facts(rows)


def _facts(record: "MonitorRecord") -> dict[str, str]:
    facts = {"record": f"{record.sequence}, {record.time[:16]}"}
    if (champion := record.champion) is None:
        facts["champion"] = "none yet"
    else:
        verdicts = ", ".join(f"{n} {action}" for action, n in champion.verdicts.items())
        facts |= {
            "champion": f"version {champion.version}, for {champion.days:.1f} days",
            "since then": f"{champion.landed} images landed, {champion.left} left; verdicts: "
            f"{verdicts or 'none'}; {champion.failed_runs} runs failed on this host",
            "test split": f"used for {champion.looks_used} of {champion.looks} comparisons",
        }
    if record.redraw:
        facts["redraw"] = redraw_in_words(record.redraw)
    if record.refused:
        facts["refused"] = f"{share_in_words(record.refused)} of what arrived since"
    if record.copies:
        facts["copies"] = record.copies.says
    if record.looks_copied:
        facts["looks copied"] = f"{record.looks_copied} opinions say so of an image"
    if record.drift_note:
        facts["drift"] = record.drift_note
    if record.draws_unread:
        facts["draws"] = f"{record.draws_unread} lines of the counts could not be read"
    return facts


def redraw_in_words(found: "Redraw") -> str:
    """The outcome of a redraw, in a few words."""
    count = f"{len(found.pixels)} images of version {found.version}"
    return {
        "first": f"{count} drawn for the first time; later runs compare with them",
        "accepted": f"{count} accepted as the new reference: {found.why}",
        "equal": f"{count} are, pixel for pixel, those of record {found.against}",
        "differs": f"{len(found.differing)} of {count} differ from record {found.against}",
        "failed": f"failed: {found.why}",
    }.get(found.state, found.state)


def share_in_words(share: "Share") -> str:
    """A share with its interval, and of how many it is."""
    return f"{share.count} of {share.of} [{share.low:.0%}, {share.high:.0%}]"


def _drift(record: "MonitorRecord") -> FitTable:
    table = FitTable(
        "class", "landed", "earlier", "figure", "value", "by chance", "p", Column("", ratio=1),
        title="landed since the champion's data, against that data",
    )  # fmt: skip
    for one in record.drift:
        if one.why_not:
            table.add_row(one.label, str(one.landed), str(one.earlier), "", "", "", "", one.why_not)
        for figure in one.figures:
            table.add_row(
                one.label, str(one.landed), str(one.earlier), figure.name, f"{figure.value:.4g}",
                f"{figure.floor:.4g}", f"{figure.p:.2g}", "DRIFT" if figure.beyond else "as before",
            )  # fmt: skip
    return table


def _flags(record: "MonitorRecord") -> FitTable:
    table = FitTable("class", "flawed", "readers", "asks", title="what readers said")
    for one in record.flags:
        table.add_row(
            one.label, share_in_words(one.flawed), f"{one.flaggers} of {one.readers} flagged",
            "for a retraining" if one.asks else "nothing",
        )  # fmt: skip
    return table
