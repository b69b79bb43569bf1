import numpy as np
import pytest
import torch
from torch import Tensor

from model.families.base import Generator
from model.network import NetworkConfig
from model.validation import Judgement, make_judge

NETWORK = NetworkConfig(
    family="rpgan", image_size=32, classes=("a", "b"), latent=4, widths=(8, 8, 8)
)


class _Noise(Generator):
    """Random discs of grey; `spread` 0 gives the same image always."""

    def __init__(self, spread: float) -> None:
        super().__init__()
        self.config, self.bank = NETWORK, None
        self.spread = torch.nn.Parameter(torch.tensor(spread))

    def forward(
        self,
        z: Tensor,
        classes: Tensor,
        given: Tensor | None = None,
        noise: Tensor | None = None,
    ) -> Tensor:
        rows = torch.linspace(-1, 1, 32)
        centre = 0.5 * self.spread * z[:, :2].clamp(-2, 2)
        distance = (rows[None, :, None] - centre[:, :1, None]).square() + (
            rows[None, None, :] - centre[:, 1:, None]
        ).square()
        images: Tensor = torch.where(distance < 0.3, 0.5, -1.0)[:, None]
        return images


def test_the_same_distribution_is_near_and_a_single_image_is_far_and_collapsed() -> None:
    with torch.no_grad():
        drawn = _Noise(1.0)(torch.randn(40, 4), torch.zeros(40, 2))
    images = ((drawn[:, 0] + 1) * 127.5).to(torch.uint8).numpy()
    judge = make_judge(images, np.arange(40) % 2, seed=0, count=40)
    good, stuck = judge(_Noise(1.0)), judge(_Noise(0.0))
    assert good.kernel_distance < stuck.kernel_distance / 3
    assert not good.collapsed
    assert stuck.collapsed
    assert stuck.ms_ssim == pytest.approx(1.0)
    assert judge(_Noise(1.0)) == good


def test_collapse_is_judged_by_the_worst_class() -> None:
    assert Judgement(0.1, 0.9, 0.3).collapsed
    assert not Judgement(0.1, 0.5, 0.3).collapsed
