"""First-order and co-occurrence features of the grey levels: no network, no weights.

Haralick's features (Haralick et al., IEEE Trans. SMC 1973) by scikit-image. Each feature is scaled
to [-1, 1] by the bounds of its definition, never by statistics of the data, so that all feature
sets are comparable. `RADIOMICS_RULE` states every number; a change to any of them changes the
rule's hash, and with it the protocol.
"""

import numpy as np
from numpy.typing import NDArray
from skimage.feature import graycomatrix, graycoprops

from .extractor import Extractor

LEVELS = 16
DISTANCES = (1, 2, 4)
ANGLES = (0, np.pi / 4, np.pi / 2, 3 * np.pi / 4)
PERCENTILES = (10, 25, 50, 75, 90)
FEATURES = 5 + len(PERCENTILES) + 6 * len(DISTANCES)

Vector = NDArray[np.float64]


def load() -> Extractor:
    """The extractor; there is nothing to load."""
    return Extractor(FEATURES, forward, "plain")


def forward(images: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Features in the rule's order, uint8 [N, H, W] to float32 [N, 28]."""
    rows = [np.concatenate([first_order(image), co_occurrence(image)]) for image in images]
    return np.asarray(rows, dtype=np.float32)


def first_order(image: NDArray[np.uint8]) -> Vector:
    """Features of the histogram: uint8 [H, W] to [10]."""
    x = image.astype(np.float64).ravel() / 255
    spread = x.std()
    z = (x - x.mean()) / spread if spread > 0 else np.zeros_like(x)
    skewness, kurtosis = (z**3).mean(), (z**4).mean()
    share = np.bincount(_levels(image).ravel(), minlength=LEVELS) / image.size
    entropy = -(share[share > 0] * np.log2(share[share > 0])).sum()
    shape = [skewness / (1 + abs(skewness)), kurtosis / (kurtosis + 3)]
    moments = [x.mean(), 2 * spread, *shape, entropy / np.log2(LEVELS)]
    return np.concatenate([moments, np.percentile(x, PERCENTILES)])


def co_occurrence(image: NDArray[np.uint8]) -> Vector:
    """Features of pixel pairs at each distance, averaged over angles: uint8 [H, W] to [18]."""
    pairs = graycomatrix(
        _levels(image), DISTANCES, ANGLES, levels=LEVELS, symmetric=True, normed=True
    )

    def of(name: str) -> Vector:
        mean: Vector = graycoprops(pairs, name).mean(axis=1)
        return mean

    share = np.where(pairs > 0, pairs, 1.0)  # so that 0 log 0 is 0
    entropy = -(share * np.log2(share)).sum((0, 1)).mean(axis=1)
    top = LEVELS - 1
    return np.concatenate(
        [
            np.sqrt(of("contrast")) / top,
            of("dissimilarity") / top,
            of("homogeneity"),
            of("energy"),
            of("correlation"),
            entropy / np.log2(LEVELS**2),
        ]
    )


def _levels(image: NDArray[np.uint8]) -> NDArray[np.uint8]:
    return image // np.uint8(256 // LEVELS)
