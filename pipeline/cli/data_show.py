"""`medloom data show`: counts of the newest data revision, and leaks between its splits."""

from collections import Counter
from collections.abc import Sequence
from statistics import median
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.text import Text

from pipeline.base.terminal import FitTable, Terminal
from pipeline.cli.project import existing_project
from pipeline.data.branch import pull_thumbnails
from pipeline.ledger.project_params import ProjectParams

if TYPE_CHECKING:
    from pipeline.data.finding_counts import ClassFindings
    from pipeline.data.ingest.leak import Leak
    from pipeline.data.manifest import Row

_SPLITS = ("train", "val", "test")


def register(app: typer.Typer) -> None:
    """Add the command to the app."""

    @app.command("show")
    def show(
        as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
    ) -> None:
        """Show the newest data revision by class and split, and whether its splits leak.

        Where images have boxes or masks, findings are counted by class and kind, with 5 %, median
        and 95 % of their diameters in pixels and, where the spacing is known, in mm.

        A leak shows in the correlation of each test image with its nearest training image, by
        thumbnails. It is given for the actual split by groups, and for a split by image.
        Neighbouring slices correlate above ingest.group_correlation.
        """
        from pipeline.data.config import IngestConfig
        from pipeline.data.finding_counts import count_findings
        from pipeline.data.formats.canonical import read_thumbnails
        from pipeline.data.ingest.leak import leaks
        from pipeline.data.manifest import read_manifest
        from pipeline.ledger.ledger import DATA, Ledger

        project = existing_project()
        config = ProjectParams.of(project).section("ingest", IngestConfig)
        ledger = Ledger(project)
        with ledger.read_only_workspace(DATA, "show") as work:
            pull_thumbnails(work)
            rows = read_manifest(work.folder)
            thumbnails = read_thumbnails(work.folder, {row.batch for row in rows})
        found = list(leaks(rows, thumbnails))
        if as_json:
            revision = ledger.head(DATA)
            Terminal().print_json(data={"revision": revision} | _facts(rows, found))
            return
        console = Terminal()
        console.print(_counts_table(rows))
        if counted := count_findings(rows):
            console.print(_findings_table(counted))
        console.print(_leak_table(found, config.group_correlation))


def _findings_table(counted: "Sequence[ClassFindings]") -> FitTable:
    table = FitTable(
        title="findings",
        caption="diameters are those of discs of the same area: 5 %, median, 95 %",
        caption_justify="left",
    )
    table.add_column("class", style="bold")
    for column in ("annotated", "without", "kind", "findings", "masks", "px", "mm"):
        table.add_column(column, justify="left" if column == "kind" else "right")
    for one in counted:
        cells = (f"{one.annotated} of {one.images}", str(one.without))
        if not one.kinds:
            table.add_row(one.label, *cells, "none", "0", "0", "", "")
        for number, kind in enumerate(one.kinds):
            head = ("", "", "") if number else (one.label, *cells)
            table.add_row(
                *head, kind.kind, str(kind.findings), str(kind.masks), _spread(kind.diameter_px),
                _spread(kind.diameter_mm),
            )  # fmt: skip
    return table


def _spread(values: "Sequence[float] | None") -> str:
    return "  ".join(f"{value:.1f}" for value in values) if values else "unknown"


def _facts(rows: "Sequence[Row]", found: "Sequence[Leak]") -> dict[str, Any]:
    images = Counter((row.label, row.split) for row in rows)
    groups = Counter((label, split) for label, split, _ in _groups(rows))
    labels = sorted({row.label for row in rows})
    from pipeline.data.finding_counts import count_findings

    return {
        "annotations": [one.model_dump(mode="json") for one in count_findings(rows)],
        "images": {at: {split: images[at, split] for split in _SPLITS} for at in labels},
        "groups": {at: {split: groups[at, split] for split in _SPLITS} for at in labels},
        **{
            column: dict(sorted(Counter(str(getattr(row, column)) for row in rows).items()))
            for column in ("view", "modality", "bits", "batch")
        },
        "leak": {
            leak.label: {
                "nearest": float(leak.nearest.max()),
                "nearest_by_image": float(leak.nearest_by_image.max()),
                "median": median(leak.nearest.tolist()),
                "median_by_image": median(leak.nearest_by_image.tolist()),
                "pairs": [vars(pair) for pair in leak.pairs],
            }
            for leak in found
        },
    }


def _groups(rows: "Sequence[Row]") -> set[tuple[str, str, str]]:
    return {(row.label, row.split, row.group) for row in rows}


def _counts_table(rows: "Sequence[Row]") -> FitTable:
    facts = _facts(rows, ())
    table = FitTable(title="images (groups)")
    table.add_column("class", style="bold")
    for split in _SPLITS:
        table.add_column(split, justify="right")
    table.add_column("views")
    for label, images in facts["images"].items():
        views = Counter(row.view for row in rows if row.label == label)
        listed = ", ".join(f"{view} {count}" for view, count in sorted(views.items()))
        cells = [f"{images[split]} ({facts['groups'][label][split]})" for split in _SPLITS]
        table.add_row(label, *cells, listed)
    return table


def _leak_table(found: "Sequence[Leak]", neighbours: float) -> FitTable:
    table = FitTable(
        title="correlation of test images with the nearest training image: median, highest",
        caption=f"neighbouring slices correlate above {neighbours:g} (ingest.group_correlation)",
        caption_justify="left",
    )
    table.add_column("class", style="bold")
    table.add_column("this split", justify="right")
    table.add_column("split by image", justify="right")
    for leak in found:
        style = "red" if leak.nearest.max() > neighbours else ""
        cells = (
            f"{median(values.tolist()):.3f}  {values.max():.3f}"
            for values in (leak.nearest, leak.nearest_by_image)
        )
        this, by_image = cells
        table.add_row(leak.label, Text(this, style=style), by_image)
    return table
