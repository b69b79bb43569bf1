"""Simulated generators with known true kernel distance, and evaluations of their images.

A simulated generator draws, class by class, from a fixed list of images with fixed probabilities.
Its expected score is exactly a quadratic form of these, so the difference of two generators can be
made equal to any margin. Test groups are drawn with replacement from a pool of real groups, so a
group's expected score is the pool's mean. All kernels are computed once; a trial multiplies counts
with them.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import scipy
from numpy.typing import NDArray

from model.metrics.kernel import polynomial_kernel
from pipeline.base.errors import BadInputError
from pipeline.evaluation.record import (
    COPIES,
    DIVERSITY,
    KERNEL,
    REPEATS,
    Evaluation,
    Figure,
    Protocol,
)

Array = NDArray[np.float64]

SEEDS = 3
_BATCH = 64  # draws multiplied with the kernel at once


@dataclass(frozen=True)
class Pool:
    """The source images of generators, and the test groups.

    Attributes:
        between: k of each pair of source images, [M, M].
        to_groups: mean k of each source image with the real images of each group, [M, G].
        labels: class of each source image, [M].
        per_seed: fakes of each class that a sampling seed draws.
    """

    between: Array
    to_groups: Array
    labels: NDArray[np.int64]
    per_seed: NDArray[np.int64]

    @property
    def diagonal(self) -> Array:
        """k of each source image with itself, [M]."""
        return self.between.diagonal()


def make_pool(
    real: Array,
    groups: NDArray[np.str_],
    source: Array,
    labels: NDArray[np.int64],
    per_seed: NDArray[np.int64],
) -> Pool:
    """Precompute every kernel that a trial needs.

    Args:
        real, groups: features [N, d] and group [N] of the real images.
        source, labels: features [M, d] and class [M] of the source images.
        per_seed: fakes of each class that a sampling seed draws.
    """
    names, member = np.unique(groups, return_inverse=True)
    to_groups = np.empty((len(source), len(names)))
    for group in range(len(names)):
        to_groups[:, group] = polynomial_kernel(source, real[member == group]).mean(1)
    return Pool(polynomial_kernel(source, source), to_groups, labels, per_seed)


def generator(pool: Pool, weights: Array) -> Array:
    """Probabilities [M] of the source images, proportional to `weights`; each class sums to 1.

    Raises:
        BadInputError: a class has no weight.
    """
    sums = np.bincount(pool.labels, weights, len(pool.per_seed))
    if not sums.all():
        raise BadInputError("a simulated generator needs at least one image of each class")
    chances: Array = weights / sums[pool.labels]
    return chances


def true_score(pool: Pool, chances: Array) -> float:
    """Expectation of a group's score over groups of the pool and over draws.

    With n_c fakes of class c and n in all, the mean over pairs of different fakes has expectation
    (n^2 u'Ku - sum over c of n_c p_c'K p_c) / (n (n - 1)), where u is the mixture of the p_c.
    """
    total = pool.per_seed.sum()
    mixture = chances * pool.per_seed[pool.labels] / total
    own = sum(
        count * _quadratic(pool, np.where(pool.labels == label, chances, 0.0))
        for label, count in enumerate(pool.per_seed)
    )
    within = (total**2 * _quadratic(pool, mixture) - own) / (total * (total - 1))
    return float(within - 2 * mixture @ pool.to_groups.mean(1))


def improvement(pool: Pool, candidate: Array, champion: Array) -> float:
    """The true improvement in kernel distance of the candidate over the champion."""
    return true_score(pool, champion) - true_score(pool, candidate)


def champion_behind(
    pool: Pool, candidate: Array, better: Array, worse: Array, margin: float
) -> Array:
    """A mixture of two generators whose true score is exactly `margin` worse than the candidate's.

    Raises:
        BadInputError: there is no such mixture.
    """

    def excess(share: float) -> float:
        return improvement(pool, candidate, mixed(better, worse, share)) - margin

    if excess(0.0) > 0 or excess(1.0) < 0:
        raise BadInputError(
            f"no mixture lies {margin:g} behind the candidate: they reach from "
            f"{excess(0.0) + margin:.4g} to {excess(1.0) + margin:.4g}"
        )
    return mixed(better, worse, float(scipy.optimize.brentq(excess, 0.0, 1.0, xtol=1e-12)))


def mixed(first: Array, second: Array, share: float) -> Array:
    """A generator that draws from the second one with probability `share`."""
    mixture: Array = (1 - share) * first + share * second
    return mixture


@dataclass(frozen=True)
class Draw:
    """The draws of one generator in one trial, as counts.

    Attributes:
        counts: of each source image, by seed, [SEEDS, M].
        sums: counts times `Pool.between`, [SEEDS, M].
        to_groups: mean k of each seed's fakes with each group, [SEEDS, G].
    """

    counts: NDArray[np.int64]
    sums: Array
    to_groups: Array


def draws(pool: Pool, chances: Array, number: int, rng: np.random.Generator) -> Iterator[Draw]:
    """Draw a protocol's fakes from a generator, `number` times."""
    total = pool.per_seed.sum()
    for start in range(0, number, _BATCH):
        size = min(_BATCH, number - start)
        counts = np.zeros((size, SEEDS, len(chances)), dtype=np.int64)
        for label, count in enumerate(pool.per_seed):
            (members,) = np.nonzero((pool.labels == label) & (chances > 0))
            share = chances[members] / chances[members].sum()
            counts[:, :, members] = rng.multinomial(count, share, (size, SEEDS))
        flat = counts.reshape(-1, len(chances)).astype(np.float64)
        sums = (flat @ pool.between).reshape(counts.shape)
        near = (flat @ pool.to_groups / total).reshape(size, SEEDS, -1)
        for trial in range(size):
            yield Draw(counts[trial], sums[trial], near[trial])


