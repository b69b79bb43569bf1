"""The interval of a share, for everything that counts."""

from math import sqrt
from statistics import NormalDist
from typing import Literal


def wilson(
    hits: float, count: float, confidence: float, *, sides: Literal[1, 2] = 2
) -> tuple[float, float]:
    """Wilson's score interval of a share (JASA 22:209, 1927); 0 to 1 for no count.

    Args:
        hits, count: the share, `hits` of `count`; no whole numbers where trials are counted by how
            much they tell.
        confidence: above 0.5; of the whole interval or, with one side, of each end.
        sides: 2, or 1 if one end alone is asked about.
    """
    if not count:
        return 0.0, 1.0
    z = NormalDist().inv_cdf((1 + confidence) / 2 if sides == 2 else confidence)
    share, whole = hits / count, 1 + z**2 / count
    middle = share + z**2 / (2 * count)
    half = z * sqrt(share * (1 - share) / count + z**2 / (4 * count**2))
    low, high = (middle - half) / whole, (middle + half) / whole
    return (low if hits else 0.0), (high if hits < count else 1.0)  # exact, where rounding is not
