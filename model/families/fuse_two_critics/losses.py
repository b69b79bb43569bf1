"""The losses of this family."""

import torch.nn.functional as F
from torch import Tensor

from ..fusing import laplacian

SHRUNK = 4


def shrunk(images: Tensor) -> Tensor:
    """Means of 4 x 4 pixels: float [N, C, H, W] -> [N, C, H / 4, W / 4]."""
    return F.avg_pool2d(images, SHRUNK)


def coarse(made: Tensor, functional: Tensor) -> Tensor:
    """|down(F) - down(B)|, mean; float [N, 1, H, W] each."""
    return (shrunk(made) - shrunk(functional)).abs().mean()


def edges(made: Tensor, structural: Tensor) -> Tensor:
    """|lap F - lap A|, mean; float [N, 1, H, W] each."""
    return (laplacian(made) - laplacian(structural)).abs().mean()


def pleased(logits: Tensor) -> Tensor:
    """-log D(F), mean: what a critic says of what was made, for the fuser."""
    return F.softplus(-logits).mean()


def told_apart(real: Tensor, made: Tensor) -> Tensor:
    """-log D(real) - log(1 - D(F)), mean: for a critic (Goodfellow et al. 2014)."""
    return F.softplus(-real).mean() + F.softplus(made).mean()
