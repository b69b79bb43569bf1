"""Whether images generated as one class are of that class: kernel distances between classes.

K[c, d] is the kernel distance between the generated images of class c and the real images of class
d. A class is drawn as itself if its row is least on the diagonal; the margin says by how much.

A generator that is poor in all classes alike moves all of its images, which can make a margin
negative although classes are told apart. The contrast of two classes is free of that. With the mean
embeddings f_c of generated and r_c of real images it is

    contrast[c, d] = <f_c - f_d, r_c - r_d> / |r_c - r_d|^2

the share of the real difference of two classes that the generated images show: 1 as in the real
images, 0 if one class is drawn as the other, below 0 if the two are exchanged.

All sums are over different images (U-statistics of the kernel of `kernel_distance`), in float64.
"""

from typing import NamedTuple

import numpy as np
import scipy
from numpy.typing import ArrayLike, NDArray

from .kernel import polynomial_kernel

Array = NDArray[np.float64]

_LEAST = 2  # images of a class on a side


class WithInterval(NamedTuple):
    """Estimates with two-sided intervals, arrays of one shape; nan where not to be computed."""

    value: Array
    low: Array
    high: Array


class ClassMatrix(NamedTuple):
    """Generated against real images, class by class.

    Attributes:
        distance: kernel distance of generated class (row) to real class (column), [C, C].
        margin: of each generated class, distance to the nearest other class minus that to its own,
            [C]; above 0: it is nearest to its own.
        nearest: that other class, [C]; -1 where unknown.
        real: kernel distance between two real classes, [C, C], 0 on the diagonal; by pairs of
            images of different groups, since images of one group are alike.
        contrast: share of the real difference of two classes that the generated images show,
            [C, C], symmetric; nan on the diagonal.
    """

    distance: WithInterval
    margin: WithInterval
    nearest: NDArray[np.int64]
    real: WithInterval
    contrast: WithInterval


def class_matrix(
    real: ArrayLike,
    groups: ArrayLike,
    real_labels: ArrayLike,
    fake: ArrayLike,
    fake_labels: ArrayLike,
    classes: int,
    confidence: float = 0.95,
) -> ClassMatrix:
    """Compare generated and real images of every two classes.

    Intervals are over new groups of the real images (a delete-one-group jackknife by class, t with
    Satterthwaite's degrees of freedom) and over new fakes (first-order projection).

    Args:
        real: features, [N, d].
        groups, real_labels: group and class index of each real image, [N].
        fake: features, [M, d].
        fake_labels: class index of each fake, [M].
        classes: number of classes C; one with fewer than two images on a side is nan.
        confidence: of the two-sided intervals.
    """
    x, y = np.asarray(real, dtype=np.float64), np.asarray(fake, dtype=np.float64)
    if x.ndim != 2 or y.ndim != 2 or x.shape[1] != y.shape[1]:
        raise ValueError(f"features must be [N, d] and [M, d], got {x.shape} and {y.shape}")
    kernels = Kernels(polynomial_kernel(x, x), polynomial_kernel(y, x), polynomial_kernel(y, y))
    return matrix_of_kernels(
        kernels, groups, real_labels, fake_labels, classes=classes, confidence=confidence
    )


class Kernels(NamedTuple):
    """The kernel of every two images: real [N, N], of fakes with real [M, N], fake [M, M]."""

    real: Array
    cross: Array
    fake: Array


