"""The Frechet distance against closed forms, the formula with a matrix square root and a library;
its limit of many fakes against the truth."""

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from scipy import linalg
from torchmetrics.image.fid import _compute_fid

from model.metrics import frechet_distance, frechet_distance_infinity

Features = NDArray[np.float64]


def by_matrix_square_root(x: Features, y: Features) -> float:
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


@pytest.mark.parametrize(("n", "m", "d"), [(400, 300, 64), (1000, 700, 128)])
def test_agrees_with_torchmetrics(n: int, m: int, d: int) -> None:
    rng = np.random.default_rng(d)
    mix = rng.normal(size=(d, d)) / np.arange(1, d + 1)  # directions of very unequal variance
    x, y = rng.normal(size=(n, d)) @ mix, rng.normal(0.1, 1.2, size=(m, d)) @ mix
    moments = [m for v in (x, y) for m in (v.mean(0), np.cov(v, rowvar=False))]
    expected = float(_compute_fid(*(torch.from_numpy(moment) for moment in moments)))
    assert frechet_distance(x, y) == pytest.approx(expected, rel=1e-6)


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
    assert frechet_distance(rng.permutation(x), y[::-1]) == pytest.approx(frechet_distance(x, y))


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


def exact_moments(rng: np.random.Generator, rows: int, scale: Features) -> Features:
    """Rows of mean 0 and covariance diag(scale^2), exactly: a real side without any bias."""
    raw = rng.normal(size=(rows, len(scale)))
    white: Features = np.linalg.qr(raw - raw.mean(0))[0] * np.sqrt(rows - 1)
    return white * scale


def test_the_intercept_is_nearer_the_truth_than_all_the_fakes_are() -> None:
    """Over twelve sets of fakes: the bias is gone, and most single sets are nearer too."""
    rng = np.random.default_rng(4)
    scale = 1 / np.sqrt(np.arange(1, 25))
    real = exact_moments(rng, 500, scale)
    truth = 24 * 0.05**2 + np.sum((1.2 * scale - scale) ** 2)
    results = [
        frechet_distance_infinity(real, rng.normal(0.05, 1.2 * scale, size=(800, 24)), seed)
        for seed in range(12)
    ]
    limits, largest = ([r.value for r in results], [r.distances[-1] for r in results])
    assert np.mean(largest) - truth > 0.08 * truth, "the plain distance is biased upwards"
    assert abs(np.mean(limits) - truth) < 0.25 * (np.mean(largest) - truth)
    errors = np.abs(np.array([limits, largest]) - truth)
    assert np.mean(errors[0] < errors[1]) > 0.6


def test_points_of_the_extrapolation_and_its_line() -> None:
    rng = np.random.default_rng(5)
    real, fake = rng.normal(size=(90, 7)), rng.normal(0.3, 1, size=(120, 7))
    found = frechet_distance_infinity(real, fake, seed=0)
    assert (found.sizes[0], found.sizes[-1], len(found.sizes)) == (30, 120, 12)
    assert found.distances[-1] == pytest.approx(frechet_distance(real, fake), rel=1e-12)
    slope, intercept = np.polyfit(1 / found.sizes, found.distances, 1)
    assert found.value == pytest.approx(intercept, rel=1e-9)
    residual = found.distances - intercept - slope / found.sizes
    x = 1 / found.sizes
    spread = np.sum(residual**2) / 10 * (1 / 12 + x.mean() ** 2 / np.sum((x - x.mean()) ** 2))
    assert found.standard_error == pytest.approx(np.sqrt(spread), rel=1e-6)


def test_extrapolation_is_seeded() -> None:
    rng = np.random.default_rng(6)
    real, fake = rng.normal(size=(90, 3)), rng.normal(size=(100, 3))
    first, again, other = (frechet_distance_infinity(real, fake, seed) for seed in (1, 1, 2))
    np.testing.assert_array_equal(first.distances, again.distances)
    assert first.value == again.value != other.value
    assert first.value == pytest.approx(frechet_distance_infinity(real[::-1], fake, 1).value)


def test_extrapolation_needs_fakes() -> None:
    with pytest.raises(ValueError, match="60 fakes, got 59"):
        frechet_distance_infinity(np.zeros((90, 3)), np.zeros((59, 3)), 0)
