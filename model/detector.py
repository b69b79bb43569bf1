"""A small network that finds findings: images in, one map of probabilities per kind out.

It learns from annotated real images and judges generated ones, so it is trained from scratch and
sees no generated image. Two levels of pooling and connections across them (Ronneberger et al.,
"U-Net", arXiv 1505.04597), 26,000 weights: a stone is a pixel or two wide, so the last layer has
the resolution of the image.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import cast

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor, nn

from .families.rpgan.augment import augment_with_layout
from .families.rpgan.recipe import Recipe
from .parallel import Draws, Shard
from .runtime import default_device

Images = NDArray[np.uint8]
Maps = NDArray[np.uint8]

BATCH = 16

_WIDTHS = (8, 16, 32)
_GROUPS = 4
_WEIGHT_DECAY = 0.01
_ROWS = 128  # images searched at once
_RARE = -4.0  # logit of the share of pixels that a finding covers, at the start


@dataclass(frozen=True)
class Fitting:
    """Settings of a training.

    Attributes:
        steps: of AdamW, BATCH images each.
        learning_rate: at the start; it falls to 0 by a cosine.
        seed: of the weights, of the draws and of the augmentation.
    """

    steps: int = 300
    learning_rate: float = 3e-3
    seed: int = 0


class Detector(nn.Module):
    """float32 [N, 1, S, S], -1 black to 1 white, S a multiple of 4 -> logits [N, K, S, S]."""

    def __init__(self, kinds: int) -> None:
        super().__init__()
        fine, middle, coarse = _WIDTHS
        self.fine = _convolved(1, fine)
        self.middle = nn.Sequential(_convolved(fine, middle), _convolved(middle, middle))
        self.coarse = nn.Sequential(_convolved(middle, coarse), _convolved(coarse, coarse))
        self.up_middle = _convolved(coarse + middle, middle)
        self.up_fine = _convolved(middle + fine, fine)
        self.out = nn.Conv2d(fine, kinds, 1)
        self.out.bias = nn.Parameter(torch.full((kinds,), _RARE))

    def forward(self, images: Tensor) -> Tensor:
        """See the class."""
        fine = self.fine(images)
        middle = self.middle(F.max_pool2d(fine, 2))
        coarse = self.coarse(F.max_pool2d(middle, 2))
        middle = self.up_middle(torch.cat([_doubled(coarse), middle], 1))
        found: Tensor = self.out(self.up_fine(torch.cat([_doubled(middle), fine], 1)))
        return found


def fit_detector(
    images: Images,
    maps: Maps,
    fitting: Fitting,
    on_progress: Callable[[int, int], None] | None = None,
) -> Detector:
    """Train on annotated images; bit for bit repeatable by seed on one machine.

    Half of each batch holds a finding, kinds in equal shares; shifts, scale, brightness and
    contrast are changed as for the discriminator of `rpgan`, maps alike. The loss of a kind is
    cross entropy plus 1 - soft Dice.

    Args:
        images: uint8 [N, S, S], S a multiple of 4.
        maps: uint8 [N, K, S, S], 0 to 255.
        fitting: settings.
        on_progress: called with (steps done, steps in all).

    Raises:
        ValueError: shapes do not fit, or no image has a finding.
    """
    if maps.ndim != 4 or maps.shape[::2] != images.shape[:2] or images.shape[1] % 4:
        raise ValueError(
            f"images {images.shape} and maps {maps.shape}: give [N, S, S] and [N, K, S, S], S a "
            "multiple of 4"
        )
    shown = [np.flatnonzero(kind.max((1, 2)) > 127) for kind in np.moveaxis(np.asarray(maps), 1, 0)]
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
    draws, recipe = Draws(rng, Shard(), device), Recipe()
    for step in range(fitting.steps):
        rows = _rows(there, len(images), rng)
        seen, placed = augment_with_layout(
            _as_input(pixels[rows], device), _as_map(covered[rows], device), recipe, draws
        )
        loss = _loss(detector(seen), cast(Tensor, placed))
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
        nn.Conv2d(before, after, 3, padding=1),
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


def _loss(logits: Tensor, maps: Tensor) -> Tensor:
    """Cross entropy plus one minus soft Dice over the batch, mean over kinds."""
    shown = logits.sigmoid()
    overlap = (shown * maps).sum((0, 2, 3))
    dice = (2 * overlap + 1) / (shown.sum((0, 2, 3)) + maps.sum((0, 2, 3)) + 1)
    return F.binary_cross_entropy_with_logits(logits, maps) + (1 - dice).mean()


def _as_input(images: Tensor, device: torch.device) -> Tensor:
    """uint8 [N, S, S] -> float32 [N, 1, S, S], -1 black to 1 white."""
    return images.to(device).unsqueeze(1).float() / 127.5 - 1


def _as_map(maps: Tensor, device: torch.device) -> Tensor:
    """uint8 [N, K, S, S] -> float32, 0 to 1."""
    return maps.to(device).float() / 255
