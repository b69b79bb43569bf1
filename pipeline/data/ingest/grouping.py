"""Form groups: images that must not be divided between splits.

A group is a patient where the patient is known, else a connected component of images of one class
whose thumbnails correlate above a threshold, such as neighbouring slices of one scan. Perceptual
hashes percolate on CT (nearly everything joins one component); the number of components by
thumbnail correlation is stable around its threshold.

Groups that touch form a component, which has one split. A group in the manifest keeps its name and
split, and a patient's images keep the patient's group, so that later images of the patient join it.
An image that would join components of different splits is a bridge and is quarantined. An image
that resembles several groups of one split joins the first by name: those groups are then not
independent, which the notes report.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pipeline.data.names import PATIENT_PREFIX, PIXELS_PREFIX

__all__ = ["PATIENT_PREFIX", "PIXELS_PREFIX", "Grouping", "Member", "group_images"]

_ROWS_AT_ONCE = 512
_ROUNDING = 1e-4  # products of unit vectors in float32 are off by less, on any processor


@dataclass(frozen=True)
class Member:
    """One image to be grouped.

    Attributes:
        id: of the image.
        label: class; images of two classes are never compared.
        thumbnail: uint8 [S, S].
        group: for an image of the manifest its group; for a new one the group of its patient, or
            that of its scan to start from, or "".
        beside: another group that joins this one, such as that of its pair; or "".
    """

    id: str
    label: str
    thumbnail: NDArray[np.uint8]
    group: str = ""
    beside: str = ""


@dataclass(frozen=True)
class Grouping:
    """Groups of new images.

    Attributes:
        groups: image id -> group, of every new image that is not a bridge.
        components: image id -> the group that names its component, one of the manifest if any.
        bridges: image id -> the groups of different splits that it would have joined.
        notes: sentences about joined groups of one split, for the user.
    """

    groups: dict[str, str]
    components: dict[str, str]
    bridges: dict[str, tuple[str, ...]]
    notes: tuple[str, ...]


def group_images(
    new: Iterable[Member], old: Iterable[Member], splits: Mapping[str, str], threshold: float
) -> Grouping:
    """Group new images with each other and with those of the manifest.

    Args:
        new: images that are not in the manifest, in any order.
        old: images that are, with their groups.
        splits: split of every group of the manifest.
        threshold: correlation of thumbnails above which two images share a group. Two images of
            known patients are not compared: their patients decide.
    """
    fresh, written = _by_class(new), _by_class(old)
    forest = _Forest(splits)
    placed: dict[str, str] = {}
    bridges: dict[str, tuple[str, ...]] = {}
    for label in sorted(fresh):
        members = fresh[label]
        everyone = written.get(label, []) + members
        placed |= {member.id: member.group for member in written.get(label, [])}
        for member, others in _neighbours(members, everyone, threshold):
            own = member.group or PIXELS_PREFIX + member.id[:12]
            touched = {placed[other.id] for other in others if other.id in placed}
            touched |= {own, member.beside} - {""}
            if crossed := forest.join(touched):
                bridges[member.id] = crossed
            else:
                placed[member.id] = own
    kept = [m for label in sorted(fresh) for m in fresh[label] if m.id in placed]
    components = {member.id: forest.find(placed[member.id]) for member in kept}
    groups = {
        member.id: member.group
        if member.group.startswith(PATIENT_PREFIX)
        else components[member.id]
        for member in kept
    }
    return Grouping(groups, components, bridges, tuple(forest.notes))


def _by_class(members: Iterable[Member]) -> dict[str, list[Member]]:
    classes: dict[str, list[Member]] = {}
    for member in sorted(members, key=lambda member: member.id):
        classes.setdefault(member.label, []).append(member)
    return classes


def _neighbours(
    members: Sequence[Member], everyone: Sequence[Member], threshold: float
) -> Iterator[tuple[Member, list[Member]]]:
    """Each new member of a class with the others of `everyone` that it resembles."""
    if all(member.group.startswith(PATIENT_PREFIX) for member in everyone):
        yield from ((member, []) for member in members)
        return
    thumbnails = np.stack([member.thumbnail for member in everyone])
    vectors = normalise(thumbnails)
    first = len(everyone) - len(members)
    for start in range(first, len(everyone), _ROWS_AT_ONCE):
        block = vectors[start : start + _ROWS_AT_ONCE]
        for row, alike in enumerate(block @ vectors.T, start):
            member = everyone[row]
            others = [everyone[i] for i in _above(threshold, alike, thumbnails, row)]
            if member.group.startswith(PATIENT_PREFIX):
                others = [o for o in others if not o.group.startswith(PATIENT_PREFIX)]
            yield member, others


def _above(
    threshold: float, alike: NDArray[np.float32], thumbnails: NDArray[np.uint8], row: int
) -> list[int]:
    """Which thumbnails [N, S, S] correlate with that of `row` above a threshold, itself excepted.

    `alike` [N] are products of vectors; those too near the threshold to tell are counted anew.
    """
    places = np.flatnonzero(alike > threshold - _ROUNDING)
    places = places[places != row]
    values = alike[places].astype(np.float64)
    close = values < threshold + _ROUNDING
    values[close] = correlations(thumbnails[row], thumbnails[places[close]])
    above: list[int] = places[values > threshold].tolist()
    return above


def normalise(thumbnails: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Thumbnails [N, S, S] as unit vectors [N, S*S] of mean 0: their products are correlations."""
    vectors = thumbnails.reshape(len(thumbnails), -1).astype(np.float32)
    vectors -= vectors.mean(axis=1, keepdims=True)
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    return np.asarray(vectors / np.maximum(lengths, 1e-6), dtype=np.float32)


def correlations(one: NDArray[np.uint8], others: NDArray[np.uint8]) -> NDArray[np.float64]:
    """Of a thumbnail [S, S] with others [N, S, S]: the same numbers on every processor.

    Sums are of whole numbers, which come to the same in any order. It takes many times as long as
    a product of what `normalise` returns.
    """
    rows = np.concatenate([one[None], others]).reshape(1 + len(others), -1).astype(np.int64)
    rows = rows * rows.shape[1] - rows.sum(axis=1, keepdims=True)
    products = (rows @ rows[0]).astype(np.float64)
    squares = (rows * rows).sum(axis=1).astype(np.float64)
    return np.asarray(products[1:] / np.sqrt(squares[0] * squares[1:]))


class _Forest:
    """Union-find over group names, which refuses to join groups of different splits."""

    def __init__(self, splits: Mapping[str, str]) -> None:
        self._splits = splits
        self._parents: dict[str, str] = {}
        self.notes: list[str] = []

    def find(self, name: str) -> str:
        """The name of the component that `name` is in."""
        while (parent := self._parents.get(name, name)) != name:
            self._parents[name] = self._parents.get(parent, parent)
            name = parent
        return name

    def join(self, names: Iterable[str]) -> tuple[str, ...]:
        """Join groups into one component; join nothing and return those of different splits."""
        roots = sorted({self.find(name) for name in names}, key=self._precedence)
        written = [root for root in roots if root in self._splits]
        if len({self._splits[root] for root in written}) > 1:
            return tuple(written)
        if len(written) > 1:
            joined = ", ".join(written[1:])
            self.notes.append(f"images resemble several groups: {joined} joined to {written[0]}")
        self._parents |= dict.fromkeys(roots, roots[0])
        return ()

    def _precedence(self, name: str) -> tuple[bool, bool, str]:
        return name not in self._splits, not name.startswith(PATIENT_PREFIX), name