def matrix_of_kernels(
    kernels: Kernels,
    groups: ArrayLike,
    real_labels: ArrayLike,
    fake_labels: ArrayLike,
    *,
    classes: int,
    confidence: float = 0.95,
) -> ClassMatrix:
    """`class_matrix` of kernels that are known already."""
    of_fake = np.asarray(fake_labels)
    names = np.asarray(groups).astype(str)
    sums = _Sums.of(kernels, names, np.asarray(real_labels), of_fake, classes)
    found = _statistics(sums)
    whole, left_out = (_Statistics(*(part[rows] for part in found)) for rows in (0, slice(1, None)))
    influence = _influence(sums, of_fake)
    interval = _Intervals(sums, confidence)
    rows, nearest = np.arange(classes), _nearest(whole.distance)
    known, column = nearest >= 0, np.maximum(nearest, 0)
    margin = whole.distance[rows, column] - whole.distance[rows, rows]
    margins = left_out.distance[:, rows, column] - left_out.distance[:, rows, rows]
    with np.errstate(invalid="ignore", divide="ignore"):
        of_contrast = (influence.between + influence.between.T) / whole.real**2
    return ClassMatrix(
        distance=interval.of(whole.distance, left_out.distance, 4 * influence.to_class),
        margin=interval.of(
            np.where(known, margin, np.nan), margins, 4 * influence.between[rows, column]
        ),
        nearest=nearest,
        real=interval.of(whole.real, left_out.real, np.zeros((classes, classes))),
        contrast=interval.of(whole.contrast, left_out.contrast, of_contrast),
    )


class _Sums(NamedTuple):
    """Sums of the kernel over cells: the images of one group and one class.

    Attributes:
        group, label: of each cell, [U].
        counts: real images of a group and class, [G, C].
        real: over pairs of different real images, [U, U].
        cross: mean over the fakes of a class, sum over the real images of a cell, [C, U].
        each: of each fake with the real images of a class, mean, [M, C].
        self_mean: of each fake with the other fakes of its class, mean, [M].
        own: mean over pairs of different fakes of a class, [C].
    """

    group: NDArray[np.int64]
    label: NDArray[np.int64]
    counts: Array
    real: Array
    cross: Array
    each: Array
    self_mean: Array
    own: Array

    @classmethod
    def of(
        cls,
        kernels: Kernels,
        groups: NDArray[np.str_],
        real_labels: NDArray[np.int64],
        fake_labels: NDArray[np.int64],
        classes: int,
    ) -> "_Sums":
        names, group_of = np.unique(groups, return_inverse=True)
        cells, cell_of = np.unique(group_of * classes + real_labels, return_inverse=True)
        group, label = cells // classes, cells % classes
        one_hot = np.eye(len(cells))[cell_of]
        real = one_hot.T @ kernels.real @ one_hot
        real[np.diag_indices(len(cells))] -= np.bincount(cell_of, kernels.real.diagonal())
        counts = np.zeros((len(names), classes))
        counts[group, label] = one_hot.sum(0)
        to_cell = kernels.cross @ one_hot
        member = np.eye(classes)[fake_labels]
        number = member.sum(0)
        same = member @ member.T - np.eye(len(member))
        with np.errstate(invalid="ignore", divide="ignore"):
            self_mean = (kernels.fake * same).sum(1) / (number[fake_labels] - 1)
            return cls(
                group=group,
                label=label,
                counts=counts,
                real=real,
                cross=(member.T @ to_cell) / number[:, None],
                each=(to_cell @ np.eye(classes)[label]) / counts.sum(0),
                self_mean=self_mean,
                own=(member.T @ self_mean) / number,
            )

    @property
    def classes(self) -> int:
        return len(self.own)


class _Statistics(NamedTuple):
    """Distances, real distances and contrasts, [1 + G, C, C]: whole, and without each group."""

    distance: Array
    real: Array
    contrast: Array


class _Influence(NamedTuple):
    """Variances from the finite number of fakes of a class (row), by real class (column).

    Attributes:
        to_class: of half the distance, [C, C].
        between: of the mean kernel with the row's own class minus that with the column's, [C, C].
    """

    to_class: Array
    between: Array


