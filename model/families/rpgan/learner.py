"""The training step: update D, then G, then the average."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ...network import NetworkConfig
from ...parallel import Draws, Shard
from ...runtime import Runtime
from ..base import Batch, Row, Step, adam, cosine, descend
from ..base import Learner as BaseLearner
from ..ema import ema_decay, update_ema
from ..recipe import Recipe as CommonRecipe
from .augment import augment, augment_pair
from .losses import (
    difference_penalty,
    discriminator_loss,
    generator_loss,
    gradient_penalty,
    mode_seeking_loss,
)
from .networks import Discriminator, Generator
from .recipe import Recipe

OVERFITTING_KEPT = 0.9
"""Decay of the average of r_v, per call of `watch`."""
STRENGTH_STEP = 0.02
"""Change of the augmentation's strength per call of `watch`: 50 or more calls from 0 to 1."""


class Learner(BaseLearner):
    """Generator, discriminator, average, one optimiser per network, and random state."""

    def __init__(self, network: NetworkConfig, recipe: CommonRecipe, seed: int) -> None:
        """Start from weights drawn from torch's global random state."""
        self.recipe = Recipe.model_validate(recipe)
        network = network.model_copy(update={"head": self.recipe.head})
        self.generator, self.critic = Generator(network), Discriminator(network, self.recipe.layout_input and bool(network.given), self.recipe.dense > 0 and bool(network.given))
        with torch.no_grad():
            self.generator.embedding.weight *= self.recipe.class_scale
        self.average = Generator(network)
        self.average.load_state_dict(self.generator.state_dict())
        self.average.requires_grad_(requires_grad=False)
        self.optimizer_g = adam(self.generator, self.recipe)
        self.optimizer_d = adam(self.critic, self.recipe)
        self.rng = torch.Generator().manual_seed(seed)
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
        (real, labels), (other, other_labels) = seen, held_out
        draws = Draws(self.rng, shard, real.device)
        strength = self.numbers["strength"]
        with torch.no_grad(), runtime.autocast():
            fake = self.generator(draws.normal(len(real), self.recipe.latent), labels)
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

    def step(self, batch: Batch, progress: Step, runtime: Runtime, shard: Shard) -> Row:
        """Update D, then G against the new D, then the average.

        D and G must be updated in turn: updating both from one pass of D is a third faster but
        loses half of the diversity (docs/lab-notes.md).

        Returns:
            Losses and mean logits; `penalty` (R1 + R2) only in steps that compute it.
        """
        real, labels, maps = batch if len(batch) == 3 else (*batch, None)
        recipe, count = self.recipe, len(real)
        draws = Draws(self.rng, shard, real.device)
        strength = self.numbers["strength"]
        rate = cosine(recipe.learning_rate, recipe.learning_rate_end, progress.done)
        seen = progress.images_seen + count * shard.world
        if seen < recipe.warm_up_kimg * 1000:
            rate *= seen / (recipe.warm_up_kimg * 1000)

        # D.
        with torch.no_grad(), runtime.autocast():
            fake = self.generator(draws.normal(count, recipe.latent), labels, maps)
            pairs = [augment_pair(images, maps, recipe, draws, strength) for images in (real, fake)]
            shown = torch.cat([pair[0] for pair in pairs])
            given = None if maps is None else torch.cat([pair[1] for pair in pairs])
        both = torch.cat([labels, labels])
        with runtime.autocast():
            logits, dense, x = self.critic.all(shown, both, given)
            logit_real, logit_fake = logits.chunk(2)
        loss_d = discriminator_loss(logit_real, logit_fake).mean()
        report = {"logit_real": logit_real.mean().item(), "logit_fake": logit_fake.mean().item()}
        objective = loss_d
        if recipe.label_matching:
            classes = self.critic.embedding.num_embeddings
            other = torch.randint(1, classes, (count,), generator=self.rng)
            wrong = self.critic.class_logits(x[:count], (labels + other) % classes)
            objective = objective + recipe.label_matching * discriminator_loss(logit_real, wrong).mean()
        if given is not None and recipe.mismatch and self.critic.layout_input:
            wrong = given[:count].roll(1, 0)
            differs = ((wrong - given[:count]).abs().amax((1, 2, 3)) > 0.5).float()
            with runtime.autocast():
                logit_wrong = self.critic(shown[:count], labels, wrong)
            term = (discriminator_loss(logit_real, logit_wrong) * differs).mean()
            objective = objective + recipe.mismatch * term
            report["mismatch"] = term.item()
        if dense is not None:
            term = self._dense(dense, given, real=True)
            objective = objective + recipe.dense * term
            report["dense"] = term.item()
        # R1 + R2, every k-th step with k times the weight: gamma means the same for any k.
        if recipe.gamma and progress.index % recipe.penalty_every == 0:
            gamma = cosine(recipe.gamma, recipe.gamma_end, progress.done)
            with runtime.autocast():
                if recipe.penalty == "gradient":
                    squares = gradient_penalty(lambda i, l: self.critic(i, l, given), shown, both)
                else:
                    halves = [draws.normal(count, *shown.shape[1:]) for _ in range(2)]
                    noise = recipe.penalty_step * torch.cat(halves)
                    logits = torch.cat([logit_real, logit_fake])
                    squares = difference_penalty(self.critic, shown, both, logits, noise)
            penalty = squares.sum() / count
            objective = loss_d + penalty * (gamma / 2 * recipe.penalty_every)
            report["penalty"] = penalty.item()
        descend(objective, self.optimizer_d, rate, shard, recipe.most_update)

        # G, with new fakes. The real images' logits are from D before its update, which saves a
        # pass. D's weights need no gradient here.
        z = draws.normal(count, recipe.latent)
        self.critic.requires_grad_(requires_grad=False)
        with runtime.autocast():
            fake = self.generator(z, labels, maps)
            seen_fake, seen_given = augment_pair(fake, maps, recipe, draws, strength)
            logit_fake, dense, _ = self.critic.all(seen_fake, labels, seen_given)
        self.critic.requires_grad_(requires_grad=True)
        loss_g = generator_loss(logit_real.detach(), logit_fake).mean()
        apart = mode_seeking_loss(fake, z, labels)
        loss = loss_g + recipe.mode_seeking * apart
        if dense is not None:
            term = self._dense(dense, seen_given, real=False)
            loss = loss + recipe.dense_g * term
            report["dense_g"] = term.item()
        descend(loss, self.optimizer_g, rate, shard, recipe.most_update)

        update_ema(
            self.average, self.generator, ema_decay(count * shard.world, seen, recipe.ema_fraction)
        )
        return report | {
            "loss_d": loss_d.item(),
            "loss_g": loss_g.item(),
            "mode_seeking": apart.item(),
        }

    def _dense(self, dense: Tensor, given: Tensor, real: bool) -> Tensor:
        """OASIS: kinds, background, fake; weights by inverse frequency in the batch."""
        small = F.adaptive_max_pool2d(given, dense.shape[-2:])
        most, which = small.max(1)
        kinds = small.shape[1]
        target = torch.where(most > 0.5, which, torch.full_like(which, kinds))
        count = len(target) // 2 if real else len(target)
        of_real = target[:count]
        frequency = torch.bincount(of_real.flatten(), minlength=kinds + 1).float()
        present = (frequency > 0).sum()
        weight = torch.where(
            frequency > 0, of_real.numel() / (present * frequency.clamp(min=1)), frequency
        )
        weights = torch.cat([weight.clamp(max=200.0), torch.ones(1)])
        logits = dense[:count]
        loss = F.cross_entropy(logits, of_real, weights, reduction="none").mean()
        if real:
            all_fake = torch.full_like(target[count:], kinds + 1)
            loss = loss + F.cross_entropy(dense[count:], all_fake)
        return loss
