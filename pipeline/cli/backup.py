"""`medloom backup` and `medloom restore`."""

from pathlib import Path
from typing import Annotated

import typer

from pipeline.base.project import Project
from pipeline.base.terminal import Terminal
from pipeline.cli.project import chosen_project, existing_project

console = Terminal()

File = Annotated[Path, typer.Argument(help="The tar file.")]
To = Annotated[str | None, typer.Option("--to", help="Project to create. Default: as --project.")]


def register(app: typer.Typer) -> None:
    """Add the commands to the app."""

    @app.command("backup")
    def backup_project(file: File) -> None:
        """Back up the project to one file: ledger, remote, MLflow, Airflow's database, index.

        The project may be in use meanwhile. The key of the journal and anything stored at a URL
        are left out; the command lists what is left out.
        """
        from pipeline.cli.tables import bars
        from pipeline.local.backup import backup

        with bars(Terminal(stderr=True)) as bar:
            made = backup(existing_project(), file, bar("writing"))
        console.print(f"{len(made.files)} files of {made.project} in {file}", highlight=False)
        _say_left(made.left)

    @app.command("restore")
    def restore_project(file: File, to: To = None) -> None:
        """Restore a project from a backup; an existing project is never overwritten."""
        from pipeline.cli.tables import bars
        from pipeline.local.backup import restore

        project = Project.load(name=to) if to else chosen_project()
        with bars(Terminal(stderr=True)) as bar:
            made = restore(file, project, bar("reading"))
        console.print(
            f"{made.project} is restored in {project.state}", highlight=False, soft_wrap=True
        )
        if made.model != project.model:
            console.print(
                f"its model is {made.model}: set MEDLOOM_MODEL={made.model} for this project",
                highlight=False, soft_wrap=True,
            )  # fmt: skip
        _say_left(made.left)
        console.print("next: medloom audit verify --all", highlight=False)


def _say_left(left: tuple[str, ...]) -> None:
    for what in left:
        console.print(f"not in the backup: {what}", style="yellow", highlight=False, soft_wrap=True)
