"""`medloom init` and `medloom params …`: create a project, and show its parameters."""

import json
import shlex
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Annotated, Any

import typer
from pydantic import BaseModel
from rich.text import Text

from pipeline.base.terminal import FitTable, Terminal
from pipeline.cli.project import Choice, chosen_project

params_app = typer.Typer(
    help="The parameters of the project: values, meanings, and changes of the defaults.",
    no_args_is_help=True,
)
console = Terminal()

Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]


def init(
    name: Annotated[str, typer.Argument(help="Name of the project, a folder under state/.")],
    data: Annotated[
        Path | None,
        typer.Option("--from", help="Folder of class folders of images, to suggest values from."),
    ] = None,
    as_json: Json = False,
) -> None:
    """Create a project: its folders, and a commented file for its changes of the defaults.

    The file is state/NAME/params.yaml. Next, `medloom --project NAME ingest FOLDER` adds images.
    A folder given with --from is only read.
    """
    from pipeline.flow.begin import begin_project

    Choice.name = name
    project = chosen_project()
    file, found = begin_project(project, data)
    if as_json:
        facts = {"project": name, "params": str(file), "landing": str(project.landing)}
        typer.echo(json.dumps(facts | {"found": found.lines if found else []}, indent=2))
        return
    for line in found.lines if found else ():
        console.print(line, highlight=False, soft_wrap=True)
    console.print(f"parameters    {file}", highlight=False, soft_wrap=True)
    console.print(f"landing zone  {project.landing}", highlight=False, soft_wrap=True)
    source = shlex.quote(str(data or "FOLDER"))
    console.print(f"next          medloom --project {name} ingest {source}", highlight=False,
                  soft_wrap=True)  # fmt: skip


@params_app.command("show")
def show(
    section: Annotated[
        str | None, typer.Argument(help="One section, such as train or train.recipe.")
    ] = None,
    as_json: Json = False,
) -> None:
    """List every parameter with its value, its meaning, and where the value comes from."""
    from pipeline.base.errors import BadInputError
    from pipeline.base.params_file import flat
    from pipeline.flow.all_params import require_valid
    from pipeline.ledger.project_params import ProjectParams

    params = ProjectParams.of(chosen_project())
    typed = require_valid(params)
    meanings = dict(_meanings(typed))
    changed = params.changed
    rows = {
        name: value
        for name, value in flat(params.values).items()
        if section is None or name == section or name.startswith(f"{section}.")
    }
    if not rows:
        known = ", ".join(params.values)
        raise BadInputError(f"there is no section {section!r}; the sections are {known}")
    if as_json:
        facts = {
            name: {"value": value, "changed": name in changed, "meaning": meanings.get(name, "")}
            for name, value in rows.items()
        }
        typer.echo(json.dumps({"origin": params.origin, "parameters": facts}, indent=2))
        return
    table = FitTable("parameter", "value", "meaning")
    for name, value in rows.items():
        style = "bold" if name in changed else ""
        mark = " *" if name in changed else ""
        table.add_row(Text(name, style), Text(f"{_shown(value)}{mark}", style),
                      meanings.get(name, ""))  # fmt: skip
    console.print(table)
    if changed:
        console.print(f"* changed by {params.origin}", highlight=False, soft_wrap=True)


@params_app.command("diff")
def diff(
    against: Annotated[
        str | None, typer.Option(help="Run key to compare with. Default: params.yaml.")
    ] = None,
    as_json: Json = False,
) -> None:
    """List the parameters that differ from the defaults, or from those of a run."""
    from pipeline.ledger.ledger import Ledger
    from pipeline.ledger.project_params import ProjectParams, params_of_run

    project = chosen_project()
    params = ProjectParams.of(project)
    before = params_of_run(Ledger(project), against) if against else None
    found = params.differing(before) if before else params.changed
    whose = f"run {against}" if against else "default"
    if as_json:
        facts = {name: {whose: old, "in force": new} for name, (old, new) in found.items()}
        typer.echo(json.dumps({"origin": params.origin, "differs": facts}, indent=2))
        return
    if not found:
        console.print(f"nothing differs from the {whose}s" if not against else "nothing differs")
        return
    table = FitTable("parameter", whose, "in force")
    for name, (old, new) in found.items():
        table.add_row(name, Text(_shown(old)), Text(_shown(new), "bold"))
    console.print(table)
    console.print(f"changed by {params.origin}", highlight=False, soft_wrap=True)


@params_app.command("publish")
def publish(as_json: Json = False) -> None:
    """Record the project's parameters in the ledger, for workers on other machines.

    Planning a run on this machine does so, too. A machine whose state folder has no params.yaml
    uses the ledger's newest copy.
    """
    from pipeline.ledger.ledger import Ledger
    from pipeline.stages.snapshot import take_snapshot

    project = chosen_project()
    commit = take_snapshot(project, Ledger(project))
    if as_json:
        typer.echo(json.dumps({"commit": commit}))
    else:
        console.print(f"recorded in the ledger, commit {commit[:12]}", highlight=False)


def _meanings(section: BaseModel, prefix: str = "") -> Iterator[tuple[str, str]]:
    """Dotted name and description of every field."""
    for name, field in type(section).model_fields.items():
        value = getattr(section, name)
        yield prefix + name, field.description or ""
        if isinstance(value, BaseModel):
            yield from _meanings(value, f"{prefix}{name}.")
        elif isinstance(value, Mapping):
            yield from ((f"{prefix}{name}.{key}", field.description or "") for key in value)


def _shown(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False)
