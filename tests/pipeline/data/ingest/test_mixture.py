"""Classes that mix kinds of images are told, and those of one kind are not."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from pipeline.data.config import IngestConfig
from pipeline.data.ingest.mixture import LEAST, find_mixtures, mixture_notices
from pipeline.data.manifest import read_manifest
from tests.support.pictures import IngestedFolder, encode, put

Draw = Callable[[int], NDArray[np.uint8]]


def disc(seed: int) -> NDArray[np.uint8]:
    """A bright ellipse across a dark picture, as a body in an axial slice."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[-1:1:64j, -1:1:64j]
    inside = (x / rng.uniform(0.7, 0.9)) ** 2 + (y / rng.uniform(0.45, 0.6)) ** 2 < 1
    return np.asarray(inside * 120 + rng.integers(0, 40, (64, 64)), np.uint8)


def bars(seed: int) -> NDArray[np.uint8]:
    """Bright bars from edge to edge, as ribs."""
    rng = np.random.default_rng(10_000 + seed)
    row = np.arange(64)[:, None] + rng.uniform(0, 8)
    lines = np.broadcast_to(np.sin(row / rng.uniform(1.2, 1.5)) > 0, (64, 64))
    return np.asarray(lines * 200 + rng.integers(0, 40, (64, 64)), np.uint8)


@pytest.mark.parametrize(("draws", "kinds"), [((disc,), 0), ((disc, bars), 2)])
def test_kinds_are_found(draws: tuple[Draw, ...], kinds: int) -> None:
    images = {f"{n:04d}": draws[n % len(draws)](n) for n in range(LEAST + 20)}
    found = find_mixtures({"stone": list(images)}, images.__getitem__)
    assert sum(len(one.kinds) for one in found) == kinds
    for mixture in found:
        assert mixture.sizes == (40, 40)
        assert all(len({int(id_) % 2 for id_ in kind}) == 1 for kind in mixture.kinds)


def test_few_images_are_not_judged() -> None:
    images = {f"{n:04d}": (disc, bars)[n % 2](n) for n in range(LEAST - 1)}
    assert find_mixtures({"stone": list(images)}, images.__getitem__) == []


def test_ingest_tells_mixed_kinds_and_mixed_views(tmp_path: Path) -> None:
    project = IngestedFolder(tmp_path, IngestConfig(allow_missing=True, max_group_share=1.0))
    for number in range(LEAST):
        put(project.landing / "stone" / f"{number}.png", encode((disc, bars)[number % 2](number)))
    (notice,) = (n for n in project.ingest().notices if n.name == "mixed-kinds")
    assert notice.count == LEAST
    assert "preprocess.views" in notice.text
    rows = read_manifest(project.workspace)
    known = [replace(row, view=("axial", "coronal")[n % 3 == 0]) for n, row in enumerate(rows)]
    (told,) = mixture_notices(known, lambda _: disc(0))
    assert (told.name, told.count) == ("mixed-views", LEAST)
    assert "axial 40, coronal 20" in told.text
