"""`medloom ingest`: ingest a folder, an archive or a store into a data revision."""

from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, replace
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console, Group
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn
from rich.text import Text

from pipeline.base.errors import BadInputError
from pipeline.base.terminal import FitTable, Prose, Terminal
from pipeline.cli.project import fit_project
from pipeline.data.branch import declare_data

if TYPE_CHECKING:
    from pipeline.base.project import Project
    from pipeline.data.arrive.feed import FeedReport
    from pipeline.data.arrive.feed_plan import FeedPlan
    from pipeline.data.arrive.rehearsal import Rehearsal
    from pipeline.data.ingest.report import IngestReport


def ingest(
    sources: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[PATH|URL]...",
            help="Folders, files, archives, or URLs such as s3://bucket/prefix. Default: only "
            "the files in the landing zone.",
        ),
    ] = None,
    label: Annotated[
        str | None,
        typer.Option("--label", metavar="CLASS", help="Class of all images in the sources."),
    ] = None,
    patient_from: Annotated[
        str | None,
        typer.Option(
            metavar="REGEX|FILE.csv",
            help="Where patients come from: a pattern with a group named patient, or a list.",
        ),
    ] = None,
    allow_unmatched: Annotated[
        bool,
        typer.Option(
            "--allow-unmatched", help="Also accept files without a patient in --patient-from."
        ),
    ] = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Only show what would happen to the files.")
    ] = False,
    class_folder: Annotated[
        int,
        typer.Option(
            min=0,
            metavar="N",
            help="Number of the folder in each path that is the class, from 1. Default: found.",
        ),
    ] = 0,
    strict: Annotated[
        bool,
        typer.Option(
            "--strict",
            help="Exit with 65, and copy nothing, if anything would be passed over, guessed, "
            "unused or quarantined.",
        ),
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Copy images into the landing zone, then ingest the new ones into a data revision.

    - **A folder** has one folder per class, as in `images/CLASS/0001.png`; with --label it may be
      any folder, and all its images have that class.

    - **A zip or tar archive** contains the class folders, unless --label gives the class. A
      single image needs --label.

    - **A URL** is any that fsspec reads: `s3://bucket/prefix` (credentials as for other AWS tools;
      AWS_ENDPOINT_URL for your own store), `https://host/file.zip`, `file:///folder`. Files that
      were fetched before and have not changed are not fetched again.

    Sources are only read. A file with a known name and other content is copied beside the first.

    **Patients.** A pattern is searched in each file's path below the source, for example
    `--patient-from '(?P<patient>HX[0-9]+)/'`. A list is a CSV with the columns
    file,class,patient,view,findings; only file is required, and it is such a path. The patients are
    written to a list `medloom.csv` beside each file in the landing zone, for every later ingest. If
    some files have no patient, nothing is copied and the command exits with 65; with
    --allow-unmatched those files are grouped by similarity. An archive counts as one file, of one
    patient; sidecars, lists and hidden files need none.

    **Boxes and masks** beside the images come in as their findings: YOLO files, COCO's JSON, masks,
    label volumes, boxes.csv, a column of the list (docs/ingest.md, "Boxes and masks").

    **Classes.** Folders that wrap all class folders are left out. Where nothing says which folder
    is the class, as with folders of splits, nothing is copied and the command says what it saw.

    **The account.** At the end the command lists what was passed over, guessed or could not be
    used, with counts. With --strict each of these is an error, found by a dry run first.

    **--dry-run** leaves nothing behind; files of a store are fetched into a temporary folder
    (TMPDIR).
    """
    from pipeline.data.arrive.feed_plan import open_source, plan_feed
    from pipeline.data.arrive.fetched import FetchLog
    from pipeline.data.arrive.patient_from import PatientsFrom
    from pipeline.data.arrive.rehearsal import known_classes, load_pseudonyms
    from pipeline.data.config import IngestConfig
    from pipeline.ledger.project_params import ProjectParams

    project = fit_project()
    if not sources and (label or patient_from):
        raise BadInputError("--label and --patient-from describe a PATH or URL: give one")
    patients = PatientsFrom.parse(patient_from) if patient_from is not None else None
    names = load_pseudonyms(project, make=False)
    fetched = FetchLog(project.fetched_file, names)
    config = ProjectParams.of(project).section("ingest", IngestConfig)
    plans = [
        plan_feed(
            open_source(source), project.landing, label=label, patients=patients,
            allow_unmatched=allow_unmatched, fetched=fetched,
            classes=known_classes(project, config),
            class_folder=class_folder or config.class_folder,
        )
        for source in sources or []
    ]  # fmt: skip
    if strict:
        _require_nothing_to_say(project, plans)
    console = Terminal()
    facts, table = (_rehearse if dry_run else _ingest)(project, plans)
    if as_json:
        console.print_json(data=facts)
        return
    console.print(table)
    for line in [line for plan in plans for line in _left_out(plan)]:
        console.print(Text(line, style="yellow"), soft_wrap=True)


def _require_nothing_to_say(project: "Project", plans: "list[FeedPlan]") -> None:
    """Run the ingest dry, and refuse it if its account is not empty.

    Raises:
        BadInputError: it is not; the message has the account.
    """
    from pipeline.cli.tables import bars
    from pipeline.data.arrive.rehearsal import load_pseudonyms, rehearse

    with bars(Terminal(stderr=True)) as bar:
        found = rehearse(project, plans, load_pseudonyms(project, make=False), bar("reading"))
    said = [line for plan in plans for line in _left_out(plan)]
    said += [notice.text for notice in found.notices]
    said += [f"{count} quarantined: {reason}" for reason, count in found.reasons.items()]
    if said:
        lines = "".join(f"\n- {line}" for line in said)
        raise BadInputError(f"--strict: nothing was copied or ingested:{lines}")


def _rehearse(project: "Project", plans: "list[FeedPlan]") -> tuple[dict[str, Any], Any]:
    from pipeline.cli.tables import bars
    from pipeline.data.arrive.rehearsal import load_pseudonyms, rehearse

    with bars(Terminal(stderr=True)) as bar:
        found = rehearse(project, plans, load_pseudonyms(project, make=False), bar("reading"))
    return asdict(found) | {"dry_run": True}, rehearsal_table(found)


def _ingest(project: "Project", plans: "list[FeedPlan]") -> tuple[dict[str, Any], Any]:
    from pipeline.cli.tables import bars, ingest_table
    from pipeline.data.arrive.feed import apply_plan
    from pipeline.data.arrive.feed_plan import present_patients
    from pipeline.data.arrive.fetched import FetchLog
    from pipeline.data.arrive.patient_from import check_known
    from pipeline.data.landing.index import LocalIndex
    from pipeline.data.revise.revision import Revisions
    from pipeline.flow import steps
    from pipeline.ledger.ledger import Ledger

    if plans:
        declare_data(project, phantom=False)
    index = LocalIndex.of(project)
    if patients := present_patients(plans):
        data = Revisions(Ledger(project))
        check_known(patients, index.entries(), data.rows(data.head), index.names)
    fetched = FetchLog(project.fetched_file, index.names)
    fed = []
    for plan in plans:
        with feed_bar(Terminal(stderr=True)) as bar:
            fed.append(apply_plan(plan, project.landing, fetched=fetched, on_progress=bar))
    with bars(Terminal(stderr=True)) as bars_of:
        # A plan puts the class first, whatever the project's parameter says.
        report = steps.ingest(project, bars_of("reading"), class_folder=1 if plans else 0)
    report = _with_plans(report, plans)
    facts = steps.describe_ingest(report) | {
        "copied": sum(one.copied for one in fed),
        "present": sum(one.present for one in fed),
        "unsafe": sum(one.unsafe for one in fed),
        "unsteady": sum(len(one.unsteady) for one in fed),
    }
    return facts, Group(
        *(Prose(line) for one in fed for line in _copied(one)), ingest_table(report)
    )


def _with_plans(report: "IngestReport", plans: "list[FeedPlan]") -> "IngestReport":
    """The report with what the feed passed over or guessed."""
    from pipeline.data.arrive.feed_plan import plan_notices

    passed_over = sum((plan.passed_over for plan in plans), Counter(report.passed_over))
    notices = (*plan_notices(plans), *report.notices)
    return replace(report, passed_over=dict(passed_over), notices=notices)


@contextmanager
def feed_bar(console: Console) -> Iterator[Callable[[int, int, int, int], None]]:
    """A progress bar by bytes with the number of files: an `arrive.feed.OnProgress`."""
    columns = (TextColumn("{task.description}", markup=False), BarColumn(), DownloadColumn())
    with Progress(*columns, TimeRemainingColumn(), console=console, transient=True) as progress:
        task = progress.add_task("copying", total=None)

        def show(files: int, all_files: int, done: int, total: int) -> None:
            what = f"copying {files}/{all_files} files"
            progress.update(task, description=what, completed=done, total=total)

        yield show


def rehearsal_table(found: "Rehearsal") -> Group:
    """What an ingest would do, by class, and what it would quarantine, by reason."""
    from pipeline.cli.tables import facts_table, notices_table

    facts = {
        "dry run": "nothing was written",
        "files to read": found.files,
        "in the landing zone already": found.present,
        "would be ingested": f"{sum(figures.new for figures in found.classes.values())} images",
    }
    if found.annotated:
        facts["would gain findings"] = f"{found.annotated} images in the data"
    if found.unsteady:
        facts["changed while read"] = found.unsteady
    table = FitTable("class", title="what would happen")
    columns = {
        "new": "new", "duplicate": "duplicate", "quarantined": "quarantined",
        "patients": "new patients", "groups": "new groups without a patient",
        "known_groups": "known groups",
    }  # fmt: skip
    for title in columns.values():
        table.add_column(title, justify="right")
    for label, figures in found.classes.items():
        table.add_row(label or "(no class)", *(str(getattr(figures, name)) for name in columns))
    parts: list[Any] = [facts_table(facts)]
    if found.classes:
        parts.append(table)
    if found.reasons:
        parts.append(facts_table(dict(found.reasons), "would be quarantined, by reason"))
    return Group(*parts, notices_table(found.notices))


def _copied(fed: "FeedReport") -> list[str]:
    lines = [f"{fed.copied} file(s) copied into the landing zone, {fed.present} were there already"]
    if fed.unsteady:
        lines.append(
            f"{len(fed.unsteady)} file(s) changed or vanished while they were read, such as "
            f"{fed.unsteady[0]!a}: they were not copied; run the same command again"
        )
    return lines


def _left_out(plan: "FeedPlan") -> list[str]:
    """What a plan leaves out. File names are for the terminal only."""
    lines = []
    if plan.unsafe:
        lines.append(
            f"{len(plan.unsafe)} file(s) of {plan.source.shown} have names that are not valid in a "
            f"folder and were not copied, such as {plan.unsafe[0][:200]!a}"
        )
    if plan.lost:
        lines.append(
            f"{len(plan.lost)} row(s) of lists in {plan.source.shown} match none of its files, "
            f"such as {plan.lost[0]}"
        )
    if plan.unused:
        lines.append(
            f"{len(plan.unused)} row(s) of --patient-from name no file of {plan.source.shown}, "
            f"such as {plan.unused[0][:200]!a}"
        )
    return lines
