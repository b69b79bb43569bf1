"""How alike images of one class are."""

from model import metrics
from pipeline.measures.side import Side
from pipeline.scores import DIVERSITY, EvaluateConfig, Figure


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
