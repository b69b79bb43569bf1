"""Measure how similar training and test images are, to detect leaks between splits.

Images are compared by the correlation of their thumbnails, as for groups. For reference the same is
measured for a split by image, which is how most published data sets of slices are split.
"""

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pipeline.data.formats.canonical import Thumbnail
from pipeline.data.ingest.grouping import normalise
from pipeline.data.manifest import Row

_ROWS_AT_ONCE = 512


@dataclass(frozen=True, order=True)
class Pair:
    """Two images of one class in different splits, by id, and their correlation."""

    correlation: float
    held_out: str
    trained: str
    label: str


@dataclass(frozen=True)
class Leak:
    """Similarity of one class's training and test images.

    Attributes:
        label: its name.
        nearest: for each test image, the highest correlation to a training image [N].
        nearest_by_image: the same for a split by image.
        pairs: the nearest pairs of the actual split, nearest first.
    """

    label: str
    nearest: NDArray[np.float32]
    nearest_by_image: NDArray[np.float32]
    pairs: tuple[Pair, ...]


def leaks(
    rows: Sequence[Row], thumbnails: Mapping[str, Thumbnail], shown: int = 8
) -> Iterator[Leak]:
    """The leak of every class that has training and test images, sorted by class.

    Args:
        rows: of a data revision.
        thumbnails: by image id.
        shown: number of pairs to return.
    """
    for label in sorted({row.label for row in rows}):
        mine = sorted(row for row in rows if row.label == label)
        trained = [row.id for row in mine if row.split == "train"]
        tested = [row.id for row in mine if row.split == "test"]
        if not trained or not tested:
            continue
        nearest, partner = _nearest(tested, trained, thumbnails)
        order = np.argsort(-nearest, kind="stable")[:shown]
        pairs = tuple(
            Pair(float(nearest[i]), tested[i], trained[partner[i]], label) for i in order.tolist()
        )
        # As many test images, drawn by hash, so that the draw is reproducible.
        drawn = sorted((row.id for row in mine), key=_draw)
        by_image, _ = _nearest(drawn[: len(tested)], drawn[len(tested) :], thumbnails)
        yield Leak(label, nearest, by_image, pairs)


def _nearest(
    tested: Sequence[str], trained: Sequence[str], thumbnails: Mapping[str, Thumbnail]
) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    """Highest correlation of each of `tested` with one of `trained`, and that one's index."""
    ours = normalise(np.stack([thumbnails[id_] for id_ in tested]))
    others = normalise(np.stack([thumbnails[id_] for id_ in trained]))
    values, partners = [], []
    for start in range(0, len(ours), _ROWS_AT_ONCE):
        alike = ours[start : start + _ROWS_AT_ONCE] @ others.T
        partners.append(alike.argmax(axis=1))
        values.append(alike.max(axis=1))
    return np.concatenate(values), np.concatenate(partners)


def _draw(id_: str) -> str:
    return hashlib.sha256(f"split by image {id_}".encode()).hexdigest()
