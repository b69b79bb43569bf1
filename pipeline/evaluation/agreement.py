"""GAN-test: the share of generated images that a classifier of real images takes for their class.

Shmelkov et al., "How good is my GAN?" (arXiv 1807.09499). The classifier is small, trained on the
training split alone. Beside it stand what is read from a detector's findings, which sees those that
are small, and what grey levels and the image's border alone reach: where classes differ in
brightness, part of the agreement needs no anatomy.
"""

from collections.abc import Callable

import numpy as np
import scipy
from numpy.typing import NDArray

from model.utility.classifier import Training, fit_classifier, probabilities, real_and_synthetic
from model.utility.config import BATCH
from model.utility.control import fit_logistic, fit_plain
from model.utility.intervals import balanced_accuracy
from pipeline.data.processed import Processed, SplitArrays
from pipeline.evaluation.detector import Fitted
from pipeline.evaluation.image_set import Images
from pipeline.evaluation.record import (
    AGREEMENT,
    AGREEMENT_FINDINGS,
    AGREEMENT_PLAIN,
    EvaluateConfig,
    Figure,
)

Labels = NDArray[np.int64]
Reader = Callable[[Images], Labels]
"""uint8 [N, S, S] -> class index [N]."""

_LEARNING_RATE = 2e-3
_LEAST_CLASSES, _LEAST_PER_CLASS = 2, 10


def agreement(
    images: Images,
    labels: Labels,
    processed: Processed,
    config: EvaluateConfig,
    fitted: Fitted | None = None,
) -> list[Figure]:
    """Agreement over all classes and by class, by each reader of `class_readers`.

    Args:
        images: uint8 [N, S, S], generated.
        labels: class index that each was asked for, [N].
        processed: its training split trains the readers, its test split gives the floor.
        config: `gan_test_kimg` is the length of the training.
        fitted: the detector of these data; None: there is none.

    Returns:
        Balanced agreement, equal weight for each class, with a 95 % interval over generated images;
        by class its share. Nothing with `gan_test_kimg` 0, with a single class, or if a class has
        fewer than ten training images.
    """
    return [
        figure
        for metric, answer in class_readers(processed, config, fitted).items()
        for figure in _figures(metric, answer, (images, labels), processed)
    ]


def class_readers(
    processed: Processed, config: EvaluateConfig, fitted: Fitted | None = None
) -> dict[str, Reader]:
    """What tells the class of an image, by the name of its figure; empty as in `agreement`.

    - `gan_test`: a classifier of whole images. It is trained from scratch on few of them, and may
      not learn to see what is small: its floor says so.
    - `gan_test_findings`: a logistic regression on how sure the detector is of each kind of
      finding. The detector learned from annotations where to look. Only with a detector.
    - `gan_test_plain`: a logistic regression on grey levels.
    """
    classes, train = len(processed.classes), processed.train
    counts = np.bincount(train.labels, minlength=classes)
    if not config.gan_test_kimg or classes < _LEAST_CLASSES or counts.min() < _LEAST_PER_CLASS:
        return {}
    learned = (np.ascontiguousarray(train.images), train.labels)
    network = fit_classifier(
        real_and_synthetic(learned, None, 0.0, classes, BATCH),
        classes,
        Training(-(-round(config.gan_test_kimg * 1000) // BATCH), BATCH, _LEARNING_RATE),
        config.seed,
    )

    def by_image(images: Images) -> Labels:
        named: Labels = probabilities(network, images).argmax(1)
        return named

    readers: dict[str, Reader] = {AGREEMENT: by_image}
    if fitted:
        readers[AGREEMENT_FINDINGS] = fit_logistic(learned, classes, fitted.evidence)
    readers[AGREEMENT_PLAIN] = fit_plain(learned, classes)
    return readers


def accuracy(reader: Reader, split: SplitArrays) -> float:
    """Balanced share of real images that a reader takes for their class."""
    return balanced_accuracy(reader(np.ascontiguousarray(split.images)), split.labels)


def _figures(
    metric: str, answer: Reader, fake: tuple[Images, Labels], processed: Processed
) -> list[Figure]:
    test, classes = processed.test, processed.classes
    # A class without held-out images has no floor, so it is in neither of the two.
    judged = np.isin(fake[1], test.labels)
    labels = fake[1][judged]
    made, held_out = answer(fake[0][judged]), answer(np.ascontiguousarray(test.images))
    low, high = _interval(made, labels)
    figures = [
        Figure(
            metric=metric,
            label=None,
            protocol=f"{metric}_n{len(made)}",
            value=balanced_accuracy(made, labels),
            floor=balanced_accuracy(held_out, test.labels),
            low=low,
            high=high,
            n_real=len(held_out),
            n_fake=len(made),
        )
    ]
    for label, name in enumerate(classes):
        mine, theirs = made[labels == label], held_out[test.labels == label]
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
    half = float(scipy.stats.norm.ppf(0.975) * np.sqrt(variance))
    return max(value - half, 0.0), min(value + half, 1.0)
