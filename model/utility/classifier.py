"""The classifier of every arm: small, trained from scratch, with equal length and no selection.

There is no model selection or early stopping. At a tenth of the real images, a validation split
would be larger than the training set, and selecting by it would give every arm real images.
"""

from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor, nn

from ..data import Draw, Drawn, balanced_draw
from ..families.adversarial_recipe import AdversarialRecipe
from ..families.augment import augment
from ..parallel import Draws, Shard
from ..runtime import default_device

Images = NDArray[np.uint8]
Labels = NDArray[np.int64]
Array = NDArray[np.float64]

_WIDTHS = (24, 48, 64, 96)
_GROUPS = 8
_WEIGHT_DECAY = 0.05
_ROWS = 256  # images classified at once


@dataclass(frozen=True)
class Training:
    """Training settings, the same for all fits that are compared.

    Attributes:
        steps: of AdamW.
        batch: images per step.
        learning_rate: at the start; it falls to 0 by a cosine.
        classic: whether each image is shifted, scaled and changed in brightness and contrast, as
            for the discriminator of `rpgan`. No flips, because laterality is anatomy.
    """

    steps: int
    batch: int
    learning_rate: float
    classic: bool = False


def network(classes: int) -> nn.Sequential:
    """float32 [N, 1, H, W], -1 to 1, H and W at least 16 -> logits [N, classes].

    Four convolutions of stride 2, then mean and maximum over the remaining pixels (a mean alone
    would lose small stones). 0.1 million weights.
    """
    layers: list[nn.Module] = []
    for before, width in zip((1, *_WIDTHS), _WIDTHS, strict=False):
        layers += [
            nn.Conv2d(before, width, 3 if layers else 5, stride=2, padding=1 if layers else 2),
            nn.GroupNorm(_GROUPS, width),
            nn.ReLU(inplace=True),
        ]
    return nn.Sequential(*layers, _MeanAndMaximum(), nn.Linear(2 * width, classes))


class _MeanAndMaximum(nn.Module):
    def forward(self, maps: Tensor) -> Tensor:
        """[N, C, H, W] -> [N, 2 C]."""
        return torch.cat([maps.mean((2, 3)), maps.amax((2, 3))], 1)


def real_and_synthetic(
    real: tuple[Images, Labels] | None,
    synthetic: tuple[Images, Labels] | None,
    share: float,
    classes: int,
    batch: int,
) -> Draw:
    """Batches of which `share` is synthetic, classes in equal shares on both sides.

    Args:
        real, synthetic: uint8 [N, H, W] and class index [N] with every class; may be None if the
            share needs none of them.
        share: of a batch, 0 to 1; rounded to whole pairs of images.
        classes: number of classes.
        batch: images per batch, an even number.
    """
    fake = 2 * round(batch * share / 2)
    draws: list[Draw] = [
        balanced_draw(*source, classes, count)
        for source, count in ((real, batch - fake), (synthetic, fake))
        if count and source is not None
    ]

    def draw(rng: torch.Generator) -> Drawn:
        images, labels, _ = zip(*(one(rng) for one in draws), strict=True)
        return torch.cat(images), torch.cat(labels), None

    return draw


def fit_classifier(draw: Draw, classes: int, training: Training, seed: int) -> nn.Sequential:
    """Train from scratch; bit for bit repeatable by seed on one machine with as many threads.

    The initial weights depend only on the seed, so all arms start with the same.

    Returns:
        The network, in evaluation mode.
    """
    rng = torch.Generator().manual_seed(seed)
    device = torch.device(default_device())
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        classifier = network(classes)
    classifier.to(device).to(memory_format=torch.channels_last)
    optimiser = torch.optim.AdamW(
        classifier.parameters(), training.learning_rate, weight_decay=_WEIGHT_DECAY
    )
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, training.steps)
    draws, recipe = Draws(rng, Shard(), device), AdversarialRecipe()
    for _ in range(training.steps):
        images, labels, _ = draw(rng)
        seen = _as_input(images, device)
        if training.classic:
            seen = augment(seen, recipe, draws)
        loss = F.cross_entropy(classifier(seen), labels.to(device))
        optimiser.zero_grad()
        torch.autograd.backward(loss)
        optimiser.step()
        schedule.step()
    return classifier.eval()


@torch.inference_mode()
def probabilities(classifier: nn.Module, images: Images) -> Array:
    """uint8 [N, H, W] -> float64 [N, classes], each row summing to 1."""
    device = next(classifier.parameters()).device
    parts = [
        F.softmax(classifier(_as_input(torch.from_numpy(np.array(rows)), device)).double(), 1)
        for rows in (images[start : start + _ROWS] for start in range(0, len(images), _ROWS))
    ]
    found: Array = torch.cat(parts).cpu().numpy()
    return found


def _as_input(images: Tensor, device: torch.device) -> Tensor:
    """uint8 [N, H, W] -> float32 [N, 1, H, W], -1 black to 1 white."""
    return images.to(device).unsqueeze(1).float() / 127.5 - 1
