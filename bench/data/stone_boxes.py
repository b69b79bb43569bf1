"""`medloom bench stones`: two sets of kidneys as one folder of images with boxes around stones.

Boxes of the second set are around a stone or around the kidney that holds it. A generator that is
given the place of a kidney for that of a stone learns nothing of stones, so that a box is narrowed
to the bright blobs in it.
"""

import csv
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import numpy as np
import typer
from numpy.typing import NDArray
from PIL import Image

from pipeline.base.errors import BadInputError
from pipeline.base.terminal import Terminal

Box = tuple[float, float, float, float]

COLUMNS = ("file", "x0", "y0", "x1", "y1")
WHITE = 255
LEAST_AREA = 4
"""Pixels of a blob at the image's own size; less is noise."""
LOOKED_AT = "normal"
"""The class whose images have no finding."""


@dataclass
class Made:
    """What was written, in images."""

    images: int = 0
    boxed: int = 0
    boxes: int = 0
    empty: int = 0
    without_blob: int = 0
    twins: int = 0


def blobs(image: NDArray[np.uint8], box: Box) -> list[Box]:
    """Boxes around what is bright in a box: brighter than half-way from its median to white.

    Args:
        image: (height, width) grey levels, 0 to 255.
        box: left, top, right, bottom in shares of the sides.

    Returns:
        Boxes of the same kind, of connected parts of `LEAST_AREA` pixels or more that do not touch
        the box's edge, where rib and spine come in; of those at the edge too where there is no
        other, since a narrow box ends at its stone.
    """
    from skimage.measure import label, regionprops
    from skimage.segmentation import clear_border

    height, width = image.shape
    scale = (width, height, width, height)
    left, top, right, bottom = (round(at * side) for at, side in zip(box, scale, strict=True))
    part = image[top:bottom, left:right]
    bright = part > (np.median(part) + WHITE) / 2
    for mask in (clear_border(bright), bright):
        found = [one.bbox for one in regionprops(label(mask)) if one.area >= LEAST_AREA]
        if found:
            break
    return [
        ((left + x0) / width, (top + y0) / height, (left + x1) / width, (top + y1) / height)
        for y0, x0, y1, x1 in found
    ]


def _rows(boxes: Path) -> dict[str, list[dict[str, str]]]:
    rows: dict[str, list[dict[str, str]]] = {}
    try:
        with (boxes / "boxes.csv").open(newline="") as file:
            read = csv.DictReader(file)
            if lacking := [name for name in COLUMNS if name not in (read.fieldnames or ())]:
                raise BadInputError(f"{boxes}/boxes.csv: no column {', '.join(lacking)}")
            for row in read:
                rows.setdefault(row["file"], []).append(row)
    except FileNotFoundError:
        raise BadInputError(
            f"{boxes}: no boxes.csv; give the folder that holds it and images/"
        ) from None
    if lost := [name for name in rows if not (boxes / name).is_file()]:
        raise BadInputError(f"{boxes}/boxes.csv: {len(lost)} images are missing, such as {lost[0]}")
    return rows


def _yolo(found: list[Box]) -> str:
    lines = (
        f"0 {(x0 + x1) / 2:.5f} {(y0 + y1) / 2:.5f} {x1 - x0:.5f} {y1 - y0:.5f}\n"
        for x0, y0, x1, y1 in found
    )
    return "".join(lines)


def _put(file: Path, data: bytes, findings: str | None) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(data)
    if findings is not None:
        file.with_suffix(".txt").write_text(findings)


def _twins(rows: dict[str, list[dict[str, str]]]) -> Iterator[str]:
    for of_image in rows.values():
        if twin := of_image[0].get("kidney_ct_file"):
            yield twin


def write_stones(kidneys: Path, boxes: Path, folder: Path) -> Made:
    """Write both sets as class folders, with a YOLO file beside each image that somebody looked at.

    Args:
        kidneys: class folders of images; those of `normal` get an empty YOLO file.
        boxes: `images/` and `boxes.csv`, with columns file, x0, y0, x1, y1 (shares of the sides;
            empty: no box) and, where the slice is in `kidneys` too, kidney_ct_file: that image is
            left out, so that no slice counts twice.
        folder: for the result.

    Raises:
        BadInputError: a folder is not of that form.
    """
    rows = _rows(boxes)
    twins = set(_twins(rows))
    made = Made()
    sources = sorted(kidneys.glob("*/*.png"))
    if not sources:
        raise BadInputError(f"{kidneys}: no class folders of PNG images")
    for source in sources:
        name = source.relative_to(kidneys).as_posix()
        if name in twins:
            made.twins += 1
            continue
        looked_at = source.parent.name == LOOKED_AT
        made.empty += looked_at
        made.images += 1
        _put(folder / name, source.read_bytes(), "" if looked_at else None)
    for name, of_image in rows.items():
        source = boxes / name
        given: list[Box] = [
            (float(row["x0"]), float(row["y0"]), float(row["x1"]), float(row["y1"]))
            for row in of_image
            if row["x0"]
        ]
        found = []
        if given:
            with Image.open(source) as image:
                levels = np.asarray(image.convert("L"))
            found = [blob for box in given for blob in blobs(levels, box)]
        made.images += 1
        made.boxed += bool(found)
        made.boxes += len(found)
        made.empty += not given
        made.without_blob += bool(given) and not found
        findings = _yolo(found) if found or not given else None
        label = "stone" if given else LOOKED_AT
        _put(folder / label / f"boxes-{source.name}", source.read_bytes(), findings)
    return made


def stones(
    kidneys: Annotated[
        Path, typer.Argument(metavar="KIDNEYS", help="Class folders of slices, such as kidney-ct.")
    ],
    boxes: Annotated[
        Path,
        typer.Argument(metavar="BOXES", help="images/ and boxes.csv, such as kidney-stone-boxes."),
    ],
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="Output folder.")],
) -> None:
    """Make one folder of kidney slices of which some are known to hold stones, and where.

    Boxes around kidneys are narrowed to the bright blobs in them. A slice of `normal` has no
    stone, by its label. Slices of other classes are not annotated.

    Example: `medloom bench stones kidney-ct kidney-stone-boxes /tmp/stones`, then
    `medloom --project stones demo /tmp/stones` with preprocess.region set to both kidneys.
    """
    made = write_stones(kidneys, boxes, folder)
    Terminal().print(
        f"{folder}: {made.images} images; {made.boxed} with {made.boxes} boxes around blobs, "
        f"{made.empty} with nothing in them, {made.without_blob} with a box and no blob, which "
        f"stay without findings; {made.twins} of {kidneys} left out, as {boxes} has the slice too",
        soft_wrap=True,
        highlight=False,
    )