def _statistics(sums: _Sums) -> _Statistics:
    """The statistics of all groups, and with each group left out in turn."""
    inside = (sums.group[:, None] == sums.group) * sums.real
    size = _without_each(sums.counts)
    together = _without_each(sums.counts[:, :, None] * sums.counts[:, None, :])
    cross = np.zeros((len(sums.counts), sums.classes, sums.classes))
    cross[sums.group, :, sums.label] = sums.cross.T
    with np.errstate(invalid="ignore", divide="ignore"):
        means = _without_each(cross) / size[:, None, :]
        within = np.einsum("rcc->rc", _pairs(sums, sums.real))
        within = np.where(size >= _LEAST, within / (size * (size - 1)), np.nan)
        number = size[:, :, None] * size[:, None, :] - together
        mean = np.where(number > 0, _pairs(sums, sums.real - inside) / number, np.nan)
        alike = np.einsum("rcc->rc", mean)
        real = alike[:, :, None] + alike[:, None, :] - 2 * mean
        own = np.einsum("rcc->rc", means)
        shown = own[:, :, None] + own[:, None, :] - means - means.swapaxes(1, 2)
        distance = sums.own[None, :, None] + within[:, None, :] - 2 * means
        return _Statistics(distance, real, shown / real)


def _without_each(parts: Array) -> Array:
    """The sum of [G, ...] over groups, and that without each group: [1 + G, ...]."""
    whole = parts.sum(0, keepdims=True)
    return np.concatenate([whole, whole - parts])


def _pairs(sums: _Sums, real: Array) -> Array:
    """Sums of [U, U], symmetric, over the cells of every two classes: [1 + G, C, C].

    A group's pairs are those with one of it on either side; those with one on both are counted
    twice.
    """
    group, label = sums.group, sums.label
    to_class = real @ np.eye(sums.classes)[label]
    parts = np.zeros((len(sums.counts), sums.classes, sums.classes))
    parts[group, label] = to_class
    whole = parts.sum(0, keepdims=True)
    either = parts + parts.swapaxes(1, 2)
    one, other = np.nonzero(group[:, None] == group)
    either[group[one], label[one], label[other]] -= real[one, other]
    return np.concatenate([whole, whole - either])


def _influence(sums: _Sums, fake_labels: NDArray[np.int64]) -> _Influence:
    shape = (sums.classes, sums.classes)
    to_class, between = np.full(shape, np.nan), np.full(shape, np.nan)
    for label in range(sums.classes):
        rows = fake_labels == label
        mine = sums.each[rows]
        if len(mine) >= _LEAST:
            to_class[label] = (sums.self_mean[rows, None] - mine).var(0, ddof=1) / len(mine)
            between[label] = (mine[:, [label]] - mine).var(0, ddof=1) / len(mine)
    return _Influence(to_class, between)


class _Intervals:
    """Intervals of statistics from their values with each group left out."""

    def __init__(self, sums: _Sums, confidence: float) -> None:
        home = sums.counts.argmax(1)  # the class of most of a group's images
        self._homes = [np.flatnonzero(home == label) for label in np.unique(home)]
        self._level = (1 + confidence) / 2

    def of(self, value: Array, left_out: Array, of_fakes: Array) -> WithInterval:
        """Value, low and high, [...], from [...] and [G, ...].

        The degrees of freedom follow Satterthwaite. A class of which fewer than two images are left
        without one of the groups gives no interval. A group that is the only one with most of its
        images of a class counts by how far the value moves without it, with one degree of freedom.
        """
        variance = np.array(of_fakes, dtype=np.float64)
        squares = np.zeros_like(variance)
        for home in self._homes:
            number = len(home)
            centre = left_out[home].mean(0) if number > 1 else value
            part = ((left_out[home] - centre) ** 2).sum(0)
            part *= (number - 1) / number if number > 1 else 1.0
            variance = variance + part
            squares += part**2 / max(number - 1, 1)
        with np.errstate(invalid="ignore", divide="ignore"):
            freedom = np.where(squares > 0, variance**2 / squares, np.inf)
        half = scipy.stats.t.ppf(self._level, np.maximum(freedom, 1)) * np.sqrt(variance)
        return WithInterval(value, value - half, value + half)


def _nearest(distance: Array) -> NDArray[np.int64]:
    """Of each row, the column of the least distance but the diagonal; -1 where there is none."""
    others = np.where(np.eye(len(distance), dtype=bool), np.inf, distance)
    others = np.where(np.isnan(others), np.inf, others)
    known = np.isfinite(others).any(1) & np.isfinite(distance.diagonal())
    found: NDArray[np.int64] = np.where(known, others.argmin(1), -1)
    return found
