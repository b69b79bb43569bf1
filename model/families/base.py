"""What a family of generators must offer, and what they share."""

import math
from abc import ABC, abstractmethod
from typing import Any

import torch
from torch import Tensor, nn

from ..network import NetworkConfig
from ..parallel import Shard
from ..runtime import Runtime
from .recipe import Recipe

Row = dict[str, float]
Batch = tuple[Tensor, Tensor]


class Generator(nn.Module, ABC):
    """What turns z and a class into an image."""

    config: NetworkConfig

    @abstractmethod
    def forward(self, z: Tensor, classes: Tensor) -> Tensor:
        """float [N, latent], classes as `ClassEmbedding` takes them -> float [N, 1, H, W]."""


class ClassEmbedding(nn.Embedding):
    """A vector a class, or a weighted mean of several classes' vectors."""

    def forward(self, classes: Tensor) -> Tensor:
        """int64 [N], class indices, or float [N, classes], weights -> float [N, length]."""
        return classes @ self.weight if classes.is_floating_point() else super().forward(classes)


class Learner(ABC):
    """One training: networks, optimisers, random state, and what happens in a step.

    Attributes:
        average: the moving average of the generator's weights; what is kept and sampled from.
        rng: where every draw of the training comes from, the batches included.
        numbers: what else a step changes, by name.
        watches: whether `watch` is to be called.
    """

    average: Generator
    rng: torch.Generator
    numbers: dict[str, float]
    watches: bool = False

    @abstractmethod
    def step(self, batch: Batch, progress: "Step", runtime: Runtime, shard: Shard) -> Row:
        """Learn from a batch.

        Args:
            batch: this process's share: images float32 [N, 1, H, W] in [-1, 1], labels int64 [N].
            progress: how far the training is, before this step.
            runtime: device and precision.
            shard: which share this is.

        Returns:
            Losses and what else is worth a curve, the same keys or fewer in each step.
        """

    def watch(self, seen: Batch, held_out: Batch, runtime: Runtime, shard: Shard) -> Row:
        """Compare training with held-out images, now and then, and draw conclusions.

        Args:
            seen, held_out: as `step`'s batch; the first from the images that are learned from.
            runtime, shard: as in `step`.

        Returns:
            What is worth a curve.
        """
        raise NotImplementedError

    @abstractmethod
    def trial(self, images: Tensor, labels: Tensor) -> Tensor:
        """A loss whose cost and gradient are typical of a step; nothing is changed.

        `choose_runtime` times it and compares its gradient. Same arguments as `step`'s batch.
        """

    @abstractmethod
    def familiarity(self, images: Tensor, labels: Tensor) -> Tensor:
        """How much images look like those learned from, by this training's own networks.

        What an attacker who holds the checkpoint would tell members of the training set by
        (`model.metrics.membership_inference`); nothing is changed.

        Args:
            images: float32 [N, 1, H, W] in [-1, 1].
            labels: int64 [N].

        Returns:
            float32 [N], higher for what looks learned from.
        """

    @abstractmethod
    def networks(self) -> dict[str, nn.Module]:
        """Every network that computes, by name."""

    @abstractmethod
    def optimizers(self) -> dict[str, torch.optim.Optimizer]:
        """Every optimiser, by name."""

    def state(self) -> dict[str, Any]:
        """All that a step changes, as tensors, numbers, strings, lists and dicts."""
        parts = self.networks() | self.optimizers()
        return {name: part.state_dict() for name, part in parts.items()} | {
            "rng": self.rng.get_state(),
            "numbers": dict(self.numbers),
        }

    def restore(self, state: dict[str, Any]) -> None:
        """Go back to what `state` returned."""
        for name, part in (self.networks() | self.optimizers()).items():
            part.load_state_dict(state[name])
        self.rng.set_state(state["rng"])
        self.numbers = dict(state["numbers"])

    def place(self, runtime: Runtime) -> None:
        """Move every network to the runtime's device and memory format, in place."""
        for network in self.networks().values():
            runtime.place(network)


class Step:
    """How far a training is, before a step.

    Attributes:
        index: steps taken.
        images_seen: real images shown, over all processes.
        done: share of the run, in kimg or in minutes, 0 to 1.
    """

    __slots__ = ("done", "images_seen", "index")

    def __init__(self, index: int, images_seen: int, done: float) -> None:
        self.index, self.images_seen, self.done = index, images_seen, done


def adam(module: nn.Module, recipe: Recipe) -> torch.optim.Optimizer:
    """Adam as the recipe says, fused: it works on CPU and is a fifth of the calls."""
    betas = (recipe.beta1, recipe.beta2)
    return torch.optim.Adam(module.parameters(), recipe.learning_rate, betas, fused=True)


def descend(
    loss: Tensor,
    optimizer: torch.optim.Optimizer,
    rate: float,
    shard: Shard,
    most_update: float = 0.0,
) -> None:
    """One update of the optimiser's weights, the gradient averaged over all processes.

    Args:
        loss: float32 [].
        optimizer: as `adam` makes it.
        rate: learning rate of this step.
        shard: this process's place among all.
        most_update: of Adam's update of a tensor before the rate, its root mean square at most;
            0: no limit.
    """
    optimizer.zero_grad()
    torch.autograd.backward(loss)
    group = optimizer.param_groups[0]
    shard.average_gradients(group["params"])
    if most_update:
        _clip_updates(optimizer, most_update)
    group["lr"] = rate
    optimizer.step()


@torch.no_grad()
def _clip_updates(optimizer: torch.optim.Optimizer, most: float) -> None:
    """Shrink the gradient of each tensor whose update by Adam would exceed `most`, in place.

    Adam divides by what gradients were lately, so one that suddenly is ten times as large moves
    the weights ten times as far: with beta1 = 0 nothing dampens it, and a single such step of D
    can end a training (docs/lab-notes.md). As in StableAdamW (Wortsman et al. 2023, arXiv
    2304.13013, algorithm 2) the step is divided by max(1, RMS_t / most), RMS_t = sqrt(E[g^2 /
    v_t]); but by way of the gradient, so that a spike does not stay in v either. What is left of
    one is at most twice what is usual.
    """
    group = optimizer.param_groups[0]
    params = [p for p in group["params"] if p.grad is not None and p in optimizer.state]
    if not params:
        return
    states, beta2 = [optimizer.state[p] for p in params], group["betas"][1]
    gradients = [p.grad for p in params]
    lately = torch._foreach_add([state["exp_avg_sq"] for state in states], 1e-30)
    ratios = torch._foreach_div(torch._foreach_mul(gradients, gradients), lately)
    # v starts from zero: Adam's correction of it.
    correction = 1 - beta2 ** states[0]["step"]
    usual = torch.stack([ratio.mean() for ratio in ratios]) * correction / most**2
    allowed = (beta2 + (1 - beta2) * usual).clamp(max=4.0)
    shrink = (allowed / usual.clamp(min=1e-30)).sqrt().clamp(max=1.0)
    torch._foreach_mul_(gradients, list(shrink.unbind()))


def cosine(start: float, end: float, done: float) -> float:
    """From `start` at done = 0 to `end` at done = 1, along half a cosine."""
    return end + (start - end) * (1 + math.cos(math.pi * done)) / 2
