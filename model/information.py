"""Mutual information of two 8-bit images. Needs only numpy."""

import numpy as np
from numpy.typing import NDArray

Image = NDArray[np.uint8]

_GREYS = 256


def entropies(one: Image, other: Image, bins: int = _GREYS) -> tuple[float, float, float]:
    """H(one), H(other) and their joint entropy in bits.

    From a histogram of bins x bins greys; `bins` divides 256, and 256 is every grey for itself.
    """
    wide = _GREYS // bins
    joint = np.bincount(
        (one.ravel() // wide).astype(np.int64) * bins + other.ravel() // wide, minlength=bins**2
    ).reshape(bins, bins)
    return _bits(joint.sum(1)), _bits(joint.sum(0)), _bits(joint.ravel())


def mutual_information(one: Image, other: Image, bins: int = _GREYS) -> float:
    """I(one; other) = H(one) + H(other) - H(one, other) in bits, 0 or more."""
    first, second, joint = entropies(one, other, bins)
    return first + second - joint


def _bits(counts: NDArray[np.int64]) -> float:
    shares = counts[counts > 0] / counts.sum()
    return float(-(shares * np.log2(shares)).sum())
