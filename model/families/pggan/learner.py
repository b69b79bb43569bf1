"""The training step: grow, update the critic, then the generator, then the average."""

import torch
from torch import Tensor, nn

from ...layout_bank import LayoutBank
from ...network import NetworkConfig
from ...parallel import Draws, Shard
from ...runtime import Runtime
from ..base import Batch, Report, Step, adam, cosine, descend
from ..base import Learner as BaseLearner
from ..ema import ema_decay, update_ema
from ..recipe import Recipe as CommonRecipe
from .growth import growth_at
from .losses import critic_loss, generator_loss, gradient_penalty
from .networks import Critic, Generator, seen
from .recipe import Recipe

NOTE_EVERY = 16
"""Steps between two calls of `Critic.note`, which takes a further pass over real images."""


class Learner(BaseLearner):
    """Generator, critic, average, and an optimiser for each of the first two."""

    average: Generator

    def __init__(self, network: NetworkConfig, recipe: CommonRecipe, seed: int) -> None:
        """Start from weights drawn from torch's global random state."""
        self.recipe = Recipe.model_validate(recipe)
        if not self.recipe.findings:
            network = network.model_copy(update={"made": ()})
        self.generator, self.critic = Generator(network), Critic(network)
        self.average = Generator(network)
        self.average.load_state_dict(self.generator.state_dict())
        self.average.requires_grad_(requires_grad=False)
        self.optimizer_g = adam(self.generator, self.recipe)
        self.optimizer_d = adam(self.critic, self.recipe)
        self.rng = torch.Generator().manual_seed(seed)
        self.numbers = {}

    def networks(self) -> dict[str, nn.Module]:
        """Generator, critic and average."""
        return {"generator": self.generator, "critic": self.critic, "average": self.average}

    def optimizers(self) -> dict[str, torch.optim.Optimizer]:
        """One for the generator, one for the critic."""
        return {"optimizer_g": self.optimizer_g, "optimizer_d": self.optimizer_d}

    def set_bank(self, bank: LayoutBank) -> None:
        """Of the statistics of layouts this family needs only which classes are annotated."""
        if self.average.config.made:
            for network in (self.generator, self.average):
                network.annotated.copy_(bank.counts.flatten(1).any(1))

    def trial(self, images: Tensor, labels: Tensor) -> Tensor:
        """The critic's loss on real images at full size, where most of the time is spent."""
        grown = len(self.average.config.widths) - 1.0
        logits = self.critic(self._seen(images, None, grown), labels, grown)
        return critic_loss(logits, torch.zeros_like(logits), self.recipe.drift)

    def familiarity(self, images: Tensor, labels: Tensor) -> Tensor:
        """The critic's logits of images whose findings it is not told, each judged alone."""
        growth = self.generator.grown
        return self.critic.alone(self._seen(images, None, growth), labels, growth)

    def step(self, batch: Batch, progress: Step, runtime: Runtime, shard: Shard) -> Report:
        """Grow as far as the share of the run says, then update the critic, then the generator.

        The networks never shrink: a training that begins from grown ones goes on at full size.

        Returns:
            Losses, mean logits and the growth; `penalty` only in steps that compute it.
        """
        recipe, count = self.recipe, len(batch.images) * shard.world
        stages = len(self.average.config.widths)
        growth = growth_at(progress.done, stages, recipe.grown_at)
        self.generator.grow(max(growth, self.generator.grown))
        growth = self.generator.grown
        draws = Draws(self.rng, shard, batch.images.device)
        rate = cosine(recipe.learning_rate, recipe.learning_rate_end, progress.done)
        loss_d, row_d = self._critic_loss(batch, progress.index, runtime, draws)
        descend(loss_d, self.optimizer_d, rate, shard)
        loss_g, row_g = self._generator_loss(batch, runtime, draws)
        descend(loss_g, self.optimizer_g, rate, shard)
        decay = ema_decay(count, progress.images_seen + count, recipe.ema_fraction)
        update_ema(self.average, self.generator, decay)
        self.average.grow(growth)
        return row_d | row_g | {"growth": growth}

    def _seen(self, images: Tensor, given: Tensor | None, growth: float) -> Tensor:
        return seen(images, given, len(self.average.config.made), growth)

    def _fakes(self, batch: Batch, draws: Draws) -> Tensor:
        """What the critic sees of fakes: without maps where a real image of the batch has none."""
        z = draws.normal(len(batch.labels), self.recipe.latent)
        channels = self.generator.channels(z, batch.labels)
        if not self.average.config.made:
            return channels
        told = channels.new_zeros(()) if batch.given is None else batch.given[:, -1:, :1, :1]
        return torch.cat([channels[:, :1], channels[:, 1:] * told], 1)

    def _critic_loss(
        self, batch: Batch, index: int, runtime: Runtime, draws: Draws
    ) -> tuple[Tensor, Report]:
        """The loss of the critic on real images and new fakes, and a report."""
        recipe, growth, labels = self.recipe, self.generator.grown, batch.labels
        with runtime.autocast():
            real = self._seen(batch.images, batch.given, growth)
            with torch.no_grad():
                fake = self._fakes(batch, draws)
            both = self.critic(torch.cat([real, fake]), torch.cat([labels, labels]), growth)
            if index % NOTE_EVERY == 0:
                self.critic.note(real, growth, draws.shard, index // NOTE_EVERY)
        logit_real, logit_fake = both.chunk(2)
        apart = critic_loss(logit_real, logit_fake, recipe.drift)
        loss = apart
        row: Report = {
            "logit_real": logit_real.detach().mean(),
            "logit_fake": logit_fake.detach().mean(),
            "loss_d": apart.detach(),
        }
        # Every k-th step with k times the weight: the weight means the same for any k.
        if recipe.penalty and index % recipe.penalty_every == 0:
            with runtime.autocast():
                penalty = gradient_penalty(
                    lambda channels, which: self.critic(channels, which, growth),
                    real, fake, labels, draws.uniform(len(labels), 1, 1, 1),
                )  # fmt: skip
            loss = loss + penalty * (recipe.penalty * recipe.penalty_every)
            row["penalty"] = penalty.detach()
        return loss, row

    def _generator_loss(
        self, batch: Batch, runtime: Runtime, draws: Draws
    ) -> tuple[Tensor, Report]:
        """The loss of the generator on new fakes; the critic's weights need no gradient here."""
        self.critic.requires_grad_(requires_grad=False)
        with runtime.autocast():
            fake = self._fakes(batch, draws)
            loss = generator_loss(self.critic(fake, batch.labels, self.generator.grown))
        self.critic.requires_grad_(requires_grad=True)
        return loss, {"loss_g": loss.detach()}
