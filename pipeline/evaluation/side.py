"""Images with what the metrics read of them."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Images = NDArray[np.uint8]

LEAST_IMAGES = 20
"""Images a side below which a class has no distance of its own."""


@dataclass(frozen=True)
class Side:
    """Images with what the metrics read of them, row by row.

    Attributes:
        images: uint8 [N, H, W].
        labels: class index [N].
        groups: patient or near-duplicate group [N]; empty names for generated images.
        features: float64 [N, d].
    """

    images: Images
    labels: NDArray[np.int64]
    groups: NDArray[np.str_]
    features: NDArray[np.float64]

    def of(self, rows: NDArray[np.bool_] | NDArray[np.int64]) -> "Side":
        """The chosen rows."""
        return Side(self.images[rows], self.labels[rows], self.groups[rows], self.features[rows])

    def __len__(self) -> int:
        return len(self.labels)


def matched(train: Side, fake: Side, seed: int) -> Side:
    """Training images, as many of each class as there are fakes, or all where there are fewer.

    In the fakes' place they show what a perfect generator would reach.
    """
    rng = np.random.default_rng([seed, 2])
    rows = []
    for label in np.unique(fake.labels):
        (members,) = np.nonzero(train.labels == label)
        rows.append(rng.permutation(members)[: int((fake.labels == label).sum())])
    return train.of(np.sort(np.concatenate(rows)))
