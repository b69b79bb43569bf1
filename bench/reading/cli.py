"""`medloom bench ingest` and `medloom bench fuzz`."""

import tempfile
from pathlib import Path
from typing import Annotated

import typer

from pipeline.base.terminal import Terminal

Json = Annotated[bool, typer.Option("--json", help="Print JSON, for machines.")]
console = Terminal(stderr=True)


def register(app: typer.Typer) -> None:
    """Add the commands to the app."""

    @app.command("ingest")
    def ingest_speed(
        files: Annotated[int, typer.Option(min=200, help="Files of each kind to read.")] = 2000,
        side: Annotated[int, typer.Option(min=32, help="Their height and width, pixels.")] = 512,
        many: Annotated[
            int, typer.Option(min=0, help="Images that a project holds, for --few; 0: not timed.")
        ] = 50_000,
        few: Annotated[int, typer.Option(min=1, help="Images that are added to it.")] = 100,
        as_json: Json = False,
    ) -> None:
        """Time the reading of files against decoding by Pillow alone, both in two processes.

        Then ingest many images into a temporary project, and a few more, and measure time and peak
        memory. Takes about five minutes on two cores.
        """
        from bench.reading.adding import measure_adding
        from bench.reading.speed import measure_speed
        from bench.reading.tables import adding_table, speed_table

        with tempfile.TemporaryDirectory(prefix="medloom-reading-") as folder:
            speeds = list(measure_speed(files, side, Path(folder) / "files", console.print))
            home = Path(folder) / "project"
            added = measure_adding(many, few, home, console.print) if many else None
        if as_json:
            told = [{**vars(speed), "ratio": speed.ratio} for speed in speeds]
            Terminal().print_json(data={"reading": told, "adding": added and vars(added)})
        else:
            Terminal().print(speed_table(speeds))
            if added:
                Terminal().print(adding_table(added))
        if added and not added.fine:
            raise typer.Exit(1)

    @app.command("fuzz")
    def fuzz_readers(
        minutes: Annotated[float, typer.Option(min=0.05, help="How long.")] = 10.0,
        seed: Annotated[int, typer.Option(help="Of the damage.")] = 0,
        out: Annotated[
            Path, typer.Option("-o", "--out", help="Files over which something went wrong.")
        ] = Path("state/bench/fuzz"),
        as_json: Json = False,
    ) -> None:
        """Feed damaged files of every format to the readers; exit code 1 on an error.

        Each file may be taken or refused. Errors are any other exception, and a file outside the
        store. A decoder that crashes or hangs does so in its own process, and its file is refused
        as `reader-died`.
        """
        from bench.reading.fuzz import fuzz
        from pipeline.cli.tables import bars, facts_table

        with bars(console) as bar:
            found = fuzz(minutes, seed, out, bar("fuzzing, seconds"))
        wrong = {what: str(file) for what, file in found.wrong.items()}
        if as_json:
            facts = {"files": found.files, "seconds": found.seconds, "wrong": wrong}
            facts |= {"died": [str(file) for file in found.died]}
            Terminal().print_json(data=facts | {"outcomes": dict(found.outcomes)})
        else:
            told = dict(sorted(found.outcomes.items(), key=lambda pair: -pair[1]))
            title = f"{found.files} files in {found.seconds:.0f} s; images by outcome"
            Terminal().print(facts_table(told, title))
            Terminal().print(facts_table(wrong, "wrong") if wrong else "nothing went wrong")
        if not found.fine:
            raise typer.Exit(1)
