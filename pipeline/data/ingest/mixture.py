"""Find classes that mix several kinds of images, such as views or body parts, by their features.

A generator that learns from axial and coronal slices as one class draws blends of both. The kinds
are found by k-means on features; a set of one kind has no clear clusters. On 12 classes of real CT
and ultrasound, silhouettes are 0.16 to 0.29 for one kind and 0.51 to 0.56 for mixed views
(docs/lab-notes.md).
"""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pipeline.data.formats import Pixels
from pipeline.data.ingest.account import Notice
from pipeline.data.manifest import Row
from pipeline.data.square import PreprocessConfig, to_square

LEAST, MOST = 60, 150
"""Fewest images of a class to look at, and most."""
SEPARATE = 0.4
"""Mean silhouette from which the kinds are separate (Rousseeuw 1987; 1: far apart, 0: touching)."""
_LEAST_SHARE = 0.05
_KINDS = (2, 3, 4)
_COMPONENTS = 10
_CONFIG = PreprocessConfig(size=64)


@dataclass(frozen=True)
class Mixture:
    """The kinds of images in one class.

    Attributes:
        label: the class.
        silhouette: mean silhouette of the kinds, 0 to 1.
        kinds: ids of the images looked at, by kind, the largest first.
    """

    label: str
    silhouette: float
    kinds: tuple[tuple[str, ...], ...]

    @property
    def sizes(self) -> tuple[int, ...]:
        """Images of each kind."""
        return tuple(len(kind) for kind in self.kinds)


def find_mixtures(
    classes: Mapping[str, Sequence[str]], read: Callable[[str], Pixels]
) -> list[Mixture]:
    """The classes that mix kinds of images.

    Args:
        classes: class -> ids of its images; of each at most `MOST` are looked at.
        read: returns the pixels of an image.
    """
    chosen = {
        label: sorted(ids)[:: -(-len(ids) // MOST)]
        for label, ids in sorted(classes.items())
        if len(ids) >= LEAST
    }
    if not chosen:
        return []
    from model.features import extract  # torch: seconds, which most commands should not pay

    ids = [id_ for each in chosen.values() for id_ in each]
    features = extract(np.stack([to_square(read(id_), _CONFIG) for id_ in ids]))
    found, start = [], 0
    for label, each in chosen.items():
        found.append(_mixture(label, each, features[start : start + len(each)]))
        start += len(each)
    return [mixture for mixture in found if mixture]


def _mixture(label: str, ids: Sequence[str], features: NDArray[np.float32]) -> Mixture | None:
    from sklearn.cluster import KMeans
    from sklearn.decomposition import PCA
    from sklearn.metrics import silhouette_score

    lengths = np.linalg.norm(features, axis=1, keepdims=True)
    points = PCA(_COMPONENTS, random_state=0).fit_transform(features / np.maximum(lengths, 1e-6))
    best, kinds = 0.0, np.zeros(len(ids), int)
    for count in _KINDS:
        labels = KMeans(count, n_init=4, random_state=0).fit_predict(points)
        if min(Counter(labels.tolist()).values()) < _LEAST_SHARE * len(ids):
            continue
        if (score := float(silhouette_score(points, labels))) > best:
            best, kinds = score, labels
    if best < SEPARATE:
        return None
    by_kind = [
        tuple(i for i, own in zip(ids, kinds, strict=True) if own == kind) for kind in set(kinds)
    ]
    return Mixture(label, best, tuple(sorted(by_kind, key=lambda kind: (-len(kind), kind))))


def mixture_notices(rows: Iterable[Row], read: Callable[[str], Pixels]) -> list[Notice]:
    """Notices about classes of new images that mix views, known or found by features.

    Args:
        rows: of the new images.
        read: returns the pixels of an image.
    """
    rows = list(rows)
    views: dict[str, Counter[str]] = {}
    for row in rows:
        views.setdefault(_kind(row), Counter())[row.view] += 1
    mixed = [label for label in sorted(views) if _mixes(views[label])]
    notices = [_views_notice(label, views[label]) for label in mixed]
    unknown: dict[str, list[str]] = {}
    for row in rows:
        if row.view == "unknown":
            unknown.setdefault(_kind(row), []).append(row.id)
    return notices + _found_notices(find_mixtures(unknown, read))


def _kind(row: Row) -> str:
    """A class; of pairs, which have two modalities by intent, one of them."""
    return f"{row.label} {row.modality}" if row.pair else row.label


def _mixes(views: Counter[str]) -> bool:
    most = _LEAST_SHARE * views.total()
    return sum(count >= most for view, count in views.items() if view != "unknown") > 1


def _views_notice(label: str, views: Counter[str]) -> Notice:
    sizes = ", ".join(f"{view} {count}" for view, count in views.most_common())
    first = next(view for view, _ in views.most_common() if view != "unknown")
    text = (
        f"class {label} mixes views ({sizes}), and a generator learns blends of them: "
        f"`preprocess.views: [{first}]` learns from one"
    )
    return Notice("mixed-views", views.total(), text)


def _found_notices(found: Sequence[Mixture]) -> list[Notice]:
    if not found:
        return []
    classes = ", ".join(f"{one.label} ({' + '.join(map(str, one.sizes))})" for one in found)
    text = (
        "classes that mix kinds of images, by their features, with the number of each kind looked "
        f"at: {classes}. They may be views, body parts or devices, and a generator learns blends "
        "of them. `medloom data report` shows the kinds; give the views by a medloom.csv or "
        "ingest.guess_views and learn from one with `preprocess.views`, or ingest one kind alone"
    )
    return [Notice("mixed-kinds", sum(sum(one.sizes) for one in found), text)]
