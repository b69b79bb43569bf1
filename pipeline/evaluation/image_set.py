"""Image sets with features, the inputs of the metrics."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Images = NDArray[np.uint8]

LEAST_IMAGES = 20
"""Fewest images per set for distances of a single class."""


@dataclass(frozen=True)
class ImageSet:
    """Images with labels, groups and features, row by row.

    Attributes:
        images: uint8 [N, H, W].
        labels: class index [N].
        groups: group [N]; empty names for generated images.
        features: float64 [N, d].
    """

    images: Images
    labels: NDArray[np.int64]
    groups: NDArray[np.str_]
    features: NDArray[np.float64]

    def of(self, rows: NDArray[np.bool_] | NDArray[np.int64]) -> "ImageSet":
        """The chosen rows."""
        return ImageSet(
            self.images[rows], self.labels[rows], self.groups[rows], self.features[rows]
        )

    def __len__(self) -> int:
        return len(self.labels)


def matched(train: ImageSet, fake: ImageSet, seed: int) -> ImageSet:
    """Random training images, as many of each class as there are fakes, or all if fewer.

    They give the floor: what a perfect generator would reach.
    """
    rng = np.random.default_rng([seed, 2])
    rows = []
    for label in np.unique(fake.labels):
        (members,) = np.nonzero(train.labels == label)
        rows.append(rng.permutation(members)[: int((fake.labels == label).sum())])
    return train.of(np.sort(np.concatenate(rows)))
