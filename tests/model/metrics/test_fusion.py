import numpy as np
import pytest

from model.information import mutual_information
from model.metrics.fusion import (
    fused_information,
    fused_ssim,
    kept_edges,
    spatial_frequency,
)

RNG = np.random.default_rng(0)
A, B = (RNG.integers(0, 256, (64, 64)).astype(np.uint8) for _ in range(2))
ROWS = np.tile(np.repeat(np.array([20, 220], np.uint8), 16), 2)
STRIPES, ACROSS = np.tile(ROWS, (64, 1)), np.tile(ROWS[:, None], (1, 64))


def test_an_image_of_two_like_it_keeps_everything() -> None:
    assert fused_information(A, A, A) == pytest.approx(2)
    assert fused_ssim(A, A, A) == pytest.approx(1)
    # The paper's constants leave a little less than 1 even of the same edge.
    assert 0.97 < kept_edges(A, A, A) < 0.98


def test_information_is_of_greys_whatever_their_order() -> None:
    assert mutual_information(A, 255 - A) == pytest.approx(mutual_information(A, A))
    assert mutual_information(STRIPES, STRIPES) == pytest.approx(1)  # two greys: one bit
    assert mutual_information(STRIPES, ACROSS) == pytest.approx(0)
    assert fused_information(STRIPES, STRIPES, ACROSS) == pytest.approx(1)
    assert fused_information(np.zeros_like(A), STRIPES, ACROSS) == pytest.approx(0)


def test_edges_count_by_their_strength_and_direction() -> None:
    assert kept_edges(STRIPES, STRIPES, np.zeros_like(A)) > 0.97
    assert kept_edges(ACROSS, STRIPES, np.zeros_like(A)) < 0.1
    assert kept_edges(STRIPES // 4, STRIPES, np.zeros_like(A)) < 0.1
    assert kept_edges(255 - STRIPES, STRIPES, STRIPES) > 0.97  # an orientation has no sign
    assert kept_edges(A, np.zeros_like(A), np.zeros_like(A)) == 0


def test_spatial_frequency_is_of_neighbours() -> None:
    board = np.indices((64, 64)).sum(0) % 2 * 10
    assert spatial_frequency(board.astype(np.uint8)) == pytest.approx(np.sqrt(200))
    assert spatial_frequency(np.full_like(A, 7)) == 0


def test_ssim_is_the_mean_of_both() -> None:
    assert fused_ssim(A, A, B) == pytest.approx((1 + fused_ssim(A, B, B)) / 2)
