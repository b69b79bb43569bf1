"""Prepared images of a run, put into a project's remote and ledger without DVC; and a copy."""

import hashlib
import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import yaml
from numpy.typing import NDArray

from pipeline.base.project import Project
from pipeline.data.processed import Processed, SplitArrays
from pipeline.ledger.ledger import Ledger
from pipeline.ledger.run import branch_of
from pipeline.registry.generators import Generators
from tests.support.pictures import put
from tests.support.shown import CLASSES, shown_project

COPIED = 3
"""Number of the image of stone, seed 7, that the version of `copying_project` has copied."""
RUN = "key-1"
SIZE = 32


def copying_project(
    folder: Path, *, copied: bool = True, here: bool = True, count: int = 72
) -> Project:
    """A project whose champion draws, as image `COPIED`, one of its training images.

    Args:
        folder: an empty one.
        copied: whether that image is among the training images; else all of them are noise.
        here: whether the training images are in the remote.
        count: of the images of each split.
    """
    project = replace(shown_project(folder), mlflow_uri=f"sqlite:///{folder / 'mlflow.db'}")
    images = real_images(project, copied=copied, count=count)
    listing = _put_arrays(project, images, folder / "arrays", here=here)
    lock = {"stages": {"preprocess": {"outs": [{"path": "data/processed", "md5": listing}]}}}
    Ledger(project).commit_files(branch_of(RUN), None, {"dvc.lock": yaml.safe_dump(lock)}, "run")
    return project


def real_images(project: Project, *, copied: bool, count: int) -> Processed:
    """Noise of three classes; the first training image of stone may be what version 1 draws."""
    splits = {name: _noise(number, count) for number, name in enumerate(("train", "val", "test"))}
    if copied:
        generators = Generators(project)
        layouts = generators.layouts(1, ["stone"], 7, start=COPIED)
        drawn = generators.draw(1, ["stone"], 7, start=COPIED, layouts=layouts)
        splits["train"].images[CLASSES.index("stone")] = drawn[0]
    return Processed(CLASSES, splits)


def _noise(seed: int, count: int) -> SplitArrays:
    rng = np.random.default_rng(seed)
    labels = np.arange(count) % len(CLASSES)
    coarse = rng.integers(0, 200, (count, 8, 8)) + 20 * labels[:, None, None]
    images: NDArray[np.uint8] = np.kron(coarse, np.ones((4, 4))).astype(np.uint8)
    ids = np.array([hashlib.sha256(f"{seed} {n}".encode()).hexdigest() for n in range(count)])
    groups = np.array([f"patient-{seed}-{n // 3}" for n in range(count)])
    return SplitArrays(images, labels.astype(np.int64), ids, groups)


def _put_arrays(project: Project, images: Processed, folder: Path, *, here: bool) -> str:
    images.save(folder)
    entries = []
    for file in sorted(each for each in folder.rglob("*") if each.is_file()):
        entries.append(
            {"md5": _put_object(project, file.read_bytes(), "", here=here),
             "relpath": str(file.relative_to(folder))}
        )  # fmt: skip
    return _put_object(project, json.dumps(entries).encode(), ".dir", here=True)


def _put_object(project: Project, content: bytes, suffix: str, *, here: bool) -> str:
    md5 = hashlib.md5(content, usedforsecurity=False).hexdigest() + suffix
    if here:
        put(Path(project.remote, "files", "md5", md5[:2], md5[2:]), content)
    return md5
