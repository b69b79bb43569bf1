"""`medloom ingest`: from a folder, an archive or a store to a data revision."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console, Group
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table
from rich.text import Text

from pipeline.base.errors import BadInputError
from pipeline.cli.project import chosen_settings
from pipeline.data.branch import declare_data

if TYPE_CHECKING:
    from pipeline.base.settings import Settings
    from pipeline.data.arrive.feed import FeedReport
    from pipeline.data.arrive.plan import FeedPlan
    from pipeline.data.arrive.rehearsal import Rehearsal


def ingest(
    sources: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[PATH|URL]...",
            help="Folders, files, archives, or URLs such as s3://bucket/prefix. Default: only what "
            "has landed already.",
        ),
    ] = None,
    label: Annotated[
        str | None,
        typer.Option("--label", metavar="CLASS", help="Class of everything in the sources."),
    ] = None,
    patient_from: Annotated[
        str | None,
        typer.Option(
            metavar="REGEX|FILE.csv",
            help="Who the patients are: a pattern with a group named patient, or a list.",
        ),
    ] = None,
    allow_unmatched: Annotated[
        bool,
        typer.Option(
            "--allow-unmatched", help="Also take files of which --patient-from tells nothing."
        ),
    ] = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Only say what would become of the files.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON, for machines.")] = False,
) -> None:
    """Copy images into the landing zone, then take what is new there into a data revision.

    - **A folder** looks like `images/stone/0001.png`, one folder a class; with --label it may be
      any folder, and all of it is of that class.

    - **A zip or tar archive** has the class folders in itself, unless --label tells the class. A
      single image needs --label.

    - **A URL** is one that fsspec reads: `s3://bucket/prefix` (credentials as for any AWS tool;
      AWS_ENDPOINT_URL for a store of your own), `https://host/file.zip`, `file:///folder`. What was
      fetched before and did not change is not fetched again.

    Originals are only read. A file of a known name with another content comes in beside the first.

    **Patients.** A pattern is searched in each file's path below the source, for example
    `--patient-from '(?P<patient>HX[0-9]+)/'`. A list is a CSV with the columns
    file,class,patient,view, of which only file must be there; file is such a path. What is told is
    kept in a list `medloom.csv` beside each file in the landing zone, so that every later ingest
    knows it too. When it tells nothing of some files, nothing is copied and the command ends with
    65, unless --allow-unmatched: those are then grouped by what they look like. An archive is one
    file, of one patient; sidecars, lists and hidden files need none.

    **--dry-run** writes nothing that stays; to look at files in a store it fetches them into a
    temporary folder (TMPDIR).
    """
    from pipeline.data.arrive.fetched import FetchLog
    from pipeline.data.arrive.patients import PatientsFrom
    from pipeline.data.arrive.plan import open_source, plan_feed
    from pipeline.data.arrive.rehearsal import load_pseudonyms

    settings = chosen_settings()
    if not sources and (label or patient_from):
        raise BadInputError("--label and --patient-from tell something of a PATH or URL: give one")
    patients = PatientsFrom.parse(patient_from) if patient_from is not None else None
    names = load_pseudonyms(settings, make=False)
    fetched = FetchLog(settings.fetched_file, names)
    plans = [
        plan_feed(
            open_source(source), settings.landing, label=label, patients=patients,
            allow_unmatched=allow_unmatched, fetched=fetched,
        )
        for source in sources or []
    ]  # fmt: skip
    console = Console()
    facts, table = (_rehearse if dry_run else _ingest)(settings, plans)
    if as_json:
        console.print_json(data=facts)
        return
    console.print(table)
    for line in [line for plan in plans for line in _unsaid(plan)]:
        console.print(Text(line, style="yellow"), soft_wrap=True)


def _rehearse(settings: "Settings", plans: "list[FeedPlan]") -> tuple[dict[str, Any], Any]:
    from pipeline.cli.tables import bars
    from pipeline.data.arrive.rehearsal import load_pseudonyms, rehearse

    with bars(Console(stderr=True)) as bar:
        found = rehearse(settings, plans, load_pseudonyms(settings, make=False), bar("reading"))
    return asdict(found) | {"dry_run": True}, rehearsal_table(found)


def _ingest(settings: "Settings", plans: "list[FeedPlan]") -> tuple[dict[str, Any], Any]:
    from pipeline.cli.tables import bars, ingest_table
    from pipeline.data.arrive.feed import apply_plan
    from pipeline.data.arrive.fetched import FetchLog
    from pipeline.data.arrive.patients import check_known
    from pipeline.data.arrive.plan import present_patients
    from pipeline.data.landing.index import LocalIndex
    from pipeline.data.revise.revision import Revisions
    from pipeline.flow import steps
    from pipeline.ledger.ledger import Ledger

    if plans:
        declare_data(settings, phantom=False)
    index = LocalIndex.of(settings)
    if told := present_patients(plans):
        data = Revisions(Ledger(settings))
        check_known(told, index.entries(), data.rows(data.head), index.names)
    fetched = FetchLog(settings.fetched_file, index.names)
    fed = []
    for plan in plans:
        with feed_bar(Console(stderr=True)) as bar:
            fed.append(apply_plan(plan, settings.landing, fetched=fetched, on_progress=bar))
    with bars(Console(stderr=True)) as bars_of:
        report = steps.ingest(settings, bars_of("reading"))
    facts = steps.describe_ingest(report) | {
        "copied": sum(one.copied for one in fed),
        "present": sum(one.present for one in fed),
        "unsafe": sum(one.unsafe for one in fed),
        "unsteady": sum(len(one.unsteady) for one in fed),
    }
    return facts, Group(*(Text(line) for one in fed for line in _said(one)), ingest_table(report))


@contextmanager
def feed_bar(console: Console) -> Iterator[Callable[[int, int, int, int], None]]:
    """A bar by bytes, with the number of files before it: an `arrive.feed.OnProgress`."""
    columns = (TextColumn("{task.description}"), BarColumn(), DownloadColumn())
    with Progress(*columns, TimeRemainingColumn(), console=console, transient=True) as progress:
        task = progress.add_task("copying", total=None)

        def show(files: int, all_files: int, done: int, total: int) -> None:
            what = f"copying {files}/{all_files} files"
            progress.update(task, description=what, completed=done, total=total)

        yield show


def rehearsal_table(found: "Rehearsal") -> Group:
    """What an ingest would do, by class, and what it would set aside, by reason."""
    from pipeline.cli.tables import facts_table

    facts = {
        "dry run": "nothing was written",
        "files to read": found.files,
        "in the landing zone already": found.present,
        "would be taken": f"{sum(figures.new for figures in found.classes.values())} images",
    }
    if found.unsteady:
        facts["changed while read"] = found.unsteady
    table = Table("class", title="what would come", title_justify="left", box=None)
    columns = {
        "new": "new", "duplicate": "duplicate", "quarantined": "quarantined",
        "patients": "new patients", "groups": "new groups without a patient",
        "known_groups": "known groups",
    }  # fmt: skip
    for title in columns.values():
        table.add_column(title, justify="right")
    for label, figures in found.classes.items():
        table.add_row(label or "(none told)", *(str(getattr(figures, name)) for name in columns))
    parts: list[Any] = [facts_table(facts)]
    if found.classes:
        parts.append(table)
    if found.reasons:
        parts.append(facts_table(dict(found.reasons), "would be quarantined, by reason"))
    parts += [Text(note, style="yellow") for note in found.notes]
    return Group(*parts)


def _said(fed: "FeedReport") -> list[str]:
    lines = [f"{fed.copied} file(s) copied into the landing zone, {fed.present} lay there already"]
    if fed.unsteady:
        lines.append(
            f"{len(fed.unsteady)} changed or went away while they were read, such as "
            f"{fed.unsteady[0]!a}: they did not come; type the same again for them"
        )
    return lines


def _unsaid(plan: "FeedPlan") -> list[str]:
    """What a plan leaves out; names are for whoever sits there, and nowhere else."""
    lines = []
    if plan.unsafe:
        lines.append(
            f"{len(plan.unsafe)} name(s) cannot lie in a folder and stay in {plan.source.shown}, "
            f"such as {plan.unsafe[0][:200]!a}"
        )
    if plan.unused:
        lines.append(
            f"{len(plan.unused)} row(s) of --patient-from name no file of {plan.source.shown}, "
            f"such as {plan.unused[0][:200]!a}"
        )
    return lines
