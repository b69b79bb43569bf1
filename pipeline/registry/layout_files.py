"""Layouts that a caller gives: label maps in PNG files, as `medloom generate --masks` writes."""

import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from PIL import Image

from model.layouts import Layouts, layouts_of
from pipeline.base.errors import BadInputError

MASK_SUFFIX = "_mask.png"
_MODES = ("L", "P")


class GivenLayouts(NamedTuple):
    """Layouts of some images, and the sha256 of the file of each."""

    layouts: Layouts
    sha256: list[str]


def layout_files(path: Path) -> list[Path]:
    """The label maps that a file or a folder holds, sorted by name.

    In a folder these are the files of `--masks`, or all PNG files if it has none of those.

    Raises:
        BadInputError: there is none.
    """
    if path.is_file():
        return [path]
    found = sorted(file for file in path.glob("*.png") if file.is_file())
    found = [file for file in found if file.name.endswith(MASK_SUFFIX)] or found
    if not found:
        raise BadInputError(
            f"{path} holds no layout; give a PNG file, or a folder with one for each image: "
            "grey levels 0, where nothing is, and k for the k-th kind of finding"
        )
    return found


def read_layouts(path: Path, kinds: Sequence[str], side: int, count: int) -> GivenLayouts:
    """Read the layouts of `count` images.

    Args:
        path: a label map for all images, or a folder with one for each.
        kinds: of findings, in the order of their numbers from 1.
        side: of the images, in pixels; label maps are as large, or a multiple of it.
        count: number of images.

    Raises:
        BadInputError: a file is no label map of these kinds and this size, or a folder holds
            another number of them.
    """
    files = layout_files(path)
    if path.is_dir() and len(files) != count:
        raise BadInputError(
            f"{path} holds {len(files)} layouts for {count} images; give one for each, or a single "
            f"file for all, or -n {len(files)}"
        )
    read = [_read(file, kinds, side) for file in files]
    if not path.is_dir():
        read *= count
    maps = np.concatenate([one.layouts.maps for one in read])
    return GivenLayouts(Layouts(maps, np.ones(count, np.bool_)), [one.sha256[0] for one in read])


def _read(file: Path, kinds: Sequence[str], side: int) -> GivenLayouts:
    try:
        with Image.open(file) as image:
            mode, pixels = image.mode, np.asarray(image)
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError) as error:
        raise BadInputError(f"the layout {file} cannot be read: {error}") from error
    if mode not in _MODES:
        raise BadInputError(
            f"the layout {file} has pixels of mode {mode}; allowed is one channel of 8 bits "
            f"(mode {' or '.join(_MODES)})"
        )
    try:
        layouts = layouts_of(pixels.astype(np.uint8)[None], len(kinds), side)
    except ValueError as error:
        listed = ", ".join(f"{number} {kind}" for number, kind in enumerate(kinds, 1))
        raise BadInputError(f"the layout {file}: {error}. The kinds are {listed}") from error
    return GivenLayouts(layouts, [hashlib.sha256(file.read_bytes()).hexdigest()])
