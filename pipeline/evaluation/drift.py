"""Whether images that came later differ from those that were there: each figure with its floor.

Images of one patient are alike, so whole groups are what chance could have dealt otherwise. The
floor is what the same figure reaches when they are dealt anew, a permutation test: groups that are
old or new alone are mixed, as many of each, and of a group that has old and new images a coin says
which are called new.
"""

import math
from collections.abc import Collection
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from model.metrics.kernel import polynomial_kernel

DEALS = 4000
"""Ways of dealing the groups that the floor is taken over."""
LEAST_DEALS = 100
"""Ways there must be at all: with fewer, a rare value cannot be told from a common one."""

Values = NDArray[np.float64]


@dataclass(frozen=True)
class Shift:
    """A figure between old and new images.

    Attributes:
        value: of the images as they came.
        floor: what chance stays under at the asked level, in size where the figure has a sign.
        p: share of deals that reach the value or more.
    """

    value: float
    floor: float
    p: float

    @property
    def beyond(self) -> bool:
        """Whether it is more than chance."""
        return abs(self.value) > self.floor


@dataclass(frozen=True)
class Deals:
    """Whose image is whose, and who is called new.

    Attributes:
        unit: group number of each image [N]; old and new images never share one.
        sizes: images of each group [G].
        new: which groups are new, a row a deal [1 + DEALS, G]; the first is how it was.
    """

    unit: NDArray[np.int64]
    sizes: Values
    new: Values

    @classmethod
    def of(cls, groups: NDArray[np.str_], is_new: NDArray[np.bool_], seed: int = 0) -> "Deals":
        """Deal the groups of images [N], of which `is_new` [N] came later."""
        names = np.char.add(np.where(is_new, "new ", "old "), groups.astype(str))
        known, unit = np.unique(names, return_inverse=True)
        group, truly = np.char.partition(known, " ")[:, 2], np.char.startswith(known, "new ")
        members = [np.flatnonzero(group == name) for name in np.unique(group)]
        twins = np.array([both for both in members if len(both) == 2], np.int64).reshape(-1, 2)
        single = np.array([only[0] for only in members if len(only) == 1], np.int64)
        rng = np.random.default_rng([seed, len(known)])
        dealt = np.tile(truly, (1 + DEALS, 1))
        dealt[1:, single] = rng.permuted(dealt[1:, single], axis=1)
        coins = rng.random((DEALS, len(twins))) < 0.5
        dealt[1:, twins[:, 0]], dealt[1:, twins[:, 1]] = coins, ~coins
        return cls(unit, np.bincount(unit).astype(np.float64), dealt.astype(np.float64))


def few_deals(old: Collection[str], new: Collection[str]) -> bool:
    """Whether groups, by name, can be dealt in so few ways that no floor can be had."""
    twins, single = set(old) & set(new), set(old) ^ set(new)
    ways: int = 2 ** len(twins) * math.comb(len(single), len(single - set(old)))
    return ways < LEAST_DEALS


def kernel_shift(features: Values, deals: Deals, level: float) -> Shift:
    """Kernel distance (unbiased MMD^2) between old and new images, of features [N, d].

    Args:
        features: of all images; at least two old and two new ones in any deal, or the deal is
            passed over.
        deals: of the same images.
        level: share of deals that may reach the floor, such as 0.05.
    """
    kernel = polynomial_kernel(features, features)
    own = np.bincount(deals.unit, kernel.diagonal()).astype(np.float64)
    one_hot = np.eye(len(deals.sizes))[deals.unit]
    between = one_hot.T @ kernel @ one_hot
    new: Values = deals.new
    old: Values = 1 - new
    count_new: Values = new @ deals.sizes
    count_old: Values = old @ deals.sizes
    fits = (count_new >= 2) & (count_old >= 2)
    new, old, count_new, count_old = new[fits], old[fits], count_new[fits], count_old[fits]
    values = (
        _within(new, between, own, count_new)
        + _within(old, between, own, count_old)
        - 2 * ((new @ between) * old).sum(1) / (count_new * count_old)
    )
    return _judge(values, values, level)


def mean_shift(values: Values, deals: Deals, level: float) -> Shift:
    """Mean of new images minus that of old ones, of one value an image [N]; its floor is a size."""
    sums = np.bincount(deals.unit, values)
    new, old = deals.new, 1 - deals.new
    means = (new @ sums) / (new @ deals.sizes) - (old @ sums) / (old @ deals.sizes)
    return _judge(means, np.abs(means), level)


def _within(side: Values, between: Values, own: Values, count: Values) -> Values:
    """Mean of k over pairs of two different images of one side, for each deal."""
    pairs: Values = ((side @ between) * side).sum(1) - side @ own
    return pairs / (count * (count - 1))


def _judge(values: Values, sizes: Values, level: float) -> Shift:
    dealt = sizes[1:]
    reached = float((1 + (dealt >= sizes[0]).sum()) / (1 + len(dealt)))
    return Shift(float(values[0]), float(np.quantile(dealt, 1 - level)), reached)
