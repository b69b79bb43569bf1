"""Test whether new images differ from old ones: figures, each with the floor of chance.

Images of one patient are alike, so the permutation test permutes whole groups. The floor is what
the same figure reaches under permutation: groups with only old or only new images are shuffled,
keeping the number of each; for a group with both, a coin decides which part counts as new.
"""

import math
from collections.abc import Collection
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from model.metrics.kernel import polynomial_kernel

PERMUTATIONS = 4000
"""Permutations of the groups that the floor is computed from."""
LEAST_PERMUTATIONS = 100
"""Fewest distinct permutations; with fewer, a rare value cannot be told from a common one."""

Values = NDArray[np.float64]


@dataclass(frozen=True)
class Shift:
    """A figure between old and new images.

    Attributes:
        value: of the actual old and new images.
        floor: bound of chance at the requested level; of the absolute value for signed figures.
        p: share of permutations that reach the value or more.
    """

    value: float
    floor: float
    p: float

    @property
    def beyond(self) -> bool:
        """Whether the value is beyond chance."""
        return abs(self.value) > self.floor


@dataclass(frozen=True)
class Permutations:
    """Permutations of which groups count as new.

    Attributes:
        unit: group number of each image [N]; old and new images never share one.
        sizes: images of each group [G].
        new: which groups are new [1 + count, G], one row per permutation after the actual.
    """

    unit: NDArray[np.int64]
    sizes: Values
    new: Values

    @classmethod
    def draw(
        cls,
        groups: NDArray[np.str_],
        is_new: NDArray[np.bool_],
        seed: int = 0,
        count: int = PERMUTATIONS,
    ) -> "Permutations":
        """Permute the groups of images [N], of which `is_new` [N] are new, `count` times."""
        names = np.char.add(np.where(is_new, "new ", "old "), groups.astype(str))
        known, unit = np.unique(names, return_inverse=True)
        group, truly = np.char.partition(known, " ")[:, 2], np.char.startswith(known, "new ")
        members = [np.flatnonzero(group == name) for name in np.unique(group)]
        mixed = np.array([both for both in members if len(both) == 2], np.int64).reshape(-1, 2)
        single = np.array([only[0] for only in members if len(only) == 1], np.int64)
        rng = np.random.default_rng([seed, len(known)])
        permuted = np.tile(truly, (1 + count, 1))
        permuted[1:, single] = rng.permuted(permuted[1:, single], axis=1)
        coins = rng.random((count, len(mixed))) < 0.5
        permuted[1:, mixed[:, 0]], permuted[1:, mixed[:, 1]] = coins, ~coins
        return cls(unit, np.bincount(unit).astype(np.float64), permuted.astype(np.float64))


def too_few_permutations(
    old: Collection[str], new: Collection[str], least: int = LEAST_PERMUTATIONS
) -> bool:
    """Whether groups, by name, have fewer than `least` permutations, too few for a floor."""
    mixed, single = set(old) & set(new), set(old) ^ set(new)
    ways: int = 2 ** len(mixed) * math.comb(len(single), len(single - set(old)))
    return ways < least


def kernel_shift(features: Values, permutations: Permutations, level: float) -> Shift:
    """Kernel distance (unbiased MMD^2) between old and new images, of features [N, d].

    Args:
        features: of all images; a permutation with fewer than two old or two new images is
            skipped.
        permutations: of the same images.
        level: share of permutations that may reach the floor, such as 0.05.
    """
    kernel = polynomial_kernel(features, features)
    own = np.bincount(permutations.unit, kernel.diagonal()).astype(np.float64)
    one_hot = np.eye(len(permutations.sizes))[permutations.unit]
    between = one_hot.T @ kernel @ one_hot
    new: Values = permutations.new
    old: Values = 1 - new
    count_new: Values = new @ permutations.sizes
    count_old: Values = old @ permutations.sizes
    fits = (count_new >= 2) & (count_old >= 2)
    new, old, count_new, count_old = new[fits], old[fits], count_new[fits], count_old[fits]
    values = (
        _within(new, between, own, count_new)
        + _within(old, between, own, count_old)
        - 2 * ((new @ between) * old).sum(1) / (count_new * count_old)
    )
    return _shift(values, values, level)


def mean_shift(values: Values, permutations: Permutations, level: float) -> Shift:
    """Mean of new minus mean of old images, of a value per image [N]; the floor is absolute."""
    sums = np.bincount(permutations.unit, values)
    new, old = permutations.new, 1 - permutations.new
    means = (new @ sums) / (new @ permutations.sizes) - (old @ sums) / (old @ permutations.sizes)
    return _shift(means, np.abs(means), level)


def _within(side: Values, between: Values, own: Values, count: Values) -> Values:
    """Mean of k over pairs of two different images of one side, for each permutation."""
    pairs: Values = ((side @ between) * side).sum(1) - side @ own
    return pairs / (count * (count - 1))


def _shift(values: Values, sizes: Values, level: float) -> Shift:
    permuted = sizes[1:]
    reached = float((1 + (permuted >= sizes[0]).sum()) / (1 + len(permuted)))
    return Shift(float(values[0]), float(np.quantile(permuted, 1 - level)), reached)
