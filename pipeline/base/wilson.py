"""The interval of a share, for everything that counts."""

from typing import Literal


def wilson(
    hits: int, count: int, confidence: float, *, sides: Literal[1, 2] = 2
) -> tuple[float, float]:
    """Wilson's score interval of a share (JASA 22:209, 1927); 0 to 1 for no count.

    Args:
        hits, count: the share, `hits` of `count`.
        confidence: above 0.5; of the whole interval or, with one side, of each end.
        sides: 2, or 1 if one end alone is asked about.
    """
    if not count:
        return 0.0, 1.0
    from scipy.stats import binomtest  # 0.4 s, which a command that counts nothing need not wait

    level = confidence if sides == 2 else 2 * confidence - 1
    found = binomtest(hits, count).proportion_ci(level, method="wilson")
    return float(found.low), float(found.high)
