"""Wilson's interval, against a published table and the formula."""

from math import sqrt

import pytest
from scipy.stats import norm

from pipeline.base.wilson import wilson


@pytest.mark.parametrize(
    ("hits", "count", "ends"), [(81, 263, (0.2553, 0.3662)), (0, 20, (0.0, 0.1611))]
)
def test_the_interval_is_newcombes_table(hits: int, count: int, ends: tuple[float, float]) -> None:
    """Newcombe, "Two-sided confidence intervals for the single proportion", 1998, table I."""
    assert wilson(hits, count, 0.95) == pytest.approx(ends, abs=5e-5)


def test_one_side_has_its_own_error() -> None:
    z, n, p = norm.isf(0.05), 40, 0.3
    middle, half = p + z**2 / (2 * n), z * sqrt(p * (1 - p) / n + z**2 / (4 * n**2))
    low = (middle - half) / (1 + z**2 / n)
    assert wilson(12, 40, 0.95, sides=1)[0] == pytest.approx(low)
    assert wilson(12, 40, 0.95)[0] < low


def test_no_count_says_nothing() -> None:
    assert wilson(0, 0, 0.95) == (0.0, 1.0)