def evaluation(
    pool: Pool, draw: Draw, groups: NDArray[np.int64], protocol: Protocol, model: str
) -> Evaluation:
    """The evaluation of a draw on some of the pool's groups.

    The guards' figures are those of real images, so that only the comparison decides.

    Args:
        pool, draw: from `make_pool` and `draws`.
        groups: columns of `Pool.to_groups`; a repeated column counts as two test groups.
        protocol: from `simulated_protocol`.
        model: name of the model in the evaluation.
    """
    scores: Array = _self_mean(pool, draw)[:, None] - 2 * draw.to_groups[:, groups]
    return Evaluation(
        model=model,
        protocol=protocol,
        figures=_REAL_FIGURES,
        group_scores={
            f"draw-{number:03d}": tuple(column) for number, column in enumerate(scores.T.tolist())
        },
        fake_variance=_fake_variance(pool, draw, groups),
        classes_drawn=protocol.classes,
    )


def simulated_protocol(classes: tuple[str, ...], per_seed: NDArray[np.int64]) -> Protocol:
    """The protocol of all evaluations of one simulation."""
    names = zip(classes, per_seed.tolist(), strict=True)
    return Protocol(
        extractor="simulated", weights_sha256="", resize="", fast_path="",
        image_size=0, classes=classes, real_sha256="", train_sha256="", n_real=0,
        n_fake={name: SEEDS * count for name, count in names},
        n_train=0, seeds=tuple(range(SEEDS)), seed=0, pairs=0, neighbours=0, prdc_k=0,
        copy_correlation=0.0, ms_ssim_betas=(),
    )  # fmt: skip


def passing_figure(metric: str, label: str | None = None) -> Figure:
    """A figure at its floor, so that its guard passes."""
    return Figure(
        metric=metric, label=label, protocol="simulated", value=0.0, floor=0.0, n_real=0, n_fake=0
    )


_REAL_FIGURES = (
    passing_figure(KERNEL),
    passing_figure(DIVERSITY, "any"),
    passing_figure(REPEATS),
    passing_figure(COPIES),
)


def _quadratic(pool: Pool, weights: Array) -> float:
    return float(weights @ pool.between @ weights)


def _self_mean(pool: Pool, draw: Draw) -> Array:
    """Mean k of pairs of different fakes of one seed, [SEEDS]."""
    total = pool.per_seed.sum()
    means: Array = (draw.counts * (draw.sums - pool.diagonal)).sum(1) / (total * (total - 1))
    return means


def _fake_variance(pool: Pool, draw: Draw, groups: NDArray[np.int64]) -> float:
    """`model.metrics.fake_term_variance` of all seeds' fakes, from counts."""
    counts = draw.counts.sum(0)
    (used,) = np.nonzero(counts)
    weight, total = counts[used], counts.sum()
    to_fakes = (draw.sums.sum(0)[used] - pool.diagonal[used]) / (total - 1)
    influence = 2 * (to_fakes - pool.to_groups[np.ix_(used, groups)].mean(1))
    labels = pool.labels[used]
    number = np.bincount(labels, weight)
    centred = influence - (np.bincount(labels, weight * influence) / number)[labels]
    variances = np.bincount(labels, weight * centred**2) / (number - 1)
    return float((number * variances).sum() / total**2)
