"""Whether single images are copies of training images, beside held-out images of other patients.

The share of copies (`copying.copies`) judges a version. Here one image is judged: it is a copy if
it correlates with a training image above `evaluate.copy_correlation`, and more than any of some
held-out real images does. Where images of different patients are that alike, nothing is concluded
from a correlation that they reach, too.
"""

from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray

from pipeline.data.processed import Processed, SplitArrays
from pipeline.evaluation.copying import closest, resemblance
from pipeline.evaluation.image_set import Images
from pipeline.evaluation.record import EvaluateConfig

MOST_HELD_OUT = 200
"""Held-out images that an image is compared with, at most; they need seconds."""


@dataclass(frozen=True)
class Resemblance:
    """How much one image resembles a training image.

    Attributes:
        correlation: of the two images' thumbnails at the best shift, -1 to 1.
        nearest: id of the training image.
        copy: whether that makes it a copy.
    """

    correlation: float
    nearest: str
    copy: bool


@dataclass(frozen=True)
class CopyTest:
    """The test of single images against the training images of a version.

    Attributes:
        training: the training images.
        threshold: `evaluate.copy_correlation`.
        held_out: the correlation of each of some held-out real images, [M].
    """

    training: SplitArrays
    threshold: float
    held_out: NDArray[np.float64]

    @classmethod
    def of(cls, processed: Processed, config: EvaluateConfig) -> Self:
        """The test for versions that learned from these images."""
        test = processed.test.images
        rows = np.random.default_rng([config.seed, 7]).permutation(len(test))[:MOST_HELD_OUT]
        held_out = np.ascontiguousarray(test[np.sort(rows)])
        found = resemblance(held_out, processed.train.images) if len(rows) else np.zeros(0)
        return cls(processed.train, config.copy_correlation, found)

    @property
    def highest(self) -> float:
        """The highest correlation of a held-out image; -1 without any."""
        return float(self.held_out.max(initial=-1.0))

    @property
    def limit(self) -> float:
        """The correlation above which an image is a copy."""
        return max(self.threshold, self.highest)

    def __call__(self, images: Images) -> list[Resemblance]:
        """Test images.

        Args:
            images: uint8 [N, H, W], of the training images' size.

        Raises:
            ValueError: they are of another size.
        """
        near = closest(images, self.training.images)
        return [
            Resemblance(float(score), str(self.training.ids[which]), bool(score > self.limit))
            for score, which in zip(near.score, near.which, strict=True)
        ]
