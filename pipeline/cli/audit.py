"""`medloom audit …`."""

from pathlib import Path
from typing import Annotated

import typer

from pipeline.base.terminal import Terminal
from pipeline.cli import verify
from pipeline.cli.project import existing_project

audit_app = typer.Typer(
    help="Where a version comes from, who used an image, and whether the record is whole.",
    no_args_is_help=True,
)
console = Terminal()

Json = Annotated[bool, typer.Option("--json", help="Print JSON, for machines.")]
Version = Annotated[
    str,
    typer.Argument(help="Version number, champion, previous or challenger; or the key of a run."),
]


@audit_app.command("trace")
def trace_version(version: Version, as_json: Json = False) -> None:
    """Follow a version back to run, commits, data, code, parameters, verdict and approver.

    The ledger alone is asked; the registry may be down or gone.
    """
    from pipeline.audit.answers import trace_json, trace_tree
    from pipeline.audit.trace import trace

    found = trace(existing_project(), version)
    console.print_json(data=trace_json(found)) if as_json else console.print(trace_tree(found))


@audit_app.command("uses")
def uses_of(
    asked: Annotated[
        str,
        typer.Argument(
            metavar="IMAGE|SHA256|GROUP|PATIENT",
            help="An image's id, the sha256 of its stored or source file, or 8 digits or more of "
            "one; a group; a patient's name; or the path of an image file.",
        ),
    ],
    everything: Annotated[bool, typer.Option("--all", help="List every run and revision.")] = False,
    as_json: Json = False,
) -> None:
    """Find every data revision, split and version that used an image, and when it was champion.

    A version learned from images of train, chose its weights by val and was judged on test. Ends
    with exit code 0 also when nobody used it.
    """
    from pipeline.audit.answers import uses_json, uses_table
    from pipeline.audit.uses import find_uses

    found = find_uses(existing_project(), asked)
    if as_json:
        console.print_json(data=uses_json(found))
    else:
        console.print(uses_table(found, everything=everything))


@audit_app.command("report")
def report(
    version: Version,
    out: Annotated[Path, typer.Option("-o", "--out", help="HTML file to write.")],
    public_key: verify.Keys = None,
    without_registry: verify.Offline = False,
    as_json: Json = False,
) -> None:
    """Write what an auditor files: one HTML page, and beside it an in-toto statement.

    The page holds the trace, the check of the record, the verdict with all its figures and the
    journal's records about the version; FILE.intoto.json is its provenance for machines (SLSA).
    Exits with 1 when the check finds the record broken; the files are written all the same.
    """
    from pipeline.audit.report import write_audit

    project = existing_project()
    files = write_audit(
        project,
        version,
        out,
        lambda number: verify._verify(
            project, number, public_key or [], registry=not without_registry
        ),
    )
    if as_json:
        facts = {"page": str(files.page), "statement": str(files.statement), "whole": files.whole}
        console.print_json(data=facts)
    else:
        console.print(f"{files.page}\n{files.statement}", highlight=False, soft_wrap=True)
    if not files.whole:
        raise typer.Exit(1)


verify.register(audit_app)
