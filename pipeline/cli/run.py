"""`medloom run`: trigger a retraining now, or follow one to its end."""

from typing import Annotated, Any, Literal

import typer

from pipeline.base.errors import BadInputError
from pipeline.base.terminal import Terminal
from pipeline.cli.project import existing_project

console = Terminal()


def run(
    wait: Annotated[bool, typer.Option("--wait", help="Follow the run to its end.")] = False,
    start: Annotated[
        Literal["params", "fresh", "champion"],
        typer.Option(
            help="Networks that the training begins from: fresh ones, or the champion's, without "
            "which it is refused. params: as train.start says."
        ),
    ] = "params",
    followed: Annotated[
        str | None,
        typer.Option(
            "--follow",
            metavar="RUN",
            help="Trigger none; follow this run to its end, as `medloom status` names it.",
        ),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Trigger a retraining now; needs `medloom up`."""
    from pipeline.base.dag_run_folder import DagRunFolder
    from pipeline.cli.follow import DAG, follow, going_on
    from pipeline.local import services
    from pipeline.local.airflow_api import Patience

    project = existing_project()
    running = services.find(project)
    if running is None:
        raise BadInputError("the services are not running: start them with `medloom up`")
    if followed and start != "params":
        raise BadInputError(f"--start {start} is of a new run; --follow shows one that has begun")
    watcher = Terminal(stderr=True) if as_json else console
    api = running.airflow()
    api.patience = Patience(watcher.print, lambda: running.alive)
    if followed and api.find_run(DAG, followed) is None:
        raise BadInputError(
            f"Airflow has no run {followed!r} of {DAG}; `medloom status` lists the last ones"
        )
    run_id = followed or api.trigger(DAG, {"start": start})
    facts: dict[str, Any] = {"run_id": run_id, "state": "queued"}
    if wait or followed:
        facts = follow(
            api, run_id, DagRunFolder.of(project, run_id), watcher,
            lambda: going_on(project, run_id, up=running.alive),
        )  # fmt: skip
    if as_json:
        console.print_json(data={"run_id": run_id, "state": facts["state"]})
    else:
        console.print(f"run {run_id}: {facts['state']}", highlight=False)
    if facts["state"] == "failed":
        raise typer.Exit(1)
