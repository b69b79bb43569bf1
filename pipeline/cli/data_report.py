"""`medloom data report` and `medloom data diff`: report on and compare data revisions."""

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Group
from rich.text import Text

from pipeline.base.errors import BadInputError
from pipeline.base.terminal import FitTable, Terminal
from pipeline.cli.project import existing_project

if TYPE_CHECKING:
    from pipeline.data.revise.diff import Changes
    from pipeline.reports.data.data_facts import DataFacts

Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]
_REVISION = (
    "first digits of a commit of the data branch, a tag, a run key, a version's number, champion "
    "or previous"
)


def register(app: typer.Typer) -> None:
    """Add the commands to the app."""

    @app.command("report")
    def report(
        out: Annotated[Path | None, typer.Option("-o", "--out", help="HTML file to write.")] = None,
        revision: Annotated[
            str | None, typer.Option(help=f"Data revision: {_REVISION}. Default: the newest.")
        ] = None,
        against: Annotated[
            str | None,
            typer.Option(
                help="Revision to compare with. Default: the previous one with other images."
            ),
        ] = None,
        as_json: Json = False,
    ) -> None:
        """Write a report on a data revision, with its images, as one HTML file.

        It shows counts, sizes, grey levels, sample images, groups, the similarity of the splits,
        changes since the previous revision, drift of the new images, and the quarantine. All
        pictures are inside the file. It shows images of patients, but no names. No service needs
        to run.

        Example: `medloom data report -o data.html`
        """
        from pipeline.cli.tables import bars_of_steps
        from pipeline.reports.data.findings import findings
        from pipeline.reports.data.write import report_on_data

        if out is None and not as_json:
            raise BadInputError("give an output: `medloom data report -o data.html`, or --json")
        with bars_of_steps(Terminal(stderr=True)) as tell:
            facts = report_on_data(existing_project(), out, revision, against, tell)
        found = findings(facts)
        if as_json:
            listed = [{"state": state, "says": says} for state, says in found]
            Terminal().print_json(data=facts.model_dump(mode="json") | {"findings": listed})
            return
        Terminal().print(_summary(facts, found))
        _say(f"report written to {out}")

    @app.command("diff")
    def diff(
        before: Annotated[str, typer.Argument(metavar="REV1", help=f"The {_REVISION}.")],
        after: Annotated[
            str, typer.Argument(metavar="REV2", help="The revision to compare with REV1.")
        ],
        as_json: Json = False,
    ) -> None:
        """Show the changes between two data revisions, by class and split, and who decided.

        Example: `medloom data diff champion 3f0c9a12` shows the changes since the champion's data.
        """
        from pipeline.data.revise.diff import changes, find_revision
        from pipeline.data.revise.revision import Revisions
        from pipeline.ledger.ledger import Ledger

        ledger = Ledger(existing_project())
        revisions = Revisions(ledger)
        one, two = (find_revision(text, ledger, revisions) for text in (before, after))
        found = changes(ledger, revisions, one, two)
        if as_json:
            Terminal().print_json(data=found.model_dump(mode="json"))
        else:
            Terminal().print(_changes_table(found))


def _say(line: str) -> None:
    Terminal().print(line, highlight=False, markup=False, soft_wrap=True)


def _summary(facts: "DataFacts", found: list[tuple[str, str]]) -> FitTable:
    styles = {"no": ("fix", "red"), "maybe": ("check", "yellow"), "yes": ("good", "green")}
    table = FitTable(
        title=f"{facts.title}, data {facts.revision[:12]}: {facts.images:,} images",
        show_header=False,
    )
    for state, says in found:
        word, style = styles[state]
        table.add_row(Text(word, style=style), Text(says))
    return table


def _changes_table(found: "Changes") -> Group:
    heading = f"data {found.before[:12]} to {found.after[:12]}"
    if found.backwards:
        heading += ", which is the older one"
    parts: list[Any] = [Text(heading, style="bold")]
    if found.nothing:
        parts.append(Text("the same images in the same classes and splits"))
    else:
        parts += [_cells_table(found), _batches_table(found)]
    if count := len(found.annotated):
        images = "1 image has" if count == 1 else f"{count} images have"
        parts.append(Text(f"{images} other boxes and masks"))
    if found.steps:
        parts.append(_steps_table(found))
    return Group(*parts)


def _cells_table(found: "Changes") -> FitTable:
    table = FitTable()
    for column in ("class", "split"):
        table.add_column(column, style="bold")
    for column in ("before", "added", "removed", "relabelled", "moved", "after"):
        table.add_column(column, justify="right")
    for cell in found.cells:
        table.add_row(
            cell.label,
            cell.split,
            str(cell.before),
            _signed("+", cell.added),
            _signed("−", cell.removed),
            " ".join(_in_and_out(cell.relabelled_in, cell.relabelled_out)),
            Text(" ".join(_in_and_out(cell.moved_in, cell.moved_out)), style="red"),
            str(cell.after),
        )
    return table


def _batches_table(found: "Changes") -> FitTable:
    table = FitTable("batch", "added", "removed")
    for name, (added, removed) in found.batches.items():
        table.add_row(name, _signed("+", added), _signed("−", removed))
    return table


def _steps_table(found: "Changes") -> FitTable:
    table = FitTable("revision", "when", "what", "by", "why", "journal")
    for step in found.steps:
        record = "" if step.record is None else str(step.record)
        table.add_row(
            step.commit[:12], step.time, Text(step.what), Text(step.by or "ingest"),
            Text(step.reason), record,
        )  # fmt: skip
    return table


def _signed(sign: str, count: int) -> str:
    return f"{sign}{count}" if count else ""


def _in_and_out(came: int, left: int) -> Iterator[str]:
    if came:
        yield f"+{came}"
    if left:
        yield f"−{left}"
