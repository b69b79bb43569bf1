"""Distances between generated and held-out real images in feature space."""

from typing import Literal

import numpy as np

from model import metrics
from model.extractors import metric_name
from model.metrics.frechet import LEAST_FAKES
from pipeline.evaluation.image_set import LEAST_IMAGES, ImageSet
from pipeline.evaluation.record import FRECHET, FRECHET_INFINITY, KERNEL, EvaluateConfig, Figure


def distances(
    test: ImageSet,
    train: ImageSet,
    fake: ImageSet,
    config: EvaluateConfig,
    classes: tuple[str, ...],
) -> list[Figure]:
    """Kernel and Frechet distances, over all and by class, with both floors.

    Args:
        test: the reference.
        train: as many of each class as there are fakes (`matched`).
        fake: the generated images.
        config: extractor and seed.
        classes: names in label order.
    """
    figures = _pair_of_distances(None, test, train, fake, config)
    if min(len(train), len(fake)) >= LEAST_FAKES:
        figures.append(_extrapolated(test, train, fake, config))
    for label, name in enumerate(classes):
        real, learned, made = (side.of(side.labels == label) for side in (test, train, fake))
        if min(len(real), len(learned), len(made)) >= LEAST_IMAGES:
            figures += _pair_of_distances(name, real, learned, made, config)
    return figures


def _pair_of_distances(
    label: str | None, test: ImageSet, train: ImageSet, fake: ImageSet, config: EvaluateConfig
) -> list[Figure]:
    halves = _halves(test, config.seed)
    low = high = None
    if _can_leave_one_out(test):
        low, high = metrics.kernel_distance_interval(
            test.features, test.groups, fake.features, fake.labels
        )
    figures = []
    for metric, measure in (
        (KERNEL, metrics.kernel_distance),
        (FRECHET, metrics.frechet_distance),
    ):
        kind: Literal["kd", "fd"] = "kd" if metric == KERNEL else "fd"
        figures.append(
            Figure(
                metric=metric,
                label=label,
                protocol=f"{metric_name(kind, config.extractor).prefix}_n{len(fake)}",
                value=measure(test.features, fake.features),
                floor=measure(test.features, train.features),
                halves=measure(*(half.features for half in halves)) if halves else None,
                low=low if metric == KERNEL else None,
                high=high if metric == KERNEL else None,
                n_real=len(test),
                n_fake=len(fake),
            )
        )
    return figures


def _extrapolated(
    test: ImageSet, train: ImageSet, fake: ImageSet, config: EvaluateConfig
) -> Figure:
    """Frechet distance at infinitely many fakes; the interval is that of the line's intercept."""
    found, floor = (
        metrics.frechet_distance_infinity(test.features, side.features, config.seed)
        for side in (fake, train)
    )
    half = 1.96 * found.standard_error
    return Figure(
        metric=FRECHET_INFINITY,
        label=None,
        protocol=f"{metric_name('fd', config.extractor).prefix}_infinity_n{len(fake)}",
        value=found.value,
        floor=floor.value,
        low=found.value - half,
        high=found.value + half,
        n_real=len(test),
        n_fake=len(fake),
    )


def _can_leave_one_out(test: ImageSet) -> bool:
    """Whether two images remain without any one group, as the interval's jackknife needs."""
    _, counts = np.unique(test.groups, return_counts=True)
    return bool(len(test) - counts.max() >= 2)


def _halves(test: ImageSet, seed: int) -> tuple[ImageSet, ImageSet] | None:
    """Halves of the test split that share no group; None when one would be too small."""
    groups = np.random.default_rng([seed, 3]).permutation(np.unique(test.groups))
    first = np.isin(test.groups, groups[: len(groups) // 2])
    if min(first.sum(), (~first).sum()) < 2:
        return None
    return test.of(first), test.of(~first)
