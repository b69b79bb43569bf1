"""Images that preprocess leaves out: without the region or a partner, or too small."""

import csv
import io
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from pipeline.base.errors import BadInputError
from pipeline.base.files import write_atomically
from pipeline.data.manifest import Row
from pipeline.data.square import SMALL, PreprocessConfig
from pipeline.evaluation.image_set import LEAST_IMAGES

LEFT_OUT_FILE = "left-out.csv"
"""In the processed folder, there only if an image was left out."""


class LeftOut(NamedTuple):
    """One image that is left out: its row of the manifest, and the reason."""

    row: Row
    reason: str


def counts(left_out: Sequence[LeftOut]) -> dict[str, dict[str, int]]:
    """Number of images by class and reason, both sorted."""
    found = Counter((one.row.label, one.reason) for one in left_out)
    by_class: dict[str, dict[str, int]] = {}
    for (label, reason), count in sorted(found.items()):
        by_class.setdefault(label, {})[reason] = count
    return by_class


def in_words(left_out: Sequence[LeftOut]) -> str:
    """Such as "cyst 2 (no body 2); stone 1 (outline tilted 1)"."""
    return "; ".join(
        f"{label} {sum(reasons.values())} "
        f"({', '.join(f'{reason} {count}' for reason, count in reasons.items())})"
        for label, reasons in counts(left_out).items()
    )


def require_enough(
    rows: Sequence[Row], left_out: Sequence[LeftOut], config: PreprocessConfig
) -> None:
    """Check that every class has an image in every split that it had one in.

    Where images are too small, the test split also keeps as many as an evaluation needs.

    Args:
        rows: the images before any was left out.
        left_out: those that were.
        config: size and region.

    Raises:
        BadInputError: all images of a class in a split were left out, or too many test images.
    """
    there = Counter((row.label, row.split) for row in rows)
    gone = Counter((one.row.label, one.row.split) for one in left_out)
    lacking = sorted(cell for cell, count in there.items() if gone[cell] == count)
    if lacking:
        label, split = lacking[0]
        reasons = [one.reason for one in left_out if (one.row.label, one.row.split) == lacking[0]]
        if SMALL in reasons:
            raise BadInputError(
                f"no image of class {label} in {split} is left: {_small(reasons, config.size)}"
            )
        listed = ", ".join(f"{reason} {n}" for reason, n in sorted(Counter(reasons).items()))
        raise BadInputError(
            f"preprocess.region is {config.region.view}, but none of the {len(reasons)} images of "
            f"class {label} in {split} has this region ({listed}); frame: trunk is for axial "
            "slices of the trunk: choose them with preprocess.views, or set "
            "preprocess.region.frame to none"
        )

    tested = sum(row.split == "test" for row in rows)
    reasons = [one.reason for one in left_out if one.row.split == "test"]
    kept = tested - len(reasons)
    if SMALL in reasons and kept < LEAST_IMAGES <= tested:
        raise BadInputError(
            f"{kept} of {tested} images of the test split are left, and {LEAST_IMAGES} are needed "
            f"to evaluate: {_small(reasons, config.size)}"
        )


def _small(reasons: Sequence[str], size: int) -> str:
    return (
        f"of {len(reasons)} that were left out, {reasons.count(SMALL)} are smaller than "
        f"preprocess.size, {size} px: set it to a smaller power of two, ingest larger images, or "
        "set preprocess.smaller to enlarge"
    )


def write_left_out(folder: Path, left_out: Sequence[LeftOut]) -> None:
    """Write left-out.csv, one row per image, by id; none if no image was left out."""
    if not left_out:
        return
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(("id", "label", "split", "reason"))
    rows = [(one.row.id, one.row.label, one.row.split, one.reason) for one in left_out]
    writer.writerows(sorted(rows))
    write_atomically(folder / LEFT_OUT_FILE, text.getvalue())
