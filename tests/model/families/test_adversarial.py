import copy

import pytest
import torch
from torch import Tensor

from model.config import TrainConfig
from model.families import make_learner
from model.families.adversarial_losses import (
    discriminator_loss,
    generator_loss,
    mode_seeking_loss,
)
from model.families.base import Batch, Step, cosine
from model.families.rpgan.learner import Learner
from model.families.rpgan.recipe import Recipe
from model.parallel import Shard
from model.runtime import Runtime

RUNTIME = Runtime("cpu", "float32", True, 1, "", "", {})
PLAIN = Recipe(
    latent=8,
    widths=(12, 8, 8),
    batch=4,
    gamma=0,
    mode_seeking=0,
    warm_up_kimg=0,
    noise=False,
    translate=0,
    scale=0,
    brightness=0,
    contrast=0,
    cutout=0,
)


def _learner(**changes: object) -> Learner:
    config = TrainConfig(recipe=PLAIN.model_copy(update=changes))
    learner = make_learner(config.network(32, ("a", "b")), config.recipe, config.seed)
    assert isinstance(learner, Learner)
    # At the start residual branches are small, and so would half of the gradients be.
    noise = torch.Generator().manual_seed(1)
    for weight in (*learner.critic.parameters(), *learner.generator.parameters()):
        weight.data += 0.1 * torch.randn(weight.shape, generator=noise)
    return learner


def _batch() -> Batch:
    images = torch.rand(4, 1, 32, 32, generator=torch.Generator().manual_seed(2)) * 2 - 1
    return Batch(images, torch.tensor([0, 0, 1, 1]))


def _step(learner: Learner, index: int = 0) -> dict[str, float]:
    report = learner.step(_batch(), Step(index, 4 * index, 0.0), RUNTIME, Shard())
    return {key: float(value) for key, value in report.items()}


def _gradients(module: torch.nn.Module) -> Tensor:
    return torch.cat([p.grad.flatten() for p in module.parameters() if p.grad is not None])


@pytest.mark.parametrize("mode_seeking", [0.0, 0.3])
def test_each_player_descends_its_own_loss_and_g_meets_the_updated_d(mode_seeking: float) -> None:
    learner = _learner(learning_rate=0.05, mode_seeking=mode_seeking)
    real, labels, _ = _batch()
    rng = torch.Generator().manual_seed(0)
    for_d, for_g = (torch.randn(4, 8, generator=rng) for _ in range(2))
    generator, critic = copy.deepcopy(learner.generator), copy.deepcopy(learner.critic)
    logit_real = critic(real, labels)
    logit_fake = critic(generator(for_d, labels).detach(), labels)
    of_d = torch.autograd.grad(
        discriminator_loss(logit_real, logit_fake).mean(), list(critic.parameters())
    )

    _step(learner)

    fresh = generator(for_g, labels)
    loss = generator_loss(logit_real.detach(), learner.critic(fresh, labels)).mean()
    loss = loss + mode_seeking * mode_seeking_loss(fresh, for_g, labels)
    of_g = torch.autograd.grad(loss, list(generator.parameters()))
    for module, expected in ((learner.critic, of_d), (learner.generator, of_g)):
        flat = torch.cat([gradient.flatten() for gradient in expected])
        torch.testing.assert_close(_gradients(module), flat, rtol=1e-3, atol=1e-5)


def test_the_penalty_comes_every_kth_step_with_k_times_the_weight() -> None:
    lazy = {"gamma": 1.0, "gamma_end": 1.0, "penalty_every": 3}
    reports = [_step(_learner(**lazy), index) for index in range(4)]
    assert ["penalty" in report for report in reports] == [True, False, False, True]

    def share(**changes: object) -> Tensor:
        learner = _learner(**changes)
        _step(learner)
        return _gradients(learner.critic)

    alone = share()
    every_step = share(**lazy | {"penalty_every": 1}) - alone
    torch.testing.assert_close(share(**lazy) - alone, 3 * every_step, rtol=1e-3, atol=1e-4)


def test_the_difference_penalty_holds_d_back_as_the_gradient_does() -> None:
    reports = [
        _step(_learner(gamma=1.0, gamma_end=1.0, penalty=kind, penalty_step=0.01))
        for kind in ("gradient", "difference")
    ]
    # One draw of noise an image: the same size, not the same number.
    assert 0.1 < reports[1]["penalty"] / reports[0]["penalty"] < 10


def test_augmentation_rises_while_d_overfits_and_falls_when_it_does_not(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    learner = _learner(adapt_to=0.4, translate=0.1)
    assert learner.numbers["strength"] == 0
    said = iter([2.0, -1.0, -1.0] * 30 + [2.0, 2.0, -1.0] * 30)

    def critic(images: Tensor, labels: Tensor) -> Tensor:
        assert images.shape[1:] == (1, 32, 32)
        return torch.full(labels.shape, next(said))

    monkeypatch.setattr(learner, "critic", critic)
    looks = [learner.watch(_batch(), _batch(), RUNTIME, Shard()) for _ in range(60)]
    strengths = [look["strength"] for look in looks]
    assert strengths[0] == 0  # one look is no overfitting yet
    assert max(strengths) == pytest.approx(strengths[35], abs=0.15)
    assert strengths[29] > 0.3
    assert strengths[59] < strengths[40]
    assert all(0 <= strength <= 1 for strength in strengths)


def test_fixed_augmentation_draws_no_conclusions() -> None:
    learner = _learner()
    assert not learner.watches
    assert learner.numbers["strength"] == 1


def test_the_rate_falls_along_a_cosine() -> None:
    assert cosine(4.0, 2.0, 0.0) == 4.0
    assert cosine(4.0, 2.0, 0.5) == pytest.approx(3.0)
    assert cosine(4.0, 2.0, 1.0) == 2.0
