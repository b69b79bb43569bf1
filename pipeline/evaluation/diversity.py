"""Measure how similar generated images of one class are to each other."""

import numpy as np
from numpy.typing import NDArray

from model import metrics
from pipeline.evaluation.copying import binomial, resemblance
from pipeline.evaluation.image_set import ImageSet
from pipeline.evaluation.record import DIVERSITY, REPEATS, EvaluateConfig, Figure


def diversity(
    train: ImageSet,
    fake: ImageSet,
    config: EvaluateConfig,
    classes: tuple[str, ...],
    real: metrics.WithinClass | None = None,
) -> list[Figure]:
    """MS-SSIM between random pairs of a class; the floor is that of training images.

    Args:
        train, fake: the images to pair.
        config: seed and number of pairs.
        classes: their names.
        real: `repetition` of `train`, when known already.
    """
    real, made = real or repetition(train, config), repetition(fake, config)
    half = 1.96 * made.standard_error
    protocol = f"ms_ssim_p{config.pairs}"
    whole = Figure(
        metric=DIVERSITY,
        label=None,
        protocol=protocol,
        value=made.mean,
        floor=real.mean,
        low=made.mean - half,
        high=made.mean + half,
        n_real=len(train),
        n_fake=len(fake),
    )
    return [whole] + [
        Figure(
            metric=DIVERSITY,
            label=classes[label],
            protocol=protocol,
            value=value,
            floor=real.per_class.get(label),
            n_real=int((train.labels == label).sum()),
            n_fake=int((fake.labels == label).sum()),
        )
        for label, value in made.per_class.items()
    ]


def repetition(side: ImageSet, config: EvaluateConfig) -> metrics.WithinClass:
    """MS-SSIM between random pairs of each class."""
    return metrics.ms_ssim_within_class(side.images, side.labels, config.seed, config.pairs)


def repeats(
    train: ImageSet, fake: ImageSet, seeds: NDArray[np.int64], config: EvaluateConfig
) -> Figure:
    """Share of generated images that another sampling seed draws again: a birthday test.

    A generator of few distinct images repeats them, which the mean of MS-SSIM over pairs hardly
    shows. Two images are alike by the same threshold as copies in `copying`. Slices of a real
    series are alike too; the floor says how much.

    Args:
        train: as many of each class as there are fakes; divided as if by seeds, they give the
            floor.
        fake: generated images of all seeds.
        seeds: the sampling seed of each fake, [N]; at least two.
        config: `copy_correlation` is the threshold.
    """
    count, total = _drawn_again(fake, seeds, config), len(fake)
    low, high = binomial(count, total)
    dealt = np.arange(len(train)) % len(np.unique(seeds))
    return Figure(
        metric=REPEATS,
        label=None,
        protocol=f"repeat_share_r{config.copy_correlation:g}_n{total}",
        value=count / total,
        floor=_drawn_again(train, dealt, config) / len(train),
        low=low,
        high=high,
        n_real=len(train),
        n_fake=total,
    )


def _drawn_again(side: ImageSet, seeds: NDArray[np.int64], config: EvaluateConfig) -> int:
    images = side.images
    return sum(
        int((resemblance(images[seeds == s], images[seeds != s]) > config.copy_correlation).sum())
        for s in np.unique(seeds)
    )
