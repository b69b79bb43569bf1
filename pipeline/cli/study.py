"""`medloom study …`: do readers tell a version's images from real ones?"""

import getpass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer
from rich.table import Column

from pipeline.base.errors import BadInputError
from pipeline.base.files import write_atomically
from pipeline.base.terminal import FitTable, Terminal
from pipeline.cli.project import existing_project

if TYPE_CHECKING:
    from pipeline.study.records import Study
    from pipeline.study.results import ReaderResult, Results

study_app = typer.Typer(
    help="Reader studies, real images against synthetic ones: create, list, close, results, "
    "export.",
    no_args_is_help=True,
)
console = Terminal()

Json = Annotated[bool, typer.Option("--json", help="Print JSON, for machines.")]
Name = Annotated[str, typer.Argument(help="Name of the study.")]
By = Annotated[str | None, typer.Option(help="Who does so. Default: the user of this machine.")]
Early = Annotated[
    bool,
    typer.Option("--early", help="Before the study's end; recorded, and told with the results."),
]


@study_app.command("create")
def create(
    name: Annotated[str, typer.Argument(help="Its name: lower-case letters, digits, dashes.")],
    trials: Annotated[int, typer.Option(min=1, help="Number of questions to each reader.")] = 40,
    design: Annotated[
        Literal["pair", "single"],
        typer.Option(help="pair: which of two is real; single: real or synthetic, how sure."),
    ] = "pair",
    version: Annotated[str, typer.Option(help="Version number or alias.")] = "champion",
    seed: Annotated[int, typer.Option(min=0, help="Of the plan.")] = 0,
    classes: Annotated[
        list[str] | None, typer.Option(help="Only this class; may repeat. Default: all.")
    ] = None,
    ask_class: Annotated[
        bool, typer.Option("--ask-class", help="Ask which class readers see; it is not told then.")
    ] = False,
    margin: Annotated[
        float,
        typer.Option(help="An accuracy less than this far from 0.5 counts as unable to tell."),
    ] = 0.1,
    readers: Annotated[
        int, typer.Option(min=0, help="With whom it is complete. 0: it ends by `study close`.")
    ] = 0,
    as_json: Json = False,
) -> None:
    """Plan a study: held-out images against synthetic ones of the same class.

    The plan is fixed now and kept in the ledger for good; readers take part on the page Study of
    `medloom app`. Nothing is retrained or promoted by its results.

    Example: medloom study create residents --design pair --trials 100
    """
    from pipeline.study.create import create_study
    from pipeline.study.words import plan_in_words, size_in_words

    project = existing_project()
    wanted = [one for text in classes or () for one in text.split(",") if one]
    with console.status("choosing images"):
        study = create_study(
            project, name, version, design, trials, seed,
            classes=wanted, ask_class=ask_class, margin=margin, readers=readers,
        )  # fmt: skip
    plan = study.plan
    if as_json:
        facts = plan.model_dump(exclude={"trials"}) | {"trials": len(plan.trials)}
        console.print_json(data=facts | {"commit": study.commit})
    else:
        console.print(f"study {name}: {plan_in_words(plan)}")
        console.print(size_in_words(plan))
        console.print(f"readers take part by `{project.command} app`, page Study")


@study_app.command("list")
def list_studies(as_json: Json = False) -> None:
    """List the studies, and how far their readers are."""
    from pipeline.ledger.ledger import Ledger
    from pipeline.study.records import Study, study_names

    ledger = Ledger(existing_project())
    studies = [Study.read(ledger, name) for name in study_names(ledger)]
    if as_json:
        console.print_json(data=[_facts(one) for one in studies])
    elif not studies:
        console.print("there is no study yet: `medloom study create NAME`")
    else:
        table = FitTable(*_facts(studies[0]))
        for one in map(_facts, studies):
            table.add_row(*(str(value) for value in one.values()))
        console.print(table)


@study_app.command("close")
def close_study(
    name: Name,
    reason: Annotated[str, typer.Option(help="Why, in words; kept for good.")],
    by: By = None,
) -> None:
    """End a study: nobody can answer any more, and its results can be seen.

    It cannot be opened again. What readers flagged is handed on.
    """
    from pipeline.ledger.ledger import Ledger
    from pipeline.study.ending import close
    from pipeline.study.flags import hand_on_flags
    from pipeline.study.records import Study

    project = existing_project()
    who = by or getpass.getuser()
    study = close(Study.read(Ledger(project), name), by=who, reason=reason)
    hand_on_flags(project)
    console.print(f"study {name} is closed, with {len(study.answers)} answers")


