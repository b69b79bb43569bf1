"""How alike images of different splits are: whether training and test images are neighbours.

Images are compared by the correlation of their thumbnails, as for groups. Beside it stands the same
for a split by image, which is how most published splits of slices are made.
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
    """Of one class.

    Attributes:
        label: its name.
        nearest: for each test image, the highest correlation to a training image [N].
        nearest_by_image: the same, had the images been divided one by one.
        pairs: the nearest pairs of the split as it is, nearest first.
    """

    label: str
    nearest: NDArray[np.float32]
    nearest_by_image: NDArray[np.float32]
    pairs: tuple[Pair, ...]


def leaks(
    rows: Sequence[Row], thumbnails: Mapping[str, Thumbnail], shown: int = 8
) -> Iterator[Leak]:
    """Every class that has training and test images, by name.

    Args:
        rows: of a data revision.
        thumbnails: by image id.
        shown: pairs to name.
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
        # As many test images, drawn one by one: by hash, so that it is the same every time.
        drawn = sorted((row.id for row in mine), key=_draw)
        by_image, _ = _nearest(drawn[: len(tested)], drawn[len(tested) :], thumbnails)
        yield Leak(label, nearest, by_image, pairs)


def _nearest(
    tested: Sequence[str], trained: Sequence[str], thumbnails: Mapping[str, Thumbnail]
) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    """Highest correlation of each of `tested` to one of `trained`, and to which."""
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
