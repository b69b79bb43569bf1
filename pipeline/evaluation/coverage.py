"""Precision, recall, density and coverage: how well fakes cover the variety of real images."""

from model import metrics
from pipeline.evaluation.image_set import LEAST_IMAGES, ImageSet
from pipeline.evaluation.record import COVERAGE, DENSITY, PRECISION, RECALL, EvaluateConfig, Figure

METRICS = (PRECISION, RECALL, DENSITY, COVERAGE)


def coverage(
    test: ImageSet,
    train: ImageSet,
    fake: ImageSet,
    config: EvaluateConfig,
    classes: tuple[str, ...],
) -> list[Figure]:
    """Precision, recall, density and coverage, over all and by class.

    Args:
        test: the real images to cover.
        train: as many of each class as there are fakes; they give the floor.
        fake: the generated images.
        config: `prdc_k` is the number of neighbours.
        classes: names in label order.
    """
    figures = _four(None, test, train, fake, config)
    for label, name in enumerate(classes):
        real, learned, made = (side.of(side.labels == label) for side in (test, train, fake))
        if min(len(real), len(learned), len(made)) >= LEAST_IMAGES:
            figures += _four(name, real, learned, made, config)
    return figures


def _four(
    label: str | None, test: ImageSet, train: ImageSet, fake: ImageSet, config: EvaluateConfig
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
