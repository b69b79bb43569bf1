"""The interface of a family of generators, and helpers that families share."""

import math
from abc import ABC, abstractmethod
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from ..layout_bank import LayoutBank
from ..network import NetworkConfig
from ..parallel import Draws, Shard
from ..runtime import Runtime
from .recipe import Recipe

Row = dict[str, float]
Report = dict[str, Tensor | float]
"""As a `Row`, by a step; its tensors hold one number each, and stay on the device until somebody
reads them, because reading one makes the CPU wait for the GPU."""


class Batch(NamedTuple):
    """Images, their classes, and where their findings are.

    Attributes:
        images: float32 [N, 1, H, W], -1 black to 1 white; two channels, one of each source, for
            a family that fuses.
        labels: int64 [N].
        given: float32 [N, K + 1, H, W], 0 to 1, as `model.layout_bank.given` makes it; None for a
            generator that neither takes layouts nor makes maps of findings.
    """

    images: Tensor
    labels: Tensor
    given: Tensor | None = None


class Generator(nn.Module, ABC):
    """A network from z, a class and, if it takes one, a layout to an image, or image and maps.

    Attributes:
        config: shape of the network.
        embedding: one vector per class.
        bank: draws layouts; None if the network takes none.
        annotated: whether the maps of a class's images mean anything, because training images of
            it were annotated, bool [classes]; only of a network with `config.made`.
    """

    config: NetworkConfig
    embedding: "ClassEmbedding"
    bank: LayoutBank | None
    annotated: Tensor

    @abstractmethod
    def forward(
        self,
        z: Tensor,
        classes: Tensor,
        given: Tensor | None = None,
        noise: Tensor | None = None,
    ) -> Tensor:
        """Images of latents and classes.

        Args:
            z: standard normal, float [N, latent].
            classes: as `ClassEmbedding` takes them.
            given: as in `Batch`; None: a network that takes layouts is told nothing.
            noise: standard normal, float [N, 1, H, W], for a network with `config.noise`; None:
                images without grain.

        Returns:
            float [N, 1 + K, H, W]: the image, about -1 to 1, and for each kind of `config.made` a
            map of where its findings are, about 0 to 1.
        """

    def render(
        self,
        z: Tensor,
        classes: Tensor,
        given: Tensor | None = None,
        noise: Tensor | None = None,
        *,
        truncation: float = 1.0,
        shift: Tensor | None = None,
    ) -> Tensor:
        """Images as of `forward`, but less varied, or edited: the one way in which all are drawn.

        Here truncation scales z, z' = truncation z, and nothing can be edited. A family with a
        space of styles does both there (`styled.StyledGenerator`).

        Args:
            z, classes, given, noise: as in `forward`.
            truncation: 1 for images as of `forward`; under 1, more typical and less varied ones;
                0 gives every image of a class alike.
            shift: added to the styles, float [N, W]; None for images that are not edited.

        Raises:
            ValueError: an edit is asked for, and the family has no space of styles.
        """
        if shift is not None:
            raise ValueError(f"the family {self.config.family} has no space of styles to edit in")
        return self(truncation * z, classes, given, noise)  # type: ignore[no-any-return]


def drawn_noise(config: NetworkConfig, draws: Draws, count: int) -> Tensor | None:
    """The noise of `count` images of a training step; None for a network without."""
    if not config.noise:
        return None
    return draws.normal(count, 1, config.image_size, config.image_size)


class ClassEmbedding(nn.Embedding):
    """One vector per class, or a weighted mean of several classes' vectors."""

    def forward(self, classes: Tensor) -> Tensor:
        """int64 [N], class indices, or float [N, classes], weights -> float [N, length]."""
        return classes @ self.weight if classes.is_floating_point() else super().forward(classes)


