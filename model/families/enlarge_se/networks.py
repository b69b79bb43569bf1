"""The generator of this family."""

from itertools import pairwise

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ...network import NetworkConfig
from ..enlarging import Enlarger, doubled
from ..given import last_layer

RESIDUAL_SCALE = 0.1
_SQUEEZED = 4


class Generator(Enlarger):
    """First layer, blocks, twice or four times, one channel."""

    def __init__(self, config: NetworkConfig) -> None:
        super().__init__(config)
        width, fine = config.widths[0], max(config.widths[0] // 2, 4)
        self.first = nn.Conv2d(2, width, 3, padding=1)
        self.trunk = nn.Sequential(*(Block(width) for _ in range(config.blocks)))
        self.gathered = nn.Conv2d(width, width, 3, padding=1)
        widths = [width, *[fine] * (config.factor // 2)]
        self.larger = nn.ModuleList(doubled(a, b) for a, b in pairwise(widths))
        self.last = last_layer(fine)

    def detail(self, given: Tensor) -> Tensor:
        """float [N, 2, h, w] -> float [N, 1, factor h, factor w]."""
        x = self.first(given)
        x = x + self.gathered(self.trunk(x))
        for larger in self.larger:
            x = F.relu(larger(x))
        made: Tensor = self.last(x)
        return made


class Block(nn.Module):
    """x + 0.1 SE(convolution(ReLU(convolution(x))))."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.first = nn.Conv2d(width, width, 3, padding=1)
        self.second = nn.Conv2d(width, width, 3, padding=1)
        self.excitation = TwoSided(width)

    def forward(self, x: Tensor) -> Tensor:
        """float [N, C, H, W] -> the same shape."""
        change = self.excitation(self.second(F.relu(self.first(x))))
        changed: Tensor = x + RESIDUAL_SCALE * change
        return changed


class TwoSided(nn.Module):
    """Squeeze and excitation (Hu et al. 2018, arXiv 1709.01507) with weights from 0 to 2.

    x * 2 sigmoid(W2 ReLU(W1 mean(x))): 1 leaves a channel, more strengthens it. The usual form,
    from 0 to 1, can only weaken.
    """

    def __init__(self, width: int) -> None:
        super().__init__()
        self.squeeze = nn.Linear(width, max(width // _SQUEEZED, 2))
        self.excite = nn.Linear(max(width // _SQUEEZED, 2), width)

    def forward(self, x: Tensor) -> Tensor:
        """float [N, C, H, W] -> the same shape."""
        weights = 2 * torch.sigmoid(self.excite(F.relu(self.squeeze(x.mean((2, 3))))))
        weighed: Tensor = x * weights[:, :, None, None]
        return weighed
