"""How much of the real images' variety is reached, and how much of what is drawn is real."""

from model import metrics
from pipeline.evaluation.record import COVERAGE, DENSITY, PRECISION, RECALL, EvaluateConfig, Figure
from pipeline.evaluation.side import LEAST_IMAGES, Side

METRICS = (PRECISION, RECALL, DENSITY, COVERAGE)


def coverage(
    test: Side, train: Side, fake: Side, config: EvaluateConfig, classes: tuple[str, ...]
) -> list[Figure]:
    """Precision, recall, density and coverage, over all and by class.

    Args:
        test: what is to be covered.
        train: as many of each class as there are fakes; in their place they give the floor.
        fake: what covers.
        config: whose `prdc_k` counts the neighbours.
        classes: names in label order.
    """
    figures = _four(None, test, train, fake, config)
    for label, name in enumerate(classes):
        real, learned, made = (side.of(side.labels == label) for side in (test, train, fake))
        if min(len(real), len(learned), len(made)) >= LEAST_IMAGES:
            figures += _four(name, real, learned, made, config)
    return figures


def _four(
    label: str | None, test: Side, train: Side, fake: Side, config: EvaluateConfig
) -> list[Figure]:
    found, floor = (
        metrics.precision_recall_density_coverage(test.features, side.features, config.prdc_k)
        for side in (fake, train)
    )
    return [
        Figure(
            metric=metric,
            label=label,
            protocol=f"{metric}_k{config.prdc_k}_{config.extractor.name}_n{len(fake)}",
            value=getattr(found, metric),
            floor=getattr(floor, metric),
            n_real=len(test),
            n_fake=len(fake),
        )
        for metric in METRICS
    ]
