"""One update of the weights, and the limit of its size."""

import pytest
import torch
from torch import nn

from model.families.base import adam, descend
from model.families.rpgan.recipe import Recipe
from model.parallel import this_shard

RATE = 1e-3


def largest_update(spike: float, most_update: float) -> float:
    """Of a linear layer's weights, in units of the rate, when one batch is `spike` times usual."""
    torch.manual_seed(0)
    net = nn.Linear(20, 4)
    optimizer, largest = adam(net, Recipe()), 0.0
    for step in range(60):
        images = torch.randn(8, 20) * (spike if step == 50 else 1)
        before = net.weight.detach().clone()
        descend(net(images).square().mean(), optimizer, RATE, this_shard(), most_update)
        if step == 50:
            largest = float((net.weight.detach() - before).square().mean().sqrt()) / RATE
    return largest


def test_without_a_limit_a_spike_moves_the_weights_many_times_as_far() -> None:
    assert largest_update(30, 0.0) > 4


@pytest.mark.parametrize("spike", [10.0, 1e3, 1e6])
def test_a_spike_moves_the_weights_twice_as_far_at_most(spike: float) -> None:
    assert largest_update(spike, 1.0) < 2.0


def test_usual_gradients_are_left_alone() -> None:
    assert largest_update(0.5, 10.0) == pytest.approx(largest_update(0.5, 0.0), rel=1e-4)
