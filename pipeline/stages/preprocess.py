"""The preprocess stage: images of a data revision to arrays of one size, by split.

Each image is centred on a black square, or cut to the square of `preprocess.region`, resized once
by antialiased bicubic interpolation and rounded to uint8. Metrics are comparable only if real and
generated images went through the same antialiased resize, and Lanczos rings around bright stones.
Black is what surrounds the body in CT. The aspect ratio is kept.

With `preprocess.modalities` a row is a pair of images: both are cut as the first, and stand in the
order of the modalities.

Images in which the region is not found, or without a partner, are left out, and small ones where
`preprocess.smaller` says so: counted by class and reason, and listed.
"""

import hashlib
import io
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from model.layouts import Layouts
from pipeline.base.code import require_described_code
from pipeline.base.errors import BadInputError, run_as_command
from pipeline.base.params_file import load_section
from pipeline.base.stage_environment import report_progress
from pipeline.data.finding_maps import finding_maps
from pipeline.data.findings import kinds_in, parse_findings
from pipeline.data.manifest import MANIFEST_FOLDER, Row, read_manifest
from pipeline.data.pairs import modalities_in_words, of_views, pair_up
from pipeline.data.processed import SPLITS, Processed, SplitArrays
from pipeline.data.region import Box
from pipeline.data.square import PreprocessConfig, find_crop, to_square
from pipeline.stages.left_out import LeftOut, in_words, require_enough, write_left_out

SHEET_SIDE = 8  # a contact sheet shows at most 8 x 8 images


@dataclass(frozen=True)
class PreprocessResult:
    """What the stage wrote.

    Attributes:
        classes: class names in label order.
        images: number of images, or of pairs, by split and class.
        sheets: contact sheets, contact-<split>-<class>.png.
        left_out: images without the region or a partner, or too small.
    """

    classes: tuple[str, ...]
    images: dict[str, dict[str, int]]
    sheets: tuple[Path, ...]
    left_out: tuple[LeftOut, ...] = ()


def preprocess(
    workspace: Path,
    out: Path,
    config: PreprocessConfig,
    *,
    on_progress: Callable[[int, int], None] | None = None,
) -> PreprocessResult:
    """Write `pipeline.data.processed.Processed` and contact sheets into `out`.

    Args:
        workspace: has data/manifest and data/raw/<batch> of every batch.
        out: folder to write, created if missing.
        config: size, region, modalities and window.
        on_progress: called as (images or pairs done, to do).

    Raises:
        BadInputError: no rows, a duplicate image, a group in two splits, a class without an image
            of the chosen views, with the region, with a partner or large enough, or a stored file
            that is missing or altered.
    """
    every = read_manifest(workspace)
    check_rows(every)
    sources, left_out = _sources(_of_views(every, config.views), config.modalities)
    rows = [first for first, *_ in sources]
    # Registered images show one place: what is said of either image holds for the pair.
    findings = [next((one.findings for one in each if one.findings), "") for each in sources]
    spacings = [next((one.spacing for one in each if one.spacing), "") for each in sources]
    found = [parse_findings(each) for each in findings]
    kinds = kinds_in(findings)
    images = np.empty((len(rows), len(sources[0]), config.size, config.size), np.uint8)
    maps = np.zeros((len(rows), len(kinds), config.size, config.size), np.uint8)
    mm = np.zeros(len(rows), np.float32)
    kept: list[int] = []
    without: list[tuple[int, str]] = []
    for number in range(len(rows)):
        pixels, *others = (_read(workspace, one) for one in sources[number])
        crop, reason = find_crop(pixels, config)
        if crop is None:
            without.append((number, reason))
        else:
            images[number] = [to_square(one, config, crop) for one in (pixels, *others)]
            shown = found[number] or ()
            maps[number] = finding_maps(shown, kinds, pixels.shape, crop, config.size)
            mm[number] = _millimetres(spacings[number], crop)
            kept.append(number)
        if on_progress:
            on_progress(number + 1, len(rows))
    gone = [LeftOut(rows[number], reason) for number, reason in without]
    require_enough(rows, gone, config)
    told = np.array([each is not None for each in found])
    layouts = Layouts(maps, told)[np.array(kept, np.int64)] if kinds else None
    rows = [rows[number] for number in kept]
    seen = images[kept] if config.modalities else images[kept, 0]
    processed = replace(_split(rows, seen, layouts, mm[kept]), kinds=kinds, view=config.region.view)
    left_out += [LeftOut(one, reason) for number, reason in without for one in sources[number]]
    processed.save(out)
    write_left_out(out, left_out)
    counts = Counter((row.split, row.label) for row in rows)
    return PreprocessResult(
        processed.classes,
        {split: {label: counts[split, label] for label in processed.classes} for split in SPLITS},
        tuple(_write_sheets(processed, out)),
        tuple(left_out),
    )


def check_rows(rows: Sequence[Row]) -> None:
    """Check the manifest: it has rows, ids are unique, no group is in two splits.

    Raises:
        BadInputError: a check failed; the message names the image or the group.
    """
    if not rows:
        raise BadInputError(
            f"{MANIFEST_FOLDER} lists no images: put some into the landing zone, then `medloom run`"
        )
    splits: dict[str, str] = {}
    ids: dict[str, str] = {}
    for row in rows:
        if ids.setdefault(row.id, row.batch) != row.batch:
            raise BadInputError(f"image {row.id} is in two batches, {ids[row.id]} and {row.batch}")
        if splits.setdefault(row.group, row.split) != row.split:
            raise BadInputError(
                f"group {row.group} is in two splits, {splits[row.group]} and {row.split}; the "
                "manifest was changed by hand: restore it from git"
            )
        if row.split not in SPLITS:
            allowed = ", ".join(SPLITS)
            raise BadInputError(f"image {row.id} is in split {row.split!r}; allowed are {allowed}")


