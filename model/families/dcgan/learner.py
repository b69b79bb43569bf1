"""The training step: D on a real and a fake batch, then G with the non-saturating loss."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ...network import NetworkConfig
from ...parallel import Draws, Shard
from ...runtime import Runtime
from ..base import Batch, Report, Step, adam, cosine, descend
from ..base import Learner as BaseLearner
from ..recipe import Recipe as CommonRecipe
from .networks import Discriminator, Generator


class Learner(BaseLearner):
    """Generator, discriminator, an optimiser for each."""

    def __init__(self, network: NetworkConfig, recipe: CommonRecipe, seed: int) -> None:
        """Start from weights drawn from torch's global random state."""
        self.recipe = recipe
        self.average = self.generator = Generator(network)
        self.critic = Discriminator(network)
        self.optimizer_g = adam(self.generator, self.recipe)
        self.optimizer_d = adam(self.critic, self.recipe)
        self.rng = torch.Generator().manual_seed(seed)
        self.numbers = {}

    def networks(self) -> dict[str, nn.Module]:
        """Generator and discriminator; the average is the generator itself."""
        return {"generator": self.generator, "critic": self.critic}

    def optimizers(self) -> dict[str, torch.optim.Optimizer]:
        """One per network."""
        return {"optimizer_g": self.optimizer_g, "optimizer_d": self.optimizer_d}

    def trial(self, images: Tensor, labels: Tensor) -> Tensor:
        """D's loss on real images, without updating its running statistics."""
        norms = [module for module in self.critic.modules() if isinstance(module, nn.BatchNorm2d)]
        for norm in norms:
            norm.track_running_stats = False
        loss = F.softplus(-self.critic(images, labels)).mean()
        for norm in norms:
            norm.track_running_stats = True
        return loss

    def familiarity(self, images: Tensor, labels: Tensor) -> Tensor:
        """D's logits with its running statistics, so that images do not affect each other."""
        self.critic.eval()
        logits: Tensor = self.critic(images, labels)
        self.critic.train()
        return logits

    def step(self, batch: Batch, progress: Step, runtime: Runtime, shard: Shard) -> Report:
        """Update D, then G."""
        real, labels, _ = batch
        draws = Draws(self.rng, shard, real.device)
        rate = cosine(self.recipe.learning_rate, self.recipe.learning_rate_end, progress.done)
        self.generator.train()
        with runtime.autocast():
            fake = self.generator(draws.normal(len(real), self.recipe.latent), labels)
            logit_real = self.critic(real, labels)
            logit_fake = self.critic(fake.detach(), labels)
        loss_d = F.softplus(-logit_real).mean() + F.softplus(logit_fake).mean()
        descend(loss_d, self.optimizer_d, rate, shard)

        self.critic.requires_grad_(requires_grad=False)
        with runtime.autocast():
            loss_g = F.softplus(-self.critic(fake, labels)).mean()
        self.critic.requires_grad_(requires_grad=True)
        descend(loss_g, self.optimizer_g, rate, shard)
        return {
            "loss_d": loss_d.detach(),
            "loss_g": loss_g.detach(),
            "logit_real": logit_real.detach().mean(),
            "logit_fake": logit_fake.detach().mean(),
        }
