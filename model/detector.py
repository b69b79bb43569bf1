"""A small network that finds findings: images in, one map of probabilities per kind out.

It learns from annotated images, is trained from scratch, and judges images that it has not seen:
generated ones in the evaluate stage, real ones where pairs are compared. A U-Net (Ronneberger et
al., arXiv 1505.04597) of 82,000 weights. Its first level works on blocks of 2 x 2 pixels and its
last layer tells the pixels of a block apart (Shi et al., arXiv 1609.05158): as fine as the image,
since a stone is a few pixels wide, at less than the cost of half as many channels at full size.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import cast

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor, nn

from .families.adversarial_recipe import AdversarialRecipe
from .families.augment import augment_with_layout
from .layouts import HALF
from .parallel import Draws, Shard
from .runtime import default_device

Images = NDArray[np.uint8]
Maps = NDArray[np.uint8]

BATCH = 8
"""Images per step."""

_BLOCK = 2  # pixels to a side that the first level takes as one
_WIDTHS = (16, 32, 48)
_GROUPS = 4
_WEIGHT_DECAY = 0.01
_ROWS = 128  # images searched at once
_RARE = -4.0  # logit of the share of pixels that a finding covers, at the start
_TINY = 1e-6
_LEAST = 1.0  # pixels of a kind that a batch must show, for a Dice of it

SIDE_UNIT = 8
"""A side must be a multiple of it: a block, halved twice."""


@dataclass(frozen=True)
class Fitting:
    """Settings of a training.

    Attributes:
        steps: of AdamW, BATCH images each.
        seed: of the weights, of the draws and of the augmentation.
        learning_rate: at the start; it falls to 0 by a cosine.
    """

    steps: int = 500
    seed: int = 0
    learning_rate: float = 6e-3


class Detector(nn.Module):
    """float32 [N, 1, H, W], -1 black to 1 white, sides multiples of 8 -> logits [N, K, H, W]."""

    def __init__(self, kinds: int) -> None:
        super().__init__()
        fine, middle, coarse = _WIDTHS
        self.fine = nn.Sequential(_convolved(_BLOCK**2, fine), _convolved(fine, fine))
        self.middle = nn.Sequential(_convolved(fine, middle), _convolved(middle, middle))
        self.coarse = nn.Sequential(_convolved(middle, coarse), _convolved(coarse, coarse))
        self.up_middle = _convolved(coarse + middle, middle)
        self.up_fine = _convolved(middle + fine, fine)
        self.out = nn.Conv2d(fine, kinds * _BLOCK**2, 1)
        self.out.bias = nn.Parameter(torch.full((kinds * _BLOCK**2,), _RARE))

    def forward(self, images: Tensor) -> Tensor:
        """See the class."""
        fine = self.fine(F.pixel_unshuffle(images, _BLOCK))
        middle = self.middle(F.max_pool2d(fine, 2))
        coarse = self.coarse(F.max_pool2d(middle, 2))
        middle = self.up_middle(torch.cat([_doubled(coarse), middle], 1))
        fine = self.up_fine(torch.cat([_doubled(middle), fine], 1))
        return F.pixel_shuffle(self.out(fine), _BLOCK)


def finding_loss(logits: Tensor, maps: Tensor) -> Tensor:
    """Cross entropy, and -log of the batch's soft Dice by kind, mean over the kinds that it shows.

    With p the probability and y the share of a pixel that a kind covers, sums over the batch,

        Dice = 2 sum(p y) / (sum(p) + sum(y)),

    and -log Dice (Wong et al., MICCAI 2018, arXiv 1809.00076, with exponent 1) has the derivative
    p (1 - p) (1 / (sum(p) + sum(y)) - y / sum(p y)) by a logit. Over a finding's pixels its second
    part adds up to -1, however few they are, while p is small. The derivative of 1 - Dice is Dice
    times as large: next to nothing for a rare kind at the start, where it is left behind.

    Args:
        logits: float32 [N, K, H, W].
        maps: of the same shape, 0 to 1.
    """
    found, over = logits.sigmoid(), (0, 2, 3)
    both, covered = (found * maps).sum(over), maps.sum(over)
    dice = (2 * both + _TINY) / (found.sum(over) + covered + _TINY)
    shown = (covered >= _LEAST).float()
    missed = -(dice.log() * shown).sum() / shown.sum().clamp_min(1)
    return F.binary_cross_entropy_with_logits(logits, maps) + missed


def fit_detector(
    images: Images,
    maps: Maps,
    fitting: Fitting,
    on_progress: Callable[[int, int], None] | None = None,
) -> Detector:
    """Train on annotated images; bit for bit repeatable by seed on one machine.

    Half of each batch holds a finding, kinds in equal shares; shifts, scale, brightness and
    contrast are changed as for the discriminator of `rpgan`, maps alike. It minimises
    `finding_loss`.

    Args:
        images: uint8 [N, S, S], S a multiple of 8.
        maps: uint8 [N, K, S, S], 0 to 255.
        fitting: settings.
        on_progress: called with (steps done, steps in all).

    Raises:
        ValueError: shapes do not fit, or no image has a finding.
    """
    if maps.ndim != 4 or maps.shape[::2] != images.shape[:2] or images.shape[1] % SIDE_UNIT:
        raise ValueError(
            f"images {images.shape} and maps {maps.shape}: give [N, S, S] and [N, K, S, S], S a "
            f"multiple of {SIDE_UNIT}"
        )
    shown = [
        np.flatnonzero(kind.max((1, 2)) >= HALF) for kind in np.moveaxis(np.asarray(maps), 1, 0)
    ]
    there = [torch.from_numpy(rows) for rows in shown if len(rows)]
    if not there:
        raise ValueError("no image has a finding: nothing to learn from")
    device = torch.device(default_device())
    rng = torch.Generator().manual_seed(fitting.seed)
    with torch.random.fork_rng():
        torch.manual_seed(fitting.seed)
        detector = Detector(maps.shape[1])
    detector.to(device).to(memory_format=torch.channels_last)
    optimiser = torch.optim.AdamW(
        detector.parameters(), fitting.learning_rate, weight_decay=_WEIGHT_DECAY
    )
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, fitting.steps)
    pixels, covered = torch.from_numpy(np.array(images)), torch.from_numpy(np.array(maps))
    draws, recipe = Draws(rng, Shard(), device), AdversarialRecipe()
    for step in range(fitting.steps):
        rows = _rows(there, len(images), rng)
        seen, placed = augment_with_layout(
            _as_input(pixels[rows], device), _as_map(covered[rows], device), recipe, draws
        )
        loss = finding_loss(detector(seen), cast(Tensor, placed))
        optimiser.zero_grad()
        torch.autograd.backward(loss)
        optimiser.step()
        schedule.step()
        if on_progress:
            on_progress(step + 1, fitting.steps)
    return detector.eval()


@torch.inference_mode()
def detect(detector: Detector, images: Images) -> NDArray[np.float32]:
    """Probability of each kind at each pixel: uint8 [N, S, S] -> float32 [N, K, S, S]."""
    device = next(detector.parameters()).device
    parts = [
        detector(_as_input(torch.from_numpy(np.array(images[start : start + _ROWS])), device))
        .sigmoid()
        .float()
        .cpu()
        for start in range(0, len(images), _ROWS)
    ]
    found: NDArray[np.float32] = torch.cat(parts).numpy()
    return found


def _convolved(before: int, after: int) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(before, after, 3, padding=1, bias=False),
        nn.GroupNorm(_GROUPS, after),
        nn.ReLU(inplace=True),
    )


def _doubled(maps: Tensor) -> Tensor:
    return F.interpolate(maps, scale_factor=2, mode="nearest")


def _rows(there: list[Tensor], number: int, rng: torch.Generator) -> Tensor:
    """Rows of a batch: half with a finding, each kind as often, half any."""
    half = BATCH // 2
    kinds = torch.randint(len(there), (half,), generator=rng).tolist()
    shown = [there[kind][torch.randint(len(there[kind]), (1,), generator=rng)] for kind in kinds]
    return torch.cat([*shown, torch.randint(number, (BATCH - half,), generator=rng)])


def _as_input(images: Tensor, device: torch.device) -> Tensor:
    """uint8 [N, S, S] -> float32 [N, 1, S, S], -1 black to 1 white."""
    return images.to(device).unsqueeze(1).float() / 127.5 - 1


def _as_map(maps: Tensor, device: torch.device) -> Tensor:
    """uint8 [N, K, S, S] -> float32, 0 to 1."""
    return maps.to(device).float() / 255
