import copy

import pytest
import torch
from torch import Tensor

from model.config import TrainConfig
from model.losses import discriminator_loss, generator_loss
from model.runtime import Runtime
from model.step import Players, cosine, make_players, train_step

RUNTIME = Runtime("float32", True, 1, "", "", {})
CONFIG = TrainConfig(
    latent=8,
    widths=(12, 8, 8),
    batch=4,
    gamma=0,
    translate=0,
    scale=0,
    brightness=0,
    contrast=0,
    cutout=0,
)


def _players(config: TrainConfig) -> Players:
    players = make_players(config.network(32, ("a", "b")), config)
    # At the start residual branches are zero, and so would half of the gradients be.
    noise = torch.Generator().manual_seed(1)
    for weight in (*players.critic.parameters(), *players.generator.parameters()):
        weight.data += 0.1 * torch.randn(weight.shape, generator=noise)
    return players


def _batch() -> tuple[Tensor, Tensor]:
    images = torch.rand(4, 1, 32, 32, generator=torch.Generator().manual_seed(2)) * 2 - 1
    return images, torch.tensor([0, 1, 0, 1])


def _gradients(module: torch.nn.Module) -> Tensor:
    return torch.cat([p.grad.flatten() for p in module.parameters() if p.grad is not None])


def test_each_player_descends_its_own_loss_and_g_meets_the_updated_d() -> None:
    config = CONFIG.model_copy(update={"learning_rate": 0.05})
    players, (real, labels) = _players(config), _batch()
    rng = torch.Generator().manual_seed(config.seed)
    for_d, for_g = (torch.randn(4, 8, generator=rng) for _ in range(2))
    before = copy.deepcopy(players)
    fake = before.generator(for_d, labels)
    logits = players.critic(real, labels), players.critic(fake.detach(), labels)
    of_d = torch.autograd.grad(
        discriminator_loss(*logits).mean(), list(players.critic.parameters())
    )

    train_step(players, config, RUNTIME, 0, (real, labels))

    fresh = before.generator(for_g, labels)
    logits = players.critic(real, labels), players.critic(fresh, labels)
    of_g = torch.autograd.grad(generator_loss(*logits).mean(), list(before.generator.parameters()))
    for module, expected in ((players.critic, of_d), (players.generator, of_g)):
        flat = torch.cat([gradient.flatten() for gradient in expected])
        torch.testing.assert_close(_gradients(module), flat, rtol=1e-3, atol=1e-5)


def test_the_penalty_comes_every_kth_step_with_k_times_the_weight() -> None:
    lazy = CONFIG.model_copy(update={"gamma": 1.0, "gamma_end": 1.0, "penalty_every": 3})
    reports = [train_step(_players(lazy), lazy, RUNTIME, seen, _batch()) for seen in (0, 4, 8, 12)]
    assert ["penalty" in report for report in reports] == [True, False, False, True]

    def share(config: TrainConfig) -> Tensor:
        players = _players(config)
        train_step(players, config, RUNTIME, 0, _batch())
        return _gradients(players.critic)

    alone = share(CONFIG)
    every_step = share(lazy.model_copy(update={"penalty_every": 1})) - alone
    torch.testing.assert_close(share(lazy) - alone, 3 * every_step, rtol=1e-3, atol=1e-4)


def test_the_rate_falls_along_a_cosine() -> None:
    assert cosine(4.0, 2.0, 0.0) == 4.0
    assert cosine(4.0, 2.0, 0.5) == pytest.approx(3.0)
    assert cosine(4.0, 2.0, 1.0) == 2.0


def test_players_are_a_function_of_the_seed_and_leave_torchs_own_alone() -> None:
    torch.manual_seed(5)
    before = torch.get_rng_state()
    first, again = (make_players(CONFIG.network(32, ("a",)), CONFIG) for _ in range(2))
    assert torch.equal(torch.get_rng_state(), before)
    other = CONFIG.model_copy(update={"seed": 1})
    assert torch.equal(first.generator.input.weight, again.generator.input.weight)
    different = make_players(other.network(32, ("a",)), other)
    assert not torch.equal(first.generator.input.weight, different.generator.input.weight)
