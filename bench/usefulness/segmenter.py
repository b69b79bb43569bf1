"""A small segmentation network: an image in, where findings of each kind are out."""

from itertools import pairwise

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor, nn

from model.data import Draw
from model.families.rpgan.augment import augment_with_layout
from model.families.rpgan.recipe import Recipe
from model.parallel import Draws, Shard
from model.sampling import to_float

WIDTHS = (16, 32, 64)
"""Channels by level, each at half the size of the one before."""

_GROUPS, _AT_ONCE = 8, 64
_LEARNING_RATE, _WEIGHT_DECAY = 3e-3, 1e-4


class Segmenter(nn.Module):
    """A U-Net (Ronneberger et al. 2015, arXiv 1505.04597) of three levels; 0.1 million weights."""

    def __init__(self, kinds: int) -> None:
        super().__init__()
        self.down = nn.ModuleList(
            nn.Sequential(_conv(before, width), _conv(width, width))
            for before, width in pairwise((1, *WIDTHS))
        )
        self.up = nn.ModuleList(
            nn.Sequential(_conv(coarse + fine, fine), _conv(fine, fine))
            for coarse, fine in pairwise(WIDTHS[::-1])
        )
        self.logits = nn.Conv2d(WIDTHS[0], kinds, 1)
        # Most pixels show nothing: it starts there (Lin et al. 2017, arXiv 1708.02002, 3.3).
        nn.init.constant_(self.logits.bias, -3.0)  # type: ignore[arg-type]

    def forward(self, images: Tensor) -> Tensor:
        """float32 [N, 1, H, W], -1 to 1, H and W multiples of 4 -> logits [N, kinds, H, W]."""
        x, seen = images, []
        for level, block in enumerate(self.down):
            x = block(F.max_pool2d(x, 2) if level else x)
            seen.append(x)
        for block, fine in zip(self.up, seen[-2::-1], strict=True):
            x = F.interpolate(x, scale_factor=2, mode="bilinear", align_corners=False)
            x = block(torch.cat([x, fine], 1))
        found: Tensor = self.logits(x)
        return found


def _conv(inputs: int, outputs: int) -> nn.Sequential:
    conv = nn.Conv2d(inputs, outputs, 3, padding=1, bias=False)
    return nn.Sequential(conv, nn.GroupNorm(_GROUPS, outputs), nn.ReLU(inplace=True))


def segmentation_loss(logits: Tensor, maps: Tensor) -> Tensor:
    """Cross-entropy and 1 - soft Dice of the batch by kind (Milletari et al. 2016, 1606.04797).

    Cross-entropy alone is content with nothing where findings are a hundredth of all pixels.

    Args:
        logits: float32 [N, K, H, W].
        maps: of the same shape, 0 to 1.
    """
    found = logits.sigmoid()
    both, each = (found * maps).sum((0, 2, 3)), (found + maps).sum((0, 2, 3))
    dice = (2 * both + 1) / (each + 1)
    return F.binary_cross_entropy_with_logits(logits, maps) + (1 - dice).mean()


def fit_segmenter(draw: Draw, kinds: int, steps: int, seed: int) -> Segmenter:
    """Train from scratch; repeatable by seed on one machine with as many threads.

    Images are shifted, scaled and changed in brightness and contrast with their maps. The initial
    weights depend on the seed alone, so that everything that is compared starts alike.

    Args:
        draw: gives batches with layouts, all of annotated images.
        kinds: number of kinds.
        steps: of AdamW, whose rate falls to 0 by a cosine.
        seed: of weights and batches.

    Returns:
        The network, in evaluation mode.
    """
    rng = torch.Generator().manual_seed(seed)
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        network = Segmenter(kinds)
    optimiser = torch.optim.AdamW(network.parameters(), _LEARNING_RATE, weight_decay=_WEIGHT_DECAY)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, steps)
    draws, recipe = Draws(rng, Shard(), torch.device("cpu")), Recipe()
    for _ in range(steps):
        images, _, given = draw(rng)
        seen, maps = augment_with_layout(to_float(images), given, recipe, draws)
        if maps is None:
            raise ValueError("the batches have no layouts")
        loss = segmentation_loss(network(seen), maps[:, :kinds])
        optimiser.zero_grad()
        torch.autograd.backward(loss)
        optimiser.step()
        schedule.step()
    return network.eval()


@torch.inference_mode()
def segment(network: Segmenter, images: NDArray[np.uint8]) -> NDArray[np.bool_]:
    """The pixels of each kind: uint8 [N, H, W] -> bool [N, K, H, W]."""
    parts = [
        network(to_float(torch.from_numpy(np.array(images[start : start + _AT_ONCE])))) > 0
        for start in range(0, len(images), _AT_ONCE)
    ]
    found: NDArray[np.bool_] = torch.cat(parts).numpy()
    return found
