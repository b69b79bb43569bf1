"""How alike images of one class are."""

import numpy as np
from numpy.typing import NDArray

from model import metrics
from pipeline.evaluation.copying import binomial, resemblance
from pipeline.evaluation.record import DIVERSITY, REPEATS, EvaluateConfig, Figure
from pipeline.evaluation.side import Side


def diversity(
    train: Side,
    fake: Side,
    config: EvaluateConfig,
    classes: tuple[str, ...],
    real: metrics.WithinClass | None = None,
) -> list[Figure]:
    """MS-SSIM between random pairs of a class; the floor is the same of training images.

    Args:
        train, fake: whose images are paired.
        config: seed and number of pairs.
        classes: their names.
        real: what `repetition` finds in `train`, where that is known already.
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


def repetition(side: Side, config: EvaluateConfig) -> metrics.WithinClass:
    """MS-SSIM between random pairs of a class."""
    return metrics.ms_ssim_within_class(side.images, side.labels, config.seed, config.pairs)


def repeats(train: Side, fake: Side, seeds: NDArray[np.int64], config: EvaluateConfig) -> Figure:
    """Share of generated images that another sampling seed draws again: a birthday test.

    A generator of few images repeats them, however different they are from one another, where the
    mean over pairs of MS-SSIM sees next to nothing. Alike is what is a copy by `copying`.
    Slices of a real series are alike too, and the floor says how much.

    Args:
        train: as many of each class as there are fakes; dealt out as if by seeds, they give the
            floor.
        fake: of all seeds.
        seeds: the sampling seed of each fake, [N]; at least two.
        config: whose `copy_correlation` counts as alike.
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


def _drawn_again(side: Side, seeds: NDArray[np.int64], config: EvaluateConfig) -> int:
    images = side.images
    return sum(
        int((resemblance(images[seeds == s], images[seeds != s]) > config.copy_correlation).sum())
        for s in np.unique(seeds)
    )