class Learner(ABC):
    """One training: networks, optimisers, random state and the training step.

    Attributes:
        average: the moving average of the generator's weights, which is saved and sampled from.
        rng: the source of every random draw of the training, including the batches.
        numbers: other state that a step changes, by name.
        watches: whether `watch` must be called.
    """

    average: Generator
    rng: torch.Generator
    numbers: dict[str, float]
    watches: bool = False

    @abstractmethod
    def step(self, batch: Batch, progress: "Step", runtime: Runtime, shard: Shard) -> Report:
        """Train on a batch.

        Args:
            batch: this process's share.
            progress: of the training, before this step.
            runtime: device and precision.
            shard: this process's rank.

        Returns:
            Losses and other values to plot, without their graph; some steps may omit keys.
        """

    def watch(self, seen: Batch, held_out: Batch, runtime: Runtime, shard: Shard) -> Row:
        """Compare training images with held-out ones and adapt; called every few steps.

        Args:
            seen, held_out: batches of training and held-out images, as in `step`.
            runtime, shard: as in `step`.

        Returns:
            Values to plot.
        """
        raise NotImplementedError

    @abstractmethod
    def trial(self, images: Tensor, labels: Tensor) -> Tensor:
        """A loss with the typical cost and gradient of a step; it changes no state.

        `choose_runtime` times it and compares its gradient. The arguments are those of a batch.
        """

    @abstractmethod
    def familiarity(self, images: Tensor, labels: Tensor) -> Tensor:
        """How much images look like training images to this training's networks.

        An attacker with the checkpoint could use it to identify training images
        (`model.metrics.membership_inference`). It changes no state.

        Args:
            images: float32 [N, 1, H, W] in [-1, 1].
            labels: int64 [N].

        Returns:
            float32 [N], higher for images that look like training images.
        """

    @abstractmethod
    def networks(self) -> dict[str, nn.Module]:
        """Every network that computes, by name."""

    @abstractmethod
    def optimizers(self) -> dict[str, torch.optim.Optimizer]:
        """Every optimiser, by name."""

    def state(self) -> dict[str, Any]:
        """All state that a step changes, as tensors, numbers, strings, lists and dicts."""
        parts = self.networks() | self.optimizers()
        return {name: part.state_dict() for name, part in parts.items()} | {
            "rng": self.rng.get_state(),
            "numbers": dict(self.numbers),
        }

    def restore(self, state: dict[str, Any]) -> None:
        """Restore what `state` returned."""
        for name, part in (self.networks() | self.optimizers()).items():
            part.load_state_dict(state[name])
        self.rng.set_state(state["rng"])
        self.numbers = dict(state["numbers"])

    def set_bank(self, bank: LayoutBank) -> None:
        """Give every generator of this training the statistics from which layouts are drawn."""
        for network in self.networks().values():
            if isinstance(network, Generator) and network.bank is not None:
                network.bank.load_state_dict(bank.state_dict())

    def place(self, runtime: Runtime) -> None:
        """Move every network to the runtime's device and memory format, in place."""
        for network in self.networks().values():
            runtime.place(network)


class Step:
    """The progress of a training before a step.

    Attributes:
        index: number of steps taken.
        images_seen: real images shown, over all processes.
        done: share of the run, by kimg or by minutes, 0 to 1.
    """

    __slots__ = ("done", "images_seen", "index")

    def __init__(self, index: int, images_seen: int, done: float) -> None:
        self.index, self.images_seen, self.done = index, images_seen, done


def adam(module: nn.Module, recipe: Recipe) -> torch.optim.Optimizer:
    """Adam with the recipe's settings; fused, which works on CPU and needs a fifth of the calls."""
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
        optimizer: from `adam`.
        rate: learning rate of this step.
        shard: this process's rank.
        most_update: limit on the root mean square of Adam's update of a tensor, before the
            learning rate; 0: no limit.
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

    Adam divides by the size of recent gradients, so a gradient that is suddenly ten times as large
    moves the weights ten times as far. With beta1 = 0 nothing dampens it, and a single such step
    of D can end a training (docs/lab-notes.md). As in StableAdamW (Wortsman et al. 2023, arXiv
    2304.13013, algorithm 2) the step is divided by max(1, RMS_t / most), RMS_t = sqrt(E[g^2 /
    v_t]). Here the gradient is scaled, so that a spike does not remain in v. The scaled gradient
    is at most twice its usual size.
    """
    group = optimizer.param_groups[0]
    params = [p for p in group["params"] if p.grad is not None and p in optimizer.state]
    if not params:
        return
    states, beta2 = [optimizer.state[p] for p in params], group["betas"][1]
    gradients = [p.grad for p in params]
    lately = torch._foreach_add([state["exp_avg_sq"] for state in states], 1e-30)
    ratios = torch._foreach_div(torch._foreach_mul(gradients, gradients), lately)
    # Adam's bias correction, since v starts at zero.
    correction = 1 - beta2 ** states[0]["step"]
    usual = torch.stack([ratio.mean() for ratio in ratios]) * correction / most**2
    allowed = (beta2 + (1 - beta2) * usual).clamp(max=4.0)
    shrink = (allowed / usual.clamp(min=1e-30)).sqrt().clamp(max=1.0)
    torch._foreach_mul_(gradients, list(shrink.unbind()))


def cosine(start: float, end: float, done: float) -> float:
    """From `start` at done = 0 to `end` at done = 1, along half a cosine."""
    return end + (start - end) * (1 + math.cos(math.pi * done)) / 2
