"""How far the networks have grown: a number that rises from 0, at 8 px, by 1 for each doubling.

At a whole number all of an image comes from the finest stage. Between two of them that stage is
faded in: at 1.25 the stage of 32 px counts a quarter, and the one of 16 px, enlarged, the rest
(Karras et al. 2018, section 2 and figure 2).
"""

from math import ceil

import torch
import torch.nn.functional as F
from torch import Tensor

FIRST_SIZE = 8
"""Height and width, in pixels, at which growth begins."""


def growth_at(done: float, stages: int, grown_at: float) -> float:
    """The growth after a share of a run: held and faded in turn, each for as many images.

    Args:
        done: share of the run, 0 to 1.
        stages: of the networks, from 8 px to the image's size.
        grown_at: share of the run after which it stays at its largest, `stages - 1`.
    """
    parts = 2 * (stages - 1)
    at = min(done / grown_at, 1.0) * parts
    stage, fades = divmod(int(at), 2)
    return stage + (at - int(at) if fades else 0.0)


def stage_of(growth: float) -> tuple[int, float]:
    """The finest stage that is used, and how much of the image comes from it, above 0 to 1."""
    stage = ceil(growth)
    return stage, 1.0 - (stage - growth)


def enlarged(channels: Tensor, factor: int = 2) -> Tensor:
    """Each pixel as a square of `factor` pixels: [N, C, S, S] -> [N, C, factor S, factor S]."""
    return F.interpolate(channels, scale_factor=factor) if factor > 1 else channels


def reduced(channels: Tensor, growth: float) -> Tensor:
    """Real images, or maps, as the networks make them at a growth: reduced, and faded alike.

    Args:
        channels: float [N, C, H, H] at full size.
        growth: of the networks.

    Returns:
        float [N, C, S, S], S the size of the finest stage that is used.
    """
    stage, share = stage_of(growth)
    small = F.avg_pool2d(channels, channels.shape[-1] // (FIRST_SIZE << stage))
    if share == 1:
        return small
    return torch.lerp(enlarged(F.avg_pool2d(small, 2)), small, share)
