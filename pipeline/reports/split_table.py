"""Build the table of images and groups by class and split, for both pages."""

from typing import Any

from pipeline.data.processed import SPLITS
from pipeline.reports.run_facts import SplitCount


def split_table(splits: tuple[SplitCount, ...]) -> list[dict[str, Any]]:
    """One row per class and a last row of sums: (images, groups) of each split in order."""
    counts = {(row.label, row.split): (row.images, row.groups) for row in splits}
    rows: list[dict[str, Any]] = [
        {"label": label, "cells": [counts.get((label, split), (0, 0)) for split in SPLITS]}
        for label in sorted({row.label for row in splits})
    ]
    if rows:
        columns = zip(*(row["cells"] for row in rows), strict=True)
        sums = [(sum(i for i, _ in column), sum(g for _, g in column)) for column in columns]
        rows.append({"label": "all", "cells": sums})
    return rows
