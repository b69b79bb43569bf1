"""The losses of this family, and the teaching of its critics."""

import torch
from torch import Tensor, nn

from ...network import NetworkConfig
from ...parallel import Shard
from ...runtime import Runtime
from ..base import Report, adam, descend
from ..fusing import FusingLearner
from ..given import CRITIC_RATE, Critic
from ..recipe import Recipe as CommonRecipe
from . import losses
from .networks import Generator
from .recipe import Recipe


class Learner(FusingLearner):
    """Two critics, D1 of the first image and D2 of the second at a quarter of its size."""

    network_kind, recipe_kind = Generator, Recipe
    recipe: Recipe

    def __init__(self, network: NetworkConfig, recipe: CommonRecipe, seed: int) -> None:
        """Start from weights drawn from torch's global random state."""
        super().__init__(network, recipe, seed)
        width = self.recipe.critic_width
        self.critics = nn.ModuleList([Critic(width), Critic(width, stages=2)])
        self.critic_optimizer = adam(self.critics, self.recipe)

    def networks(self) -> dict[str, nn.Module]:
        """Fuser, average and critics."""
        return super().networks() | {"critics": self.critics}

    def optimizers(self) -> dict[str, torch.optim.Optimizer]:
        """Of fuser and critics."""
        return super().optimizers() | {"critic_optimizer": self.critic_optimizer}

    def loss(self, made: Tensor, given: Tensor) -> tuple[Tensor, Report]:
        """adversarial (-log D1(F) - log D2(down F)) + coarse + edges.

        The paper's generator loss, each term a mean over pixels; its critics' weight is our own.
        """
        recipe = self.recipe
        coarse, edges = losses.coarse(made, given[:, 1:]), losses.edges(made, given[:, :1])
        loss = recipe.coarse * coarse + recipe.edges * edges
        report: Report = {"coarse": coarse.detach(), "edges": edges.detach()}
        if recipe.adversarial:
            self.critics.requires_grad_(requires_grad=False)
            first, second = self._judged(made, made)
            pleased = losses.pleased(first) + losses.pleased(second)
            self.critics.requires_grad_(requires_grad=True)
            loss = loss + recipe.adversarial * pleased
            report["pleased"] = pleased.detach()
        return loss, report

    def teach(
        self, made: Tensor, given: Tensor, rate: float, runtime: Runtime, shard: Shard
    ) -> Report:
        """One step of both critics; returns the sum of their losses."""
        if not self.recipe.adversarial:
            return {}
        with runtime.autocast():
            real, fake = self._judged(given[:, :1], given[:, 1:]), self._judged(made, made)
            pairs = zip(real, fake, strict=True)
            loss = sum((losses.told_apart(*pair) for pair in pairs), made.new_zeros(()))
        descend(loss, self.critic_optimizer, rate * CRITIC_RATE, shard)
        return {"loss_critics": loss.detach()}

    def _judged(self, first: Tensor, second: Tensor) -> tuple[Tensor, Tensor]:
        """Logits of D1 and of D2; D2 is shown the second image at a quarter of the size."""
        return self.critics[0](first), self.critics[1](losses.shrunk(second))