@study_app.command("results")
def results(name: Name, early: Early = False, by: By = None, as_json: Json = False) -> None:
    """Show what the answers say of each reader, of classes, and over readers.

    They are held back until the study is complete or closed, since readers who know them are not
    blind any more.
    """
    from pipeline.study.export import results_json
    from pipeline.study.results import results_of

    study, gone = _shown(name, early, by)
    found = results_of(study, gone)
    if as_json:
        console.print_json(data=results_json(found))
    else:
        _print(found)


@study_app.command("export")
def export(
    name: Name,
    out: Annotated[Path, typer.Option("-o", "--out", help="CSV file to write.")],
    early: Early = False,
    by: By = None,
) -> None:
    """Write all answers as CSV, one row each, with the truth; held back as `results` are."""
    from pipeline.study.export import csv_text

    if out.is_dir():
        raise BadInputError(f"{out} is a folder; give a file, such as {out / f'{name}.csv'}")
    study, _ = _shown(name, early, by)
    write_atomically(out, csv_text(study))
    console.print(f"{len(study.answers)} answers in {out}", highlight=False)


def _facts(study: "Study") -> dict[str, object]:
    plan = study.plan
    return {
        "study": study.name,
        "design": plan.design,
        "version": plan.version,
        "trials": len(plan.trials),
        "readers": len(study.readers),
        "answers": len(study.answers),
        "flags": len(study.flags),
        "planned": study.records[0].time[:16],
        "closed": study.closed.time[:16] if study.closed else "",
    }


def _shown(name: str, early: bool, by: str | None) -> "tuple[Study, frozenset[int]]":
    """A study whose results the user may see now, and its trials that are shown no more."""
    from pipeline.feedback.images import reader_of
    from pipeline.ledger.ledger import Ledger
    from pipeline.study.course import gone_trials
    from pipeline.study.ending import look_early, require_shown
    from pipeline.study.records import Study

    project, who = existing_project(), by or getpass.getuser()
    study = Study.read(Ledger(project), name)
    gone, reader = gone_trials(study.ledger, study.plan), reader_of(project, who)
    if early:
        study = look_early(study, gone, reader=reader, by=who)
    require_shown(study, gone, reader=reader, by=who)
    return study, gone


def _print(found: "Results") -> None:
    from pipeline.study.words import (
        gone_in_words,
        pooled_in_words,
        share_in_words,
        state_in_words,
    )

    if not found.readers:
        console.print(f"study {found.study}: nobody has looked at it yet")
        return
    console.print(_readers_table(found))
    console.print(pooled_in_words(found))
    console.print(state_in_words(found))
    if found.gone:
        console.print(gone_in_words(found))
    table = FitTable("class", "accuracy", title="by class, all answers")
    for label, share in found.by_class.items():
        table.add_row(label, share_in_words(share))
    console.print(table)
    for kind, rows in found.confusion.items():
        choices = list(next(iter(rows.values())))
        seen = FitTable("class", *choices, title=f"class that was seen, {kind} images")
        for label, counts in rows.items():
            seen.add_row(label, *map(str, counts.values()))
        console.print(seen)


def _readers_table(found: "Results") -> FitTable:
    title = f"study {found.study}, version {found.version}: {found.trials} trials, {found.design}"
    rated = ("ROC area",) if found.design == "single" else ()
    table = FitTable(
        "reader", "answered", "accuracy", "d'", "criterion", *rated, "seconds",
        "second half less first", Column("verdict", ratio=1), title=f"{title} (intervals of 95 %)",
    )  # fmt: skip
    for one in found.readers:
        table.add_row(*_row(one, found))
    return table


def _row(one: "ReaderResult", found: "Results") -> list[str]:
    from pipeline.study.words import interval_in_words, share_in_words, verdict_in_words

    told = one.detection
    skipped = f", {one.skipped} skipped" if one.skipped else ""
    rated = [interval_in_words(one.ranking)] if found.design == "single" else []
    return [
        one.reader,
        f"{one.answered} of {one.trials}{skipped}",
        share_in_words(one.accuracy),
        interval_in_words(told.sensitivity if told else None),
        interval_in_words(told.criterion if told else None),
        *rated,
        f"{one.seconds.value:.1f}" if one.seconds else "–",
        interval_in_words(one.learning),
        verdict_in_words(one.verdict, found.margin) if one.answered else "–",
    ]
