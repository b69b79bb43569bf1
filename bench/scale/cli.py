"""`medloom bench scale`."""

from typing import Annotated

import typer

from pipeline.base.terminal import Terminal

console = Terminal(stderr=True)


def scale(
    parts: Annotated[
        list[str] | None,
        typer.Argument(help="airflow, history or images, to measure alone. Default: all."),
    ] = None,
    images: Annotated[
        int, typer.Option(min=1, help="Images of one project; ten such are ten times as many.")
    ] = 100_000,
    versions: Annotated[int, typer.Option(min=1, help="Versions of one project.")] = 1000,
    revisions: Annotated[int, typer.Option(min=1, help="Data revisions of one project.")] = 100,
    projects: Annotated[
        int, typer.Option(min=1, help="Projects of one Airflow and one MLflow.")
    ] = 50,
    runs: Annotated[
        int, typer.Option(min=1, help="Runs of each project, in Airflow and in MLflow.")
    ] = 1000,
    rounds: Annotated[int, typer.Option(min=1, help="Of each question; a command has 3.")] = 5,
    markdown: Annotated[bool, typer.Option("--markdown", help="Print a Markdown table.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON, for machines.")] = False,
) -> None:
    """Time what a lab waits for: many projects, runs, versions and images.

    Each row says whether its data are real or simulated. Databases are SQLite files, as of
    `medloom up`. Takes a quarter of an hour on two idle cores, and 10 GB of temporary space.
    """
    from bench.scale.measure import measure_scale
    from bench.scale.row import Sizes
    from bench.scale.table import scale_markdown, scale_table

    sizes = Sizes(images, versions, revisions, projects, runs, rounds)
    with console.status("starting") as status:
        rows = list(measure_scale(sizes, parts or [], status.update))
    if as_json:
        Terminal().print_json(data=[row.model_dump(mode="json") for row in rows])
    elif markdown:
        print(scale_markdown(rows))
    else:
        Terminal().print(scale_table(rows))
