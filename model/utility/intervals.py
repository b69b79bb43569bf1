"""Scores and intervals from a classifier's answers: bootstrap over groups, variance over seeds."""

import math
from typing import NamedTuple

import numpy as np
import scipy
from numpy.typing import NDArray

from .record import Estimate

Array = NDArray[np.float64]
Labels = NDArray[np.int64]

CONFIDENCE = 0.95


class Resampling(NamedTuple):
    """Bootstrap draws of the test groups; made once, so that every arm uses the same draws.

    Attributes:
        weights: float64 [B, G], how often each group is drawn.
        sizes: float64 [G, C], test images of a group and class.
        member: int64 [N], the group of each test image.
        labels: int64 [N].
        freedom: degrees of freedom of the spread, groups minus the classes that are a group's main
            one; 0 if `alone` names any.
        alone: classes of whose variation the groups say nothing: one group alone shows it, or is
            the only one whose main class it is.
    """

    weights: Array
    sizes: Array
    member: Labels
    labels: Labels
    freedom: int
    alone: tuple[int, ...]


class Spread(NamedTuple):
    """A mean, its standard error over groups and seeds, and the error's degrees of freedom."""

    value: float
    error: float
    freedom: float

    def estimate(self, low: float = -1.0, high: float = 1.0) -> Estimate:
        """The value with its 95 % interval by Student's t, clipped to [low, high]."""
        if not self.error:
            return Estimate(value=self.value)
        half = float(scipy.stats.t.isf((1 - CONFIDENCE) / 2, self.freedom)) * self.error
        return Estimate(
            value=self.value, low=max(self.value - half, low), high=min(self.value + half, high)
        )

    @property
    def p(self) -> float:
        """Two-sided p-value of no difference; 1 if the error cannot be estimated."""
        return (
            float(2 * scipy.stats.t.sf(abs(self.value) / self.error, self.freedom))
            if self.error
            else 1
        )


def resampling(
    labels: Labels, groups: NDArray[np.str_], classes: int, count: int, seed: int = 0
) -> Resampling:
    """Draw the groups of each class with replacement, one fewer than there are.

    One fewer, because n draws would give a variance too small by (n - 1) / n: by half for a class
    of two groups (the rescaling bootstrap, Rao and Wu 1988, with n - 1 draws; the rescaling itself
    cancels in a share). A group of several classes belongs to the one with most of its images.

    Args:
        labels: int64 [N], of the test images, with every class.
        groups: [N], the group of each image.
        classes: number of classes C.
        count: number of draws B.
        seed: of the draws.
    """
    names, member = np.unique(groups, return_inverse=True)
    sizes = np.zeros((len(names), classes))
    np.add.at(sizes, (member, labels), 1)
    home = sizes.argmax(1)
    weights = np.ones((count, len(names)))
    rng = np.random.default_rng(seed)
    alone, free = set(np.flatnonzero((sizes > 0).sum(0) == 1).tolist()), 0
    for label in np.unique(home):
        own = np.flatnonzero(home == label)
        free += len(own) - 1
        if len(own) > 1:
            drawn = rng.multinomial(len(own) - 1, np.full(len(own), 1 / len(own)), count)
            weights[:, own] = drawn * len(own) / (len(own) - 1)
        else:
            alone.add(int(label))
    known = 0 if alone else free
    return Resampling(weights, sizes, member, labels, known, tuple(sorted(alone)))


def balanced_accuracy(answers: Labels, labels: Labels) -> float:
    """Mean over the classes present of the share of correctly classified images.

    Args:
        answers, labels: int64 [N].
    """
    return float(np.mean([(answers[labels == c] == c).mean() for c in np.unique(labels)]))


def macro_auc(probabilities: Array, labels: Labels) -> float:
    """Mean over classes of the area under the ROC curve, one class against all others together.

    Ties count half.

    Args:
        probabilities: [N, C].
        labels: int64 [N], at least two classes.
    """
    areas = []
    for label in np.unique(labels):
        own, others = probabilities[labels == label, label], probabilities[labels != label, label]
        u = scipy.stats.mannwhitneyu(own, others, method="asymptotic").statistic
        areas.append(u / (len(own) * len(others)))
    return float(np.mean(areas))


def spread(
    answers: Labels, draws: Resampling, reference: Labels | None = None, *, seeded: bool = True
) -> Spread:
    """Balanced accuracy, or its difference to a reference, averaged over seeds.

    error^2 = variance over draws of the groups, of the mean over seeds
            + variance over seeds / their number,

    because other patients and other trainings would each give another figure. The degrees of
    freedom follow Satterthwaite. Variance common to both terms is counted twice, so the interval
    is conservative.

    Args:
        answers: int64 [S, N], the class predicted for each test image by the classifier of each
            seed.
        draws: of the test groups.
        reference: answers to subtract, seed by seed.
        seeded: False if the answers do not depend on a seed; otherwise one seed gives no error.

    Returns:
        The value and its error; the error is 0 if it cannot be estimated.
    """
    whole = _balanced(answers, draws, np.ones((1, draws.weights.shape[1])))
    drawn = _balanced(answers, draws, draws.weights)
    if reference is not None:
        whole -= _balanced(reference, draws, np.ones((1, draws.weights.shape[1])))
        drawn -= _balanced(reference, draws, draws.weights)
    value, seeds = float(whole.mean()), len(answers)
    if not draws.freedom or (seeded and seeds < 2):
        return Spread(value, 0.0, 1.0)
    of_groups = float(drawn.mean(1).var(ddof=1))
    of_seeds = float(whole[0].var(ddof=1)) / seeds if seeded else 0.0
    total = of_groups + of_seeds
    if total < 1e-20:  # zero up to rounding: no variation over groups and seeds
        return Spread(value, 0.0, 1.0)
    parts = of_groups**2 / draws.freedom + of_seeds**2 / max(seeds - 1, 1)
    return Spread(value, math.sqrt(total), total**2 / parts)


def _balanced(answers: Labels, draws: Resampling, weights: Array) -> Array:
    """Balanced accuracy by draw and seed: float64 [B, S]; a class that a draw lacks is left out."""
    groups, classes = draws.sizes.shape
    size = weights @ draws.sizes
    found = np.empty((len(weights), len(answers)))
    for place, named in enumerate(answers):
        hits = np.zeros((groups, classes))
        np.add.at(hits, (draws.member, draws.labels), named == draws.labels)
        recall = np.divide(weights @ hits, size, out=np.zeros_like(size), where=size > 0)
        found[:, place] = recall.sum(1) / (size > 0).sum(1)
    return found
