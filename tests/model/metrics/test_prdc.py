"""Precision, recall, density and coverage against the authors' package, and at ties."""

import numpy as np
import pytest
from numpy.typing import NDArray
from prdc import compute_prdc  # type: ignore[import-untyped]

from model.metrics import precision_recall_density_coverage

Features = NDArray[np.float64]


def draw(seed: int, rows: int, columns: int, shift: float = 0.0) -> Features:
    return np.random.default_rng(seed).normal(shift, 1, size=(rows, columns))


@pytest.mark.parametrize("k", [1, 3, 5])
@pytest.mark.parametrize(
    ("n", "m", "d", "shift"), [(300, 300, 8, 0.0), (700, 130, 4, 0.6), (90, 620, 40, 0.1)]
)
def test_equals_the_authors_package(n: int, m: int, d: int, shift: float, k: int) -> None:
    real, fake = draw(n, n, d), draw(m + 1, m, d, shift)
    expected = compute_prdc(real, fake, nearest_k=k)
    found = precision_recall_density_coverage(real, fake, k)._asdict()
    assert found == pytest.approx(expected, abs=1e-12)
    assert all(value > 0 for value in found.values()), "sets apart would agree at 0"


def test_chunks_and_order_of_rows_do_not_matter(monkeypatch: pytest.MonkeyPatch) -> None:
    real, fake = draw(1, 80, 6), draw(2, 70, 6, 0.3)
    whole = precision_recall_density_coverage(real, fake)
    assert precision_recall_density_coverage(real[::-1], fake[::-1]) == whole
    monkeypatch.setattr("model.metrics.nearest._ROWS", 7)
    assert precision_recall_density_coverage(real, fake) == whole


def test_what_lies_on_a_sphere_is_outside_whatever_the_rounding() -> None:
    """Fakes that are the real images: a ball holds itself and its k - 1 nearer neighbours."""
    real = draw(3, 400, 30) + 100.0
    found = precision_recall_density_coverage(real, real[::-1].copy(), k=4)
    assert found == (1.0, 1.0, 1.0, 1.0)


def test_points_on_a_line_by_hand() -> None:
    real, fake = np.arange(4.0)[:, None], np.array([[0.5], [1.0], [9.0], [9.5]])
    # k = 1: real balls are of radius 1 around 0 to 3, the fakes' are of radius 0.5.
    found = precision_recall_density_coverage(real, fake, k=1)
    assert found.precision == 2 / 4
    assert found.density == (2 + 1) / 4, "1.0 is on the spheres of 0 and 2, inside that of 1"
    assert found.coverage == 2 / 4
    assert found.recall == 1 / 4, "0 and 1 are on the sphere of 0.5; 1 is inside that of 1.0"


def test_what_a_perfect_generator_reaches() -> None:
    found = precision_recall_density_coverage(draw(4, 3000, 3), draw(9, 3000, 3), k=5)
    assert found.density == pytest.approx(1, abs=0.05)
    assert found.coverage == pytest.approx(1 - 2**-5, abs=0.02)


def test_collapse_loses_coverage_and_strays_lose_precision() -> None:
    real = draw(5, 300, 5)
    collapsed = real[:1] + 1e-3 * draw(6, 300, 5)
    astray = np.concatenate([draw(7, 150, 5), draw(8, 150, 5) + 50])
    assert precision_recall_density_coverage(real, collapsed).coverage < 0.1
    assert precision_recall_density_coverage(real, astray).precision <= 0.5


def test_needs_a_kth_neighbour() -> None:
    with pytest.raises(ValueError, match="k = 5 needs"):
        precision_recall_density_coverage(np.zeros((9, 2)), np.zeros((5, 2)))
