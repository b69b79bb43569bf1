"""GAN-test: the share of generated images that a classifier of real images takes for their class.

Shmelkov et al., "How good is my GAN?" (arXiv 1807.09499). The classifier is small, trained on the
training split alone. Beside it stands what grey levels and the image's border alone reach: where
classes differ in brightness, part of the agreement needs no anatomy.
"""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray
from scipy import stats
from torch import nn

from model.utility.classifier import Training, fit_classifier, probabilities, real_and_synthetic
from model.utility.config import BATCH
from model.utility.control import fit_plain
from model.utility.intervals import balanced_accuracy
from pipeline.data.processed import Processed, SplitArrays
from pipeline.evaluation.image_set import Images
from pipeline.evaluation.record import AGREEMENT, AGREEMENT_PLAIN, EvaluateConfig, Figure

Labels = NDArray[np.int64]

_LEARNING_RATE = 2e-3
_LEAST_CLASSES, _LEAST_PER_CLASS = 2, 10


def agreement(
    images: Images, labels: Labels, processed: Processed, config: EvaluateConfig
) -> list[Figure]:
    """Agreement over all classes and by class, and that of plain pixel statistics.

    Args:
        images: uint8 [N, S, S], generated.
        labels: class index that each was asked for, [N].
        processed: its training split trains the classifier, its test split gives the floor.
        config: `gan_test_kimg` is the length of the training.

    Returns:
        Balanced agreement, equal weight for each class, with a 95 % interval over generated images;
        by class its share. Nothing with `gan_test_kimg` 0, with a single class, or if a class has
        fewer than ten training images.
    """
    classes, train, test = len(processed.classes), processed.train, processed.test
    network = class_reader(processed, config)
    if network is None:
        return []
    learned = (np.ascontiguousarray(train.images), train.labels)
    figures = []
    for metric, answer in (
        (AGREEMENT, lambda one: probabilities(network, one).argmax(1)),
        (AGREEMENT_PLAIN, fit_plain(learned, classes)),
    ):
        figures += _figures(metric, answer, (images, labels), test, processed.classes)
    return figures


def class_reader(processed: Processed, config: EvaluateConfig) -> nn.Sequential | None:
    """The classifier of the GAN-test, trained on the training split; None as in `agreement`."""
    classes, train = len(processed.classes), processed.train
    counts = np.bincount(train.labels, minlength=classes)
    if not config.gan_test_kimg or classes < _LEAST_CLASSES or counts.min() < _LEAST_PER_CLASS:
        return None
    learned = (np.ascontiguousarray(train.images), train.labels)
    return fit_classifier(
        real_and_synthetic(learned, None, 0.0, classes, BATCH),
        classes,
        Training(-(-round(config.gan_test_kimg * 1000) // BATCH), BATCH, _LEARNING_RATE),
        config.seed,
    )


def _figures(
    metric: str,
    answer: Callable[[Images], Labels],
    fake: tuple[Images, Labels],
    test: SplitArrays,
    classes: tuple[str, ...],
) -> list[Figure]:
    made, held_out = answer(fake[0]), answer(np.ascontiguousarray(test.images))
    low, high = _interval(made, fake[1])
    figures = [
        Figure(
            metric=metric,
            label=None,
            protocol=f"{metric}_n{len(made)}",
            value=balanced_accuracy(made, fake[1]),
            floor=balanced_accuracy(held_out, test.labels),
            low=low,
            high=high,
            n_real=len(held_out),
            n_fake=len(made),
        )
    ]
    for label, name in enumerate(classes):
        mine, theirs = made[fake[1] == label], held_out[test.labels == label]
        if len(mine) and len(theirs):
            figures.append(
                Figure(
                    metric=metric,
                    label=name,
                    protocol=f"{metric}_n{len(made)}",
                    value=float((mine == label).mean()),
                    floor=float((theirs == label).mean()),
                    n_real=len(theirs),
                    n_fake=len(mine),
                )
            )
    return figures


def _interval(answers: Labels, labels: Labels) -> tuple[float, float]:
    """95 % interval of balanced agreement; images are independent within their class."""
    value, variance = balanced_accuracy(answers, labels), 0.0
    present = np.unique(labels)
    for label in present:
        right = answers[labels == label] == label
        share = (right.sum() + 0.5) / (len(right) + 1)
        variance += share * (1 - share) / len(right) / len(present) ** 2
    half = float(stats.norm.ppf(0.975) * np.sqrt(variance))
    return max(value - half, 0.0), min(value + half, 1.0)
