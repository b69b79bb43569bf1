import pytest
import torch

from model.families.ema import ema_decay, update_ema


def test_half_is_left_after_one_half_life() -> None:
    seen, fraction, batch = 100_000, 0.05, 16
    kept = 1.0
    for _ in range(int(seen * fraction) // batch):
        kept *= ema_decay(batch, seen, fraction)
    assert kept == pytest.approx(0.5, rel=0.01)


def test_the_first_weights_are_soon_forgotten() -> None:
    assert ema_decay(16, 16, 0.05) < 1e-5
    assert ema_decay(16, 1000, 0.05) < ema_decay(16, 10_000, 0.05) < 1


def test_the_average_moves_by_what_the_decay_leaves() -> None:
    average, source = torch.nn.Linear(2, 2), torch.nn.Linear(2, 2)
    expected = 0.75 * average.weight + 0.25 * source.weight
    update_ema(average, source, 0.75)
    torch.testing.assert_close(average.weight, expected)
