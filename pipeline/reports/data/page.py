"""Render the data report as one HTML file, with pictures and style inside and no script."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from pipeline.base.files import write_atomically
from pipeline.data.processed import SPLITS
from pipeline.reports.data.charts import draw_groups, draw_levels, draw_sizes
from pipeline.reports.data.data_facts import DataFacts, LeakPair, Tally
from pipeline.reports.data.findings import findings
from pipeline.reports.data.pictures import Picture
from pipeline.reports.page import environment, inline_png
from pipeline.reports.split_table import split_table

SHEET = 24
"""Most images of a class that the page shows."""
_ROWS = 200  # most rows of a table; the rest is counting


@dataclass(frozen=True)
class DataPictures:
    """Pictures that the page shows.

    Attributes:
        sheets: class -> a fixed choice of its images.
        groups: large group -> some of its images.
        pairs: class -> pairs of a test and a training image, nearest first.
        kinds: class that mixes kinds of images -> some images of each kind.
        odd: images with a warning.
        corrected: relabelled images.
        refused: index in the list of refusals -> image, or its mosaic.
        annotated: class -> a fixed choice of its images with findings, outlined.
    """

    sheets: dict[str, list[Picture]] = field(default_factory=dict)
    groups: dict[str, list[Picture]] = field(default_factory=dict)
    pairs: dict[str, list[tuple[LeakPair, Picture, Picture]]] = field(default_factory=dict)
    kinds: dict[str, list[list[Picture]]] = field(default_factory=dict)
    odd: Sequence[Picture] = ()
    corrected: Sequence[Picture] = ()
    refused: dict[int, Picture] = field(default_factory=dict)
    annotated: dict[str, list[Picture]] = field(default_factory=dict)


def render_data_report(facts: DataFacts, pictures: DataPictures, out: Path) -> Path:
    """Write the page; its folder is created when missing. The same input gives the same bytes."""
    classes = sorted({row.label for row in facts.splits})
    depths = sorted({one.bits for one in facts.levels})
    text = (
        environment()
        .get_template("data.html.j2")
        .render(
            facts=facts,
            pictures=pictures,
            classes=classes,
            splits=SPLITS,
            table=split_table(facts.splits),
            tallies=_tallies(facts),
            sizes=inline_png(draw_sizes(facts.sizes, classes)) if len(facts.sizes) > 1 else None,
            levels={
                bits: inline_png(draw_levels([one for one in facts.levels if one.bits == bits]))
                for bits in depths
            },
            groups=inline_png(draw_groups(facts.groups)),
            findings=findings(facts),
            sheet=SHEET,
            few=_ROWS,
        )
    )
    write_atomically(out, text)
    return out


def _tallies(facts: DataFacts) -> list[tuple[str, Sequence[Tally]]]:
    """The counts of the second table, by property."""
    return [
        ("View", facts.views),
        ("Modality", facts.modalities),
        ("Window", facts.windows),
        ("Source batch", facts.batches),
    ]