def _of_views(rows: Sequence[Row], views: Sequence[str]) -> list[Row]:
    chosen = of_views(rows, views)
    cells = {(row.label, row.split) for row in chosen}
    if lacking := {(row.label, row.split) for row in rows} - cells:
        label, split = min(lacking)
        views_there = Counter(row.view for row in rows if (row.label, row.split) == (label, split))
        there = ", ".join(f"{view} {count}" for view, count in sorted(views_there.items()))
        raise BadInputError(
            f"preprocess.views is {', '.join(views)}, but class {label} has no such image in "
            f"{split}; it has {there}; add one of these views"
        )
    return chosen


def _sources(
    rows: Sequence[Row], modalities: Sequence[str]
) -> tuple[list[tuple[Row, ...]], list[LeftOut]]:
    """The images of each row of the arrays, and those that are in none."""
    if not modalities:
        return [(row,) for row in rows], []
    pairs, left_out = pair_up(rows, modalities)
    there = {(first.label, first.split) for first, _ in pairs}
    lacking = sorted({(row.label, row.split) for row in rows} - there)
    if lacking:
        label, split = lacking[0]
        here = [row for row in rows if (row.label, row.split) == lacking[0]]
        raise BadInputError(
            f"preprocess.modalities is {', '.join(modalities)}, but class {label} has no such pair "
            f"in {split}: its {len(here)} images have {modalities_in_words(here)}; name the "
            "modalities of the pairs, or give pairs by a medloom.csv (docs/ingest.md)"
        )
    return list(pairs), [LeftOut(row, reason) for row, reason in left_out]


def _read(workspace: Path, row: Row) -> NDArray[np.generic]:
    """Read a stored image, and check its sha256."""
    file = workspace / row.path
    pull = f"`dvc pull --force {row.path.parent}.dvc` in the workspace restores the batch"
    try:
        data = file.read_bytes()
    except FileNotFoundError:
        raise BadInputError(f"{file} is in the manifest, but missing: {pull}") from None
    if (sha256 := hashlib.sha256(data).hexdigest()) != row.sha256:
        raise BadInputError(
            f"{file} was altered: its sha256 is {sha256}, the manifest says {row.sha256}; {pull}"
        )
    with Image.open(io.BytesIO(data), formats=["PNG"]) as image:
        return np.asarray(image)


def _millimetres(spacing: str, crop: Box) -> float:
    """Millimetres to the side of a square, by the manifest's spacing; 0: unknown."""
    between_rows = spacing.partition("x")[0]
    return float(between_rows) * (crop[3] - crop[1]) if between_rows else 0.0


def _split(
    rows: Sequence[Row],
    images: NDArray[np.uint8],
    layouts: Layouts | None,
    mm: NDArray[np.float32],
) -> Processed:
    classes = tuple(sorted({row.label for row in rows}))
    splits = {}
    for split in SPLITS:
        chosen = [number for number, row in enumerate(rows) if row.split == split]
        splits[split] = SplitArrays(
            images=images[chosen],
            labels=np.array([classes.index(rows[i].label) for i in chosen], np.int64),
            ids=np.array([rows[i].id for i in chosen], np.str_),
            groups=np.array([rows[i].group for i in chosen], np.str_),
            layouts=None if layouts is None else layouts[np.array(chosen, np.int64)],
            mm=mm[chosen],
        )
    return Processed(classes, splits)


def _write_sheets(processed: Processed, out: Path) -> Iterable[Path]:
    """Contact sheets of the first images by id; ids are hashes, so this is a random sample.

    Of pairs the first image is shown.
    """
    for split, arrays in processed.splits.items():
        for label, name in enumerate(processed.classes):
            chosen = arrays.images[arrays.labels == label][: SHEET_SIDE**2]
            chosen = chosen if chosen.ndim == 3 else chosen[:, 0]
            if len(chosen):
                file = out / f"contact-{split}-{name}.png"
                Image.fromarray(contact_sheet(chosen)).save(file, compress_level=6)
                yield file


def contact_sheet(images: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Tile images [N, S, S], N <= 64, into one, eight per row, padded with black."""
    count, size, _ = images.shape
    lines = -(-count // SHEET_SIDE)
    cells = np.zeros((lines * SHEET_SIDE, size, size), np.uint8)
    cells[:count] = images
    grid = cells.reshape(lines, SHEET_SIDE, size, size).swapaxes(1, 2)
    return grid.reshape(lines * size, SHEET_SIDE * size)


def main() -> None:
    """Run the stage in the current workspace with its params.yaml."""

    def tell(done: int, total: int) -> None:
        if done % 500 == 0 or done == total:
            report_progress(done=done, total=total)

    require_described_code("preprocess")
    config = load_section(Path("params.yaml"), "preprocess", PreprocessConfig)
    result = preprocess(Path(), Path("data/processed"), config, on_progress=tell)
    if result.left_out:
        report_progress(view=config.region.view, left_out=in_words(result.left_out))


if __name__ == "__main__":
    run_as_command(main)
