"""The moving average of the generator's weights, which is saved and sampled from."""

import torch
from torch import nn


def ema_decay(batch: int, images_seen: int, fraction: float) -> float:
    """The weight of the old average after a step of `batch` images: 0.5^(batch / half-life).

    The half-life is `fraction` of the images seen so far. It rises from zero, so that the first
    weights are soon forgotten, to `fraction` of the run.
    """
    return float(0.5 ** (batch / (fraction * max(images_seen, batch))))


@torch.no_grad()
def update_ema(average: nn.Module, source: nn.Module, decay: float) -> None:
    """average <- decay average + (1 - decay) source, in place, in the weights' own float32.

    Buffers (running statistics, which are averages already) are copied.
    """
    torch._foreach_lerp_(list(average.parameters()), list(source.parameters()), 1 - decay)
    for kept, new in zip(average.buffers(), source.buffers(), strict=True):
        kept.copy_(new)
