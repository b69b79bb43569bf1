"""Random numbers of drawn images: keyed by seed and index, so that no image depends on others."""

import numpy as np

LATENT_STREAM, LAYOUT_STREAM, NOISE_STREAM = 0, 1, 2
"""An image's latent, its layout and its noise are drawn from streams of their own."""


def random_of(seed: int, index: int, stream: int = LATENT_STREAM) -> np.random.Generator:
    """The numbers of one stream of image `index` of a seed, by Philox keyed with both."""
    key = np.array([seed, index], np.uint64)
    return np.random.Generator(np.random.Philox(key=key, counter=[0, 0, 0, stream]))
