"""Registered pairs that are easy to fuse: two exposures, each white where the other shows texture.

The average shows both halves and the maximum none, so that a fuser is better than its rival.
"""

from collections.abc import Iterable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from tests.support.pictures import encode, put

Pair = NDArray[np.uint8]
CLASSES = ("cyst", "stone")
MODALITIES = ("LONG", "SHORT")


def exposures(seed: int, side: int = 64) -> Pair:
    """Two exposures of one body, uint8 [2, side, side], with dark spots that both show."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[:side, :side] / side * 2 - 1
    coarse = Image.fromarray(rng.integers(0, 256, (8, 8), dtype=np.uint8))
    texture = np.asarray(coarse.resize((side, side), Image.Resampling.BICUBIC))
    shown, left = 100 + texture / 2, x < rng.uniform(-0.3, 0.3)
    spots = np.zeros(x.shape, bool)
    for column, row in rng.uniform(-0.9, 0.9, (14, 2)):
        spots |= (x - column) ** 2 + (y - row) ** 2 < 0.06**2
    seen = [np.where(spots, 0, np.where(white, 255, shown)) for white in (left, ~left)]
    pair: Pair = np.rint(np.stack(seen)).astype(np.uint8)
    return pair


def put_pair(landing: Path, path: str, pair: Iterable[NDArray[np.uint8]]) -> list[str]:
    """Write the two files of a pair; returns their paths."""
    paths = [f"{path}-{modality.lower()}.png" for modality in MODALITIES]
    for file, image in zip(paths, pair, strict=True):
        put(landing / file, encode(image))
    return paths


def rows(paths: Iterable[str], pair: str, patient: str = "") -> list[str]:
    """Rows of a list: file, patient, pair, modality."""
    named = zip(paths, MODALITIES, strict=True)
    return [f"{path},{patient},{pair},{modality}" for path, modality in named]


def write_list(landing: Path, lines: Iterable[str]) -> None:
    """Write the medloom.csv of a landing zone, of `rows`."""
    text = "\n".join(["file,patient,pair,modality", *lines])
    (landing / "medloom.csv").write_text(f"{text}\n")


def fill_pairs(landing: Path, patients: int, each: int = 2) -> list[str]:
    """A landing zone of patients of two classes, each with some pairs; returns the list's rows."""
    lines = []
    for number in range(patients * len(CLASSES)):
        for slice_ in range(each):
            name = f"P{number}-{slice_}"
            path = f"{CLASSES[number % len(CLASSES)]}/{name}"
            paths = put_pair(landing, path, exposures(100 * number + slice_))
            lines += rows(paths, name, f"P{number}")
    write_list(landing, lines)
    return lines
