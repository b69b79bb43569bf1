"""A project with held-out images beside a champion that draws, made without a service."""

import hashlib
import json
from collections.abc import Collection
from dataclasses import replace
from pathlib import Path

import numpy as np
import yaml

from pipeline.base.project import Project
from pipeline.data.manifest import MANIFEST_FOLDER, Row, write_batch
from pipeline.data.processed import SPLITS, Processed, SplitArrays
from pipeline.ledger.ledger import DATA, Ledger
from tests.support.generators import SIZE, save_tiny_generator
from tests.support.pictures import picture, put
from tests.support.shown import CLASSES, add_version, empty_project

RUN_KEY = "0123456789abcdef"
_BATCH = "20260101T000000-00000000"


def studied_project(folder: Path, each: int = 12, size: int = SIZE) -> Project:
    """A project whose version 1, an untrained generator, has held-out images.

    Args:
        folder: an empty one.
        each: images of a class in each split, two a group.
        size: side of the held-out images; the generator draws images of `SIZE`.
    """
    project = empty_project(folder)
    rows = [_row(label, split, n) for label in CLASSES for split in SPLITS for n in range(each)]
    ledger = Ledger(project)
    data = _revise(ledger, folder, rows)
    code = ledger.commit_files("code", None, {"params.yaml": "train: {}\n"}, "snapshot")
    opened = ledger.open_run(RUN_KEY, code, data, "manual")
    _processed(rows, size).save(folder / "processed")
    outs = [{"path": "data/processed", "md5": _into_remote(project, folder / "processed")}]
    lock = yaml.safe_dump({"schema": "2.0", "stages": {"preprocess": {"outs": outs}}})
    ledger.commit_files(f"run/{RUN_KEY}", opened, {"dvc.lock": lock}, "preprocess")
    sha256 = save_tiny_generator(folder / "work" / "models", CLASSES)
    add_version(project, folder / "work", 1, sha256, "promoted", run_key=RUN_KEY, data=data)
    return project


def drop(project: Project, folder: Path, images: Collection[str]) -> None:
    """A data revision without some images, as a withdrawal makes it."""
    _rewrite(project, folder, [row for row in _rows(project) if row.id not in images])


def relabel(project: Project, folder: Path, image: str, label: str) -> None:
    """A data revision in which an image has another class."""
    rows = [replace(row, label=label) if row.id == image else row for row in _rows(project)]
    _rewrite(project, folder, rows)


def ids_of(project: Project, split: str) -> set[str]:
    """The ids of a split in the newest data revision."""
    return {row.id for row in _rows(project) if row.split == split}


def _row(label: str, split: str, number: int) -> Row:
    name = f"{label} {split} {number}"
    id_ = hashlib.sha256(name.encode()).hexdigest()
    group = f"pixels-{hashlib.sha256(f'{label} {split} {number // 2}'.encode()).hexdigest()[:12]}"
    return Row(id_, id_, id_, _BATCH, label, group, split, "axial", 48, 48, 8)


def _processed(rows: list[Row], size: int) -> Processed:
    splits = {}
    for split in SPLITS:
        chosen = sorted(row for row in rows if row.split == split)
        splits[split] = SplitArrays(
            images=np.stack([picture(int(row.id[:6], 16), size) for row in chosen]),
            labels=np.array([CLASSES.index(row.label) for row in chosen], np.int64),
            ids=np.array([row.id for row in chosen]),
            groups=np.array([row.group for row in chosen]),
        )
    return Processed(CLASSES, splits)


def _into_remote(project: Project, folder: Path) -> str:
    """Put a folder into the remote as DVC does; returns the md5 of its listing."""
    files = sorted(file for file in folder.rglob("*") if file.is_file())
    listing = [
        {"md5": _object(project, file.read_bytes()), "relpath": str(file.relative_to(folder))}
        for file in files
    ]
    return _object(project, json.dumps(listing).encode(), ".dir")


def _object(project: Project, content: bytes, suffix: str = "") -> str:
    md5 = hashlib.md5(content).hexdigest() + suffix
    put(Path(project.remote) / "files" / "md5" / md5[:2] / md5[2:], content)
    return md5


def _rows(project: Project) -> list[Row]:
    from pipeline.data.manifest import parse_batch

    ledger = Ledger(project)
    head = ledger.head(DATA)
    text = ledger.read(str(head), f"{MANIFEST_FOLDER}/{_BATCH}.csv")
    return parse_batch(f"{text}\n")


def _rewrite(project: Project, folder: Path, rows: list[Row]) -> None:
    _revise(Ledger(project), folder, rows)


def _revise(ledger: Ledger, folder: Path, rows: list[Row]) -> str:
    text = write_batch(folder / "manifest", _BATCH, rows).read_text()
    files = {f"{MANIFEST_FOLDER}/{_BATCH}.csv": text}
    return ledger.commit_files(DATA, ledger.head(DATA), files, "data: a revision")
