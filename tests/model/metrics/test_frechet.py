"""The Frechet distance against closed forms and the formula with a matrix square root."""

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy import linalg

from model.metrics import frechet_distance


def by_matrix_square_root(x: NDArray[np.float64], y: NDArray[np.float64]) -> float:
    """As torch-fidelity writes it."""
    s1, s2 = np.cov(x, rowvar=False), np.cov(y, rowvar=False)
    root = linalg.sqrtm(s1 @ s2)
    shift = x.mean(0) - y.mean(0)
    return float(shift @ shift + np.trace(s1) + np.trace(s2) - 2 * np.trace(root).real)


@pytest.mark.parametrize(("n", "m", "d"), [(200, 150, 8), (90, 40, 12), (500, 500, 3)])
def test_agrees_with_the_matrix_square_root(n: int, m: int, d: int) -> None:
    rng = np.random.default_rng(n)
    x, y = rng.normal(size=(n, d)), rng.normal(0.5, 2, size=(m, d)) @ rng.normal(size=(d, d))
    assert frechet_distance(x, y) == pytest.approx(by_matrix_square_root(x, y), rel=1e-8)


def test_closed_form_of_two_gaussians_with_exact_moments() -> None:
    rng = np.random.default_rng(0)
    raw = rng.normal(size=(100, 4))
    white = np.linalg.qr(raw - raw.mean(0))[0] * np.sqrt(99)  # mean 0, covariance the identity
    moved = white * np.array([1.0, 2.0, 3.0, 0.5]) + 2.0
    expected = 4 * 2.0**2 + (1 - 1) ** 2 + (1 - 2) ** 2 + (1 - 3) ** 2 + (1 - 0.5) ** 2
    assert frechet_distance(white, moved) == pytest.approx(expected, rel=1e-9)


def test_fewer_images_than_features() -> None:
    rng = np.random.default_rng(1)
    x, y = rng.normal(size=(30, 100)), rng.normal(1, 1, size=(25, 100))
    # The trace of the root is the sum of the roots of the eigenvalues, which are few and real.
    a, b = (v - v.mean(0) for v in (x, y))
    roots = np.linalg.eigvals((a @ b.T) @ (b @ a.T) / (29 * 24)).real.clip(0) ** 0.5
    shift = x.mean(0) - y.mean(0)
    expected = shift @ shift + (a**2).sum() / 29 + (b**2).sum() / 24 - 2 * roots.sum()
    assert frechet_distance(x, y) == pytest.approx(expected, rel=1e-8)


def test_zero_of_itself_symmetric_order_free() -> None:
    rng = np.random.default_rng(2)
    x, y = rng.normal(size=(50, 6)), rng.normal(1, 1, size=(60, 6))
    assert frechet_distance(x, x[::-1]) == pytest.approx(0, abs=1e-9)
    assert frechet_distance(x, y) == pytest.approx(frechet_distance(y, x))


def test_biased_upwards_at_small_n() -> None:
    rng = np.random.default_rng(3)
    few, many = (
        np.mean([frechet_distance(*rng.normal(size=(2, n, 10))) for _ in range(20)])
        for n in (20, 200)
    )
    assert few > 5 * many > 0


def test_needs_two_rows() -> None:
    with pytest.raises(ValueError, match="two rows"):
        frechet_distance(np.zeros((1, 3)), np.zeros((5, 3)))
