"""WGAN-GP by hand."""

import pytest
import torch
from torch import Tensor

from model.families.pggan.losses import critic_loss, generator_loss, gradient_penalty


def test_losses_by_hand() -> None:
    real, fake = torch.tensor([2.0, 4.0]), torch.tensor([1.0, -1.0])
    assert float(critic_loss(real, fake, 0.0)) == pytest.approx(-3.0)
    assert float(critic_loss(real, fake, 0.1)) == pytest.approx(-3.0 + 0.1 * 10)
    assert float(generator_loss(fake)) == 0.0


@pytest.mark.parametrize("slope", [0.0, 0.25, 1.0])
def test_the_penalty_is_of_the_gradients_length_over_all_channels(slope: float) -> None:
    weight = torch.full((2, 2, 2), slope, requires_grad=True)

    def critic(channels: Tensor, labels: Tensor) -> Tensor:
        return (channels * weight).sum((1, 2, 3))

    real, fake = torch.rand(4, 2, 2, 2), torch.rand(4, 2, 2, 2)
    labels, shares = torch.zeros(4, dtype=torch.int64), torch.rand(4, 1, 1, 1)
    penalty = gradient_penalty(critic, real, fake, labels, shares)
    assert float(penalty.detach()) == pytest.approx((slope * 8**0.5 - 1) ** 2)
    torch.autograd.backward(penalty)
    assert weight.grad is not None
    assert weight.grad.isfinite().all()
