"""One step of training: the two players, their optimisers, and an update of both."""

import math
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from .augment import augment
from .config import NetworkConfig, TrainConfig
from .ema import ema_decay, update_ema
from .losses import discriminator_loss, generator_loss, gradient_penalty
from .networks import Discriminator, Generator
from .runtime import Runtime


@dataclass(frozen=True)
class Players:
    """What a step changes: generator, discriminator, average, optimisers and random state."""

    generator: Generator
    critic: Discriminator
    average: Generator
    optimizer_g: torch.optim.Optimizer
    optimizer_d: torch.optim.Optimizer
    rng: torch.Generator

    def state(self) -> dict[str, Any]:
        """All of it, as tensors, numbers, strings, lists and dicts."""
        modules = {name: item.state_dict() for name, item in self._stateful().items()}
        return modules | {"rng": self.rng.get_state()}

    def restore(self, state: dict[str, Any]) -> None:
        """Go back to what `state` returned."""
        for name, item in self._stateful().items():
            item.load_state_dict(state[name])
        self.rng.set_state(state["rng"])

    def _stateful(self) -> dict[str, Any]:
        return {name: item for name, item in vars(self).items() if name != "rng"}


def make_players(network: NetworkConfig, config: TrainConfig) -> Players:
    """Both networks and the average at their starting weights, a function of the seed alone."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(config.seed)
        generator, critic, average = Generator(network), Discriminator(network), Generator(network)
    average.load_state_dict(generator.state_dict())
    average.requires_grad_(requires_grad=False)
    return Players(
        generator,
        critic,
        average,
        _adam(generator, config),
        _adam(critic, config),
        torch.Generator().manual_seed(config.seed),
    )


def _adam(module: torch.nn.Module, config: TrainConfig) -> torch.optim.Optimizer:
    betas = (config.beta1, config.beta2)
    return torch.optim.Adam(module.parameters(), config.learning_rate, betas, fused=True)


def train_step(
    players: Players,
    config: TrainConfig,
    runtime: Runtime,
    images_seen: int,
    batch: tuple[Tensor, Tensor],
) -> dict[str, float]:
    """Update D, then G against the new D, then the average.

    Both updates use the same fakes: G runs once. D and G must take turns: updating both from one
    pass of D is a third faster and left half of the diversity (docs/lab-notes.md).

    Args:
        players: changed in place.
        config: the recipe.
        runtime: precision of the convolutions.
        images_seen: before this step.
        batch: real images float32 [N, 1, H, W] in [-1, 1], and labels int64 [N].

    Returns:
        Losses and mean logits; `penalty` (R1 + R2) only in the steps that take it.
    """
    real, labels = batch
    done = images_seen / config.images_total
    rate = cosine(config.learning_rate, config.learning_rate_end, done)
    both = torch.cat([labels, labels])
    z = torch.randn(len(real), config.latent, generator=players.rng)
    with runtime.autocast():
        fake = players.generator(z, labels)
    shown_real = augment(real, config, players.rng)
    shown_fake = augment(fake, config, players.rng)
    shown = torch.cat([shown_real, shown_fake.detach()])

    # D.
    with runtime.autocast():
        logit_real, logit_fake = players.critic(shown, both).chunk(2)
    loss_d = discriminator_loss(logit_real, logit_fake).mean()
    report = {"logit_real": logit_real.mean().item(), "logit_fake": logit_fake.mean().item()}
    objective = loss_d
    # R1 + R2, every k-th step with k times the weight, so that gamma means the same for any k.
    if config.gamma and images_seen // len(real) % config.penalty_every == 0:
        gamma = cosine(config.gamma, config.gamma_end, done)
        with runtime.autocast():
            squares = gradient_penalty(players.critic, shown, both)
        penalty = squares.sum() / len(real)
        objective = loss_d + penalty * (gamma / 2 * config.penalty_every)
        report["penalty"] = penalty.item()
    _descend(objective, players.optimizer_d, rate)

    # G, by fakes that D has not just learned from. D's weights take no gradient here.
    z = torch.randn(len(real), config.latent, generator=players.rng)
    with runtime.autocast():
        fake = players.generator(z, labels)
    shown_fake = augment(fake, config, players.rng)
    players.critic.requires_grad_(requires_grad=False)
    with runtime.autocast():
        logit_real, logit_fake = players.critic(torch.cat([shown_real, shown_fake]), both).chunk(2)
    players.critic.requires_grad_(requires_grad=True)
    loss_g = generator_loss(logit_real, logit_fake).mean()
    _descend(loss_g, players.optimizer_g, rate)

    decay = ema_decay(len(real), images_seen + len(real), config.ema_fraction)
    update_ema(players.average, players.generator, decay)
    return report | {"loss_d": loss_d.item(), "loss_g": loss_g.item()}


def _descend(loss: Tensor, optimizer: torch.optim.Optimizer, rate: float) -> None:
    optimizer.zero_grad()
    torch.autograd.backward(loss)
    optimizer.param_groups[0]["lr"] = rate
    optimizer.step()


def cosine(start: float, end: float, done: float) -> float:
    """From `start` at done = 0 to `end` at done = 1, along half a cosine."""
    return end + (start - end) * (1 + math.cos(math.pi * done)) / 2
