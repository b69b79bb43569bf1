"""Structural similarity of two images, as all figures of the project use it."""

import numpy as np
from numpy.typing import NDArray
from skimage.metrics import structural_similarity


def ssim(one: NDArray[np.uint8], other: NDArray[np.uint8]) -> float:
    """SSIM of two 8-bit images [H, W], -1 to 1, 1 for equal ones.

    As Wang et al. 2004: Gaussian window, sigma 1.5, without a correction of the covariance.
    """
    return float(
        structural_similarity(
            one,
            other,
            data_range=255,
            gaussian_weights=True,
            sigma=1.5,
            use_sample_covariance=False,
        )
    )
