import numpy as np
import pytest
import torch

from model.families.vae.losses import charbonnier, kl_to_standard_normal, ms_ssim
from model.metrics.ms_ssim import ms_ssim as metric


def test_charbonnier_is_nearly_the_mean_absolute_difference() -> None:
    x = torch.tensor([[[[0.0, 0.5]]], [[[1.0, -1.0]]]])
    assert charbonnier(x, torch.zeros_like(x)).tolist() == pytest.approx([0.2505, 1.0], abs=1e-3)


def test_kl_equals_numbers_worked_by_hand() -> None:
    mean, log_variance = torch.tensor([[1.0, 0.0], [0.0, 2.0]]), torch.zeros(2, 2)
    assert kl_to_standard_normal(mean, log_variance).tolist() == [0.5, 2.0]
    narrow = kl_to_standard_normal(torch.zeros(1, 1), torch.tensor([[-2.0]]))
    assert narrow.item() == pytest.approx(0.5 * (np.exp(-2) - 1 + 2))


@pytest.mark.parametrize("side", [32, 64])
def test_structure_agrees_with_the_metric(side: int) -> None:
    rng = np.random.default_rng(0)
    x = rng.integers(0, 256, (6, side, side)).astype(np.uint8)
    noise = rng.normal(0, 1, x.shape) * np.array([0, 2, 5, 10, 20, 40])[:, None, None]
    y = (x + noise).clip(0, 255).astype(np.uint8)
    as_floats = [torch.from_numpy(z / 127.5 - 1)[:, None] for z in (x, y)]
    assert ms_ssim(*as_floats).numpy() == pytest.approx(metric(x, y), abs=1e-3)
