"""Training against a discriminator: update D, then G, then the average.

Relativistic pairing with R1 and R2 (R3GAN, Huang et al. 2024, arXiv 2501.05441). A family gives
its generator and, if its training does more, overrides `step`.
"""

from collections.abc import Callable

import torch
from torch import Tensor, nn

from ..network import NetworkConfig
from ..parallel import Draws, Shard
from ..runtime import Runtime
from .adversarial_losses import (
    difference_penalty,
    discriminator_loss,
    fake_loss,
    generator_loss,
    gradient_penalty,
    layout_loss,
    mode_seeking_loss,
)
from .adversarial_recipe import AdversarialRecipe
from .augment import augment, augment_with_layout
from .base import (
    Batch,
    Generator,
    Learner,
    Report,
    Row,
    Step,
    adam,
    cosine,
    descend,
    drawn_noise,
)
from .critic import Discriminator
from .ema import ema_decay, update_ema
from .new_layouts import NewLayouts

OVERFITTING_KEPT = 0.9
"""Decay of the average of r_v, per call of `watch`."""
STRENGTH_STEP = 0.02
"""Change of the augmentation's strength per call of `watch`: 50 or more calls from 0 to 1."""


class AdversarialLearner(Learner):
    """Generator, discriminator, average, one optimiser per network, and random state."""

    def __init__(
        self,
        kind: Callable[[NetworkConfig], Generator],
        network: NetworkConfig,
        recipe: AdversarialRecipe,
        seed: int,
    ) -> None:
        """Start from weights drawn from torch's global random state.

        Args:
            kind: makes the family's generator.
            network: its shape, as the recipe has it.
            recipe: the family's.
            seed: of every random draw of the training.
        """
        self.recipe = recipe
        self.generator, self.critic = kind(network), Discriminator(network)
        with torch.no_grad():
            self.generator.embedding.weight *= self.recipe.class_scale
        self.average = kind(network)
        self.average.load_state_dict(self.generator.state_dict())
        self.average.requires_grad_(requires_grad=False)
        self.optimizer_g = adam(self.generator, self.recipe)
        self.optimizer_d = adam(self.critic, self.recipe)
        self.rng = torch.Generator().manual_seed(seed)
        self._seed = seed
        self._new_layouts: NewLayouts | None = None
        self.watches = self.recipe.adapt_to > 0
        self.numbers = {"strength": 0.0 if self.recipe.adapt_to else 1.0, "overfitting": 0.0}

    def networks(self) -> dict[str, nn.Module]:
        """Generator, discriminator and average."""
        return {"generator": self.generator, "critic": self.critic, "average": self.average}

    def optimizers(self) -> dict[str, torch.optim.Optimizer]:
        """One for the generator, one for the discriminator."""
        return {"optimizer_g": self.optimizer_g, "optimizer_d": self.optimizer_d}

    def trial(self, images: Tensor, labels: Tensor) -> Tensor:
        """D's loss on as many images as a step has, against a fake logit of 0.

        Not against other images: similar logits cancel, and bfloat16 leaves only noise of the
        gradient of their difference.
        """
        logits = self.critic(torch.cat([images, images]), torch.cat([labels, labels]))
        return discriminator_loss(logits, torch.zeros_like(logits)).mean()

    def familiarity(self, images: Tensor, labels: Tensor) -> Tensor:
        """D's logits."""
        logits: Tensor = self.critic(images, labels)
        return logits

    def watch(self, seen: Batch, held_out: Batch, runtime: Runtime, shard: Shard) -> Row:
        """Augment more while D distinguishes training from held-out images, else less.

        r_v = (E D(train) - E D(held out)) / (E D(train) - E D(fake)), of StyleGAN2-ADA (Karras et
        al. 2020, arXiv 2006.06676, section 3): 0 without overfitting, 1 when held-out images look
        like fakes. The strength of all augmentation rises from 0 while its average is above
        `adapt_to`, and falls while it is below.
        """
        (real, labels, given), (other, other_labels, _) = seen, held_out
        draws = Draws(self.rng, shard, real.device)
        strength = self.numbers["strength"]
        with torch.no_grad(), runtime.autocast():
            z = draws.normal(len(real), self.recipe.latent)
            fake = self._fakes(z, labels, given, draws)
            trained, unseen, made = (
                self.critic(augment(images, self.recipe, draws, strength), which).mean().item()
                for images, which in ((real, labels), (other, other_labels), (fake, labels))
            )
        margin = trained - made
        now = min(max((trained - unseen) / margin, 0.0), 1.0) if margin > 0 else 0.0
        now = shard.same(now)
        average = OVERFITTING_KEPT * self.numbers["overfitting"] + (1 - OVERFITTING_KEPT) * now
        change = STRENGTH_STEP if average > self.recipe.adapt_to else -STRENGTH_STEP
        self.numbers = {"strength": min(max(strength + change, 0.0), 1.0), "overfitting": average}
        return dict(self.numbers)

    def step(self, batch: Batch, progress: Step, runtime: Runtime, shard: Shard) -> Report:
        """Update D, then G against the new D, then the average.

        D and G must be updated in turn: updating both from one pass of D is a third faster but
        loses half of the diversity (docs/lab-notes.md).

        Returns:
            Losses and mean logits; `penalty` (R1 + R2) only in steps that compute it, `layout_d`
            and `layout_g` only with layouts.
        """
        recipe, count = self.recipe, len(batch.images) * shard.world
        draws = Draws(self.rng, shard, batch.images.device)
        rate = cosine(recipe.learning_rate, recipe.learning_rate_end, progress.done)
        seen = progress.images_seen + count
        if seen < recipe.warm_up_kimg * 1000:
            rate *= seen / (recipe.warm_up_kimg * 1000)
        loss_d, logit_real, row_d = self._critic_loss(batch, progress, runtime, draws)
        descend(loss_d, self.optimizer_d, rate, shard, recipe.most_update)
        loss_g, row_g = self._generator_loss(batch, logit_real, runtime, draws)
        descend(loss_g, self.optimizer_g, rate, shard, recipe.most_update)
        update_ema(self.average, self.generator, ema_decay(count, seen, recipe.ema_fraction))
        return row_d | row_g

    def _fakes(self, z: Tensor, labels: Tensor, given: Tensor | None, draws: Draws) -> Tensor:
        noise = drawn_noise(self.generator.config, draws, len(z))
        images: Tensor = self.generator(z, labels, given, noise)
        return images

    def _laid_out(self, labels: Tensor, given: Tensor | None, draws: Draws) -> Tensor | None:
        """The layouts of fakes: those of the batch, and new ones as images are drawn by later.

        From the data's own layouts alone, G learns less of where else a finding may be.
        """
        bank, share = self.average.bank, self.recipe.new_layouts
        if given is None or bank is None or not share:
            return given
        if self._new_layouts is None:
            side = self.generator.config.image_size
            self._new_layouts = NewLayouts.drawn(bank, side, self._seed, given.device)
        return self._new_layouts.mixed(given, labels, share, draws)

    def _critic_loss(
        self, batch: Batch, progress: Step, runtime: Runtime, draws: Draws
    ) -> tuple[Tensor, Tensor, Report]:
        """The loss of D on real images and new fakes, the logits of the real ones, and a report."""
        images, labels, given = batch
        recipe, count, strength = self.recipe, len(images), self.numbers["strength"]
        with torch.no_grad(), runtime.autocast():
            laid_out = self._laid_out(labels, given, draws)
            fake = self._fakes(draws.normal(count, recipe.latent), labels, laid_out, draws)
            real, of_real = augment_with_layout(images, given, recipe, draws, strength)
            fake, _ = augment_with_layout(fake, laid_out, recipe, draws, strength)
            shown = torch.cat([real, fake])
        both = torch.cat([labels, labels])
        with runtime.autocast():
            logits, cells = self.critic.with_cells(shown, both)
        logit_real, logit_fake = logits.chunk(2)
        apart = discriminator_loss(logit_real, logit_fake).mean()
        loss = apart
        row: Report = {
            "logit_real": logit_real.detach().mean(),
            "logit_fake": logit_fake.detach().mean(),
            "loss_d": apart.detach(),
        }
        if cells is not None and of_real is not None:
            told = layout_loss(cells[:count], of_real) + fake_loss(cells[count:])
            loss = loss + recipe.layout * told
            row["layout_d"] = told.detach()
        # R1 + R2, every k-th step with k times the weight: gamma means the same for any k.
        if recipe.gamma and progress.index % recipe.penalty_every == 0:
            gamma = cosine(recipe.gamma, recipe.gamma_end, progress.done)
            with runtime.autocast():
                if recipe.penalty == "gradient":
                    squares = gradient_penalty(self.critic, shown, both)
                else:
                    halves = [draws.normal(count, *shown.shape[1:]) for _ in range(2)]
                    noise = recipe.penalty_step * torch.cat(halves)
                    squares = difference_penalty(self.critic, shown, both, logits, noise)
            penalty = squares.sum() / count
            loss = loss + penalty * (gamma / 2 * recipe.penalty_every)
            row["penalty"] = penalty.detach()
        return loss, logit_real.detach(), row

    def _generator_loss(
        self, batch: Batch, logit_real: Tensor, runtime: Runtime, draws: Draws
    ) -> tuple[Tensor, Report]:
        """The loss of G on new fakes, and a report.

        The real images' logits are from D before its update, which saves a pass. D's weights need
        no gradient here.
        """
        images, labels, given = batch
        recipe, given = self.recipe, self._laid_out(labels, given, draws)
        z = draws.normal(len(images), recipe.latent)
        self.critic.requires_grad_(requires_grad=False)
        with runtime.autocast():
            fake = self._fakes(z, labels, given, draws)
            shown, of_fake = augment_with_layout(
                fake, given, recipe, draws, self.numbers["strength"]
            )
            logit_fake, cells = self.critic.with_cells(shown, labels)
        self.critic.requires_grad_(requires_grad=True)
        close = generator_loss(logit_real, logit_fake).mean()
        apart = mode_seeking_loss(fake, z, labels)
        loss = close + recipe.mode_seeking * apart
        row: Report = {"loss_g": close.detach(), "mode_seeking": apart.detach()}
        if cells is not None and of_fake is not None:
            shows = layout_loss(cells, of_fake)
            loss = loss + recipe.layout * shows
            row["layout_g"] = shows.detach()
        return loss, row
