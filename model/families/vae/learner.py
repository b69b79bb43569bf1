"""The training step: encode, sample, decode; minimise reconstruction error and KL divergence."""

import torch
from torch import Tensor, nn

from ...network import NetworkConfig
from ...parallel import Draws, Shard
from ...runtime import Runtime
from ..base import Batch, Report, Step, adam, cosine, descend
from ..base import Learner as BaseLearner
from ..ema import ema_decay, update_ema
from ..recipe import Recipe as CommonRecipe
from .losses import charbonnier, kl_to_standard_normal, ms_ssim
from .networks import Encoder, Generator
from .recipe import Recipe


class Learner(BaseLearner):
    """Encoder, decoder (the generator), its average, one optimiser."""

    def __init__(self, network: NetworkConfig, recipe: CommonRecipe, seed: int) -> None:
        """Start from weights drawn from torch's global random state."""
        self.recipe = Recipe.model_validate(recipe)
        network = network.model_copy(update={"head": self.recipe.head})
        self.encoder, self.decoder = Encoder(network), Generator(network)
        self.average = Generator(network)
        self.average.load_state_dict(self.decoder.state_dict())
        self.average.requires_grad_(requires_grad=False)
        self.optimizer = adam(nn.ModuleList([self.encoder, self.decoder]), self.recipe)
        self.rng = torch.Generator().manual_seed(seed)
        self.numbers = {}

    def networks(self) -> dict[str, nn.Module]:
        """Encoder, decoder and average."""
        return {"encoder": self.encoder, "decoder": self.decoder, "average": self.average}

    def optimizers(self) -> dict[str, torch.optim.Optimizer]:
        """One for encoder and decoder together."""
        return {"optimizer": self.optimizer}

    def trial(self, images: Tensor, labels: Tensor) -> Tensor:
        """The error of the reconstruction from the posterior's mean."""
        mean, _ = self.encoder(images, labels)
        return charbonnier(self.decoder(mean, labels), images).mean()

    def familiarity(self, images: Tensor, labels: Tensor) -> Tensor:
        """The negative error of the reconstruction from the posterior's mean."""
        mean, _ = self.encoder(images, labels)
        return -charbonnier(self.decoder(mean, labels), images)

    def step(self, batch: Batch, progress: Step, runtime: Runtime, shard: Shard) -> Report:
        """Minimise Charbonnier + structure (1 - MS-SSIM) + beta KL / pixels."""
        real, labels, given = batch
        recipe = self.recipe
        draws = Draws(self.rng, shard, real.device)
        rate = cosine(recipe.learning_rate, recipe.learning_rate_end, progress.done)
        with runtime.autocast():
            mean, log_variance = self.encoder(real, labels)
            noise = draws.normal(len(real), recipe.latent)
            z = mean + (log_variance / 2).exp() * noise
            drawn = self.decoder(z, labels, given)
        difference = charbonnier(drawn, real).mean()
        dissimilarity = (1 - ms_ssim(drawn, real)).mean()
        kl = kl_to_standard_normal(mean, log_variance).mean()
        warmth = min(progress.done / recipe.warm_up, 1.0) if recipe.warm_up else 1.0
        pixels = real[0].numel()
        loss = difference + recipe.structure * dissimilarity + warmth * recipe.beta * kl / pixels
        descend(loss, self.optimizer, rate, shard)

        share = len(real) * shard.world
        decay = ema_decay(share, progress.images_seen + share, recipe.ema_fraction)
        update_ema(self.average, self.decoder, decay)
        return {
            "loss": loss.detach(),
            "charbonnier": difference.detach(),
            "dissimilarity": dissimilarity.detach(),
            "kl": kl.detach(),
        }
