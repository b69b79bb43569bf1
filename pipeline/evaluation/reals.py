"""The real images of a version with their features, to measure a few drawn images beside them."""

from dataclasses import dataclass
from pathlib import Path
from typing import Self

import numpy as np
from numpy.typing import NDArray

from model.metrics.kernel import polynomial_kernel
from model.metrics.nearest import nearest_rows
from pipeline.data.processed import Processed
from pipeline.evaluation.copy_test import CopyTest
from pipeline.evaluation.image_set import ImageSet
from pipeline.evaluation.record import EvaluateConfig
from pipeline.evaluation.score import OnProgress, real_side, subset

LEAST_REAL = 10
"""Fewest training and held-out images of a class with which something is measured."""


@dataclass(frozen=True)
class Reals:
    """Real images, as the evaluate stage takes them: its cached features are used again.

    Attributes:
        classes: names in label order.
        test: the held-out images.
        train: at most `evaluate.max_train` training images.
        copy_test: against all training images.
        config: the `evaluate` section.
    """

    classes: tuple[str, ...]
    test: ImageSet
    train: ImageSet
    copy_test: CopyTest
    config: EvaluateConfig

    @classmethod
    def of(
        cls, processed: Processed, config: EvaluateConfig, cache: Path | None, tell: OnProgress
    ) -> Self:
        """Extract features, or take them from the cache.

        Args:
            processed: the prepared images of the version's run.
            config: the `evaluate` section.
            cache: folder of cached features of real images, by content.
            tell: called as (task, done, total).

        Raises:
            ValueError, FileNotFoundError: as `model.features.extract`.
        """
        rows = subset(len(processed.train.labels), config.max_train, config.seed)
        test = real_side(processed.test, slice(None), config, cache, tell, "held-out images")
        train = real_side(processed.train, rows, config, cache, tell, "training images")
        tell("held-out images against training images", 0, 1)
        copy_test = CopyTest.of(processed, config)
        tell("held-out images against training images", 1, 1)
        return cls(processed.classes, test, train, copy_test, config)

    def of_class(self, label: int) -> tuple[ImageSet, ImageSet]:
        """The held-out and the training images of a class."""
        return self.test.of(self.test.labels == label), self.train.of(self.train.labels == label)

    def nearest_class(self, features: NDArray[np.float64]) -> NDArray[np.int64]:
        """The class whose training images each image is nearest to by kernel distance, [N].

        The distance of one image y to the distribution of class c is k(y, y) - 2 mean k(y, x) +
        mean k(x, x') over its training images x; -1 if a class has fewer than `LEAST_REAL`.
        """
        scores = []
        for label in range(len(self.classes)):
            known = self.train.features[self.train.labels == label]
            if len(known) < LEAST_REAL:
                return np.full(len(features), -1)
            within = polynomial_kernel(known, known)
            pairs = len(known) * (len(known) - 1)
            own = (within.sum() - np.trace(within)) / pairs
            scores.append(own - 2 * polynomial_kernel(features, known).mean(1))
        nearest: NDArray[np.int64] = np.argmin(np.stack(scores), axis=0)
        return nearest

    def farness(self, features: NDArray[np.float64], label: int) -> NDArray[np.float64]:
        """The share of held-out images of a class that are nearer to a training image of it, [N].

        0.5 is as typical as real images are; 0.99: of 100 real ones 99 are nearer to one that is
        known.
        """
        test, train = self.of_class(label)
        usual = np.sort(nearest_rows(test.features, train.features, 1).distance[:, 0])
        found = nearest_rows(features, train.features, 1).distance[:, 0]
        return np.searchsorted(usual, found, "left") / len(usual)
