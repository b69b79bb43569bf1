"""Find one slice under two classes: one of the labels must be wrong.

Files with the same pixels are told by their ids (`resolve`). Here are copies that were compressed
again, resized or shown by another window. Candidates are found by the detail of thumbnails, and
verified on the pixels. Neighbouring slices of one patient with different findings are no conflict.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import lru_cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from pipeline.data.formats import Pixels
from pipeline.data.formats.canonical import Thumbnail
from pipeline.data.ingest.account import Notice
from pipeline.data.ingest.resolve import NewImage
from pipeline.data.ingest.same_slice import Slice, is_same_slice, prepare
from pipeline.data.manifest import Row
from pipeline.data.refusal import Refused

_ALIKE = 0.75  # correlation of thumbnails' detail: copies reach 0.9, strangers 0.6 mostly
_MOST = 8  # candidates of one image that are verified, the likest first
_ROWS_AT_ONCE = 512
_HELD = 1024  # images that are held decoded; pairs come in an order in which few are read twice

Pair = tuple[str, str]
"""A new image, and one of another class that it may be a copy of, new or in the manifest."""
Fetch = Callable[[Sequence[Path]], None]
"""Brings stored images into the workspace, by their paths in it."""


def under_two_classes(
    new: Mapping[str, NewImage],
    rows: Sequence[Row],
    thumbnails: Mapping[str, Thumbnail],
    workspace: Path,
    store: Path,
    fetch: Fetch | None = None,
) -> tuple[dict[str, Refused], list[Notice]]:
    """Find the new images that are copies of images of another class.

    Args:
        new: images that are not in the manifest; their PNGs lie in `store`.
        rows: of the manifest.
        thumbnails: of its images, by id.
        workspace: holds its images, or some of them.
        store: a folder.
        fetch: brings images that lack into the workspace, by their paths in it.

    Returns:
        The refusals by image id, and a notice about images that could not be compared.
    """
    known = {row.id: row for row in rows}
    pairs = candidates(new, rows, thumbnails)
    absent = {known[other].path for _, other in pairs if other in known}
    absent = {path for path in absent if not (workspace / path).exists()}
    if absent and fetch:
        fetch(sorted(absent))

    def place(id_: str) -> Path:
        return workspace / known[id_].path if id_ in known else store / f"{id_}.png"

    seen = [pair for pair in pairs if place(pair[1]).exists()]
    unseen = len({other for _, other in pairs} - {other for _, other in seen})
    text = f"{unseen} images of earlier batches are not here and were not compared with new ones"
    found = conflicts(copies(seen, lambda id_: _pixels(place(id_))), new, known)
    return found, [Notice("not-compared", unseen, text)] if unseen else []


def candidates(
    new: Mapping[str, NewImage], rows: Sequence[Row], thumbnails: Mapping[str, Thumbnail]
) -> list[Pair]:
    """Pairs of images of different classes that may be one slice.

    Args:
        new: images that are not in the manifest.
        rows: of the manifest.
        thumbnails: of its images, by id.
    """
    mine, theirs = defaultdict(list), defaultdict(list)
    for id_ in sorted(new):
        mine[new[id_].label].append(id_)
    for row in rows:
        theirs[row.label].append(row.id)
    small = {**thumbnails, **{id_: image.image.thumbnail for id_, image in new.items()}}
    found: list[Pair] = []
    for label in sorted(mine):
        later = (id_ for other in sorted(mine) if other > label for id_ in mine[other])
        known = (id_ for other in sorted(theirs) if other != label for id_ in theirs[other])
        others = [*known, *later]
        if others:
            both = [_detail([small[id_] for id_ in ids]) for ids in (mine[label], others)]
            found += _likest(mine[label], both[0], others, both[1])
    return found


def copies(pairs: Iterable[Pair], read: Callable[[str], Pixels]) -> list[Pair]:
    """The pairs that are one slice.

    Args:
        pairs: from `candidates`.
        read: the stored pixels of an image, by id.
    """

    @lru_cache(maxsize=_HELD)
    def held(id_: str) -> Slice:
        return prepare(read(id_))

    return [pair for pair in pairs if is_same_slice(held(pair[0]), held(pair[1]))]


def conflicts(
    pairs: Iterable[Pair], new: Mapping[str, NewImage], known: Mapping[str, Row]
) -> dict[str, Refused]:
    """The refusal of each new image that is a copy of one of another class.

    Both are refused when both are new; an image in the manifest keeps its row.
    """
    labels: dict[str, set[str]] = defaultdict(set)
    kept: dict[str, str] = {}
    for one, other in pairs:
        row = known.get(other)
        labels[one] |= {new[one].label, row.label if row else new[other].label}
        if row:
            kept[one] = row.label
        else:
            labels[other] |= {new[one].label, new[other].label}
    return {id_: _conflict(labels[id_], kept.get(id_, ""), id_) for id_ in sorted(labels)}


def _pixels(file: Path) -> Pixels:
    with Image.open(file) as image:
        pixels = np.asarray(image)
    return pixels if pixels.dtype == np.uint8 else pixels.astype(np.uint16)


def _conflict(labels: Iterable[str], kept: str, id_: str) -> Refused:
    known = f" (it is ingested as {kept}, which stays)" if kept else ""
    detail = (
        f"the same slice, saved again, is in {' and '.join(sorted(labels))}{known}; one label must "
        "be wrong: keep the slice in one class folder only"
    )
    return Refused("conflict", detail, id_)


def _detail(thumbnails: Sequence[Thumbnail]) -> NDArray[np.float32]:
    """What thumbnails [S, S] show beside their 3x3 means, as unit vectors [N, S*S] of mean 0."""
    small = np.stack(thumbnails).astype(np.float32)
    padded = np.pad(small, ((0, 0), (1, 1), (1, 1)), mode="edge")
    side = small.shape[1]
    low = sum(padded[:, i : i + side, j : j + side] for i in range(3) for j in range(3))
    vectors = (small - low / 9).reshape(len(small), -1)
    vectors -= vectors.mean(axis=1, keepdims=True)
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    return np.asarray(vectors / np.maximum(lengths, 1e-6), dtype=np.float32)


def _likest(
    ids: Sequence[str],
    vectors: NDArray[np.float32],
    others: Sequence[str],
    their_vectors: NDArray[np.float32],
) -> Iterator[Pair]:
    for start in range(0, len(ids), _ROWS_AT_ONCE):
        alike = vectors[start : start + _ROWS_AT_ONCE] @ their_vectors.T
        for row in np.flatnonzero(alike.max(axis=1) > _ALIKE).tolist():
            places = np.flatnonzero(alike[row] > _ALIKE)
            likest = places[np.argsort(-alike[row, places], kind="stable")[:_MOST]]
            yield from ((ids[start + row], others[place]) for place in likest.tolist())
