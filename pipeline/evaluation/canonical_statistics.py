"""Compare canonical statistics: of the ensemble as figures, and per image."""

from typing import NamedTuple

from model import metrics
from model.metrics import CanonicalStatistics
from pipeline.evaluation.image_set import ImageSet
from pipeline.evaluation.record import (
    AUTOCOVARIANCE,
    EIGENVALUES,
    HISTOGRAM,
    MEAN_IMAGE,
    SPECTRUM,
    Figure,
    Statistic,
)


class Canonical(NamedTuple):
    """Result of a comparison, and the curves for its plot."""

    figures: list[Figure]
    statistics: tuple[Statistic, ...]
    real: CanonicalStatistics
    fake: CanonicalStatistics


def canonical(test: ImageSet, train: ImageSet, fake: ImageSet) -> Canonical:
    """Compare generated with test images; the floor is that of training images.

    Args:
        test: the reference.
        train: as many of each class as there are fakes, since the floor depends on the number.
        fake: the generated images.
    """
    real, learned, made = (
        metrics.canonical_statistics(side.images) for side in (test, train, fake)
    )
    found = metrics.compare_statistics(real, made)
    floor = metrics.compare_statistics(real, learned)
    figures = [
        Figure(
            metric=metric,
            label=None,
            protocol=f"{metric}_n{len(fake)}",
            value=getattr(found, metric),
            floor=getattr(floor, metric),
            n_real=len(test),
            n_fake=len(fake),
        )
        for metric in (HISTOGRAM, MEAN_IMAGE, SPECTRUM, AUTOCOVARIANCE, EIGENVALUES)
    ]
    statistics = tuple(
        Statistic(
            name=name,
            ks=one.ks,
            floor=floor.per_image[name].ks,
            p_holm=one.p_holm,
            outside=one.outside_envelope,
            outside_floor=floor.per_image[name].outside_envelope,
        )
        for name, one in found.per_image.items()
    )
    return Canonical(figures, statistics, real, made)
