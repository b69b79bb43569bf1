"""Mutual information of two 8-bit images. Needs only numpy."""

import numpy as np
from numpy.typing import NDArray

Image = NDArray[np.uint8]

_BINS = 64


def entropies(one: Image, other: Image) -> tuple[float, float, float]:
    """H(one), H(other) and their joint entropy in bits, from a histogram of 64 x 64 greys."""
    joint = np.bincount(
        (one.ravel() >> 2).astype(np.int64) * _BINS + (other.ravel() >> 2), minlength=_BINS**2
    ).reshape(_BINS, _BINS)
    return _bits(joint.sum(1)), _bits(joint.sum(0)), _bits(joint.ravel())


def mutual_information(one: Image, other: Image) -> float:
    """I(one; other) = H(one) + H(other) - H(one, other) in bits, 0 or more."""
    first, second, joint = entropies(one, other)
    return first + second - joint


def _bits(counts: NDArray[np.int64]) -> float:
    shares = counts[counts > 0] / counts.sum()
    return float(-(shares * np.log2(shares)).sum())
