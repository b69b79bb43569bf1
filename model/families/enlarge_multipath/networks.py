"""The generator of this family."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ...network import NetworkConfig
from ..enlarging import Enlarger, doubled
from ..given import last_layer

_SIDES = (3, 5, 7)


class Generator(Enlarger):
    """Paths of three sizes, trunk, twice, a small network, twice, one channel."""

    def __init__(self, config: NetworkConfig) -> None:
        super().__init__(config)
        width, fine = config.widths[0], max(config.widths[0] // 2, 4)
        self.paths = nn.ModuleList(nn.Conv2d(2, width, s, padding=s // 2) for s in _SIDES)
        self.joined = nn.Conv2d(len(_SIDES) * width, width, 1)
        self.trunk = nn.Sequential(*(Residual(width) for _ in range(config.blocks)))
        self.twice = doubled(width, fine)
        self.small_network = Residual(fine)
        self.twice_again = doubled(fine, fine) if config.factor == 4 else nn.Identity()
        self.last = last_layer(fine)

    def detail(self, given: Tensor) -> Tensor:
        """float [N, 2, h, w] -> float [N, 1, factor h, factor w]."""
        x = self.joined(torch.cat([F.leaky_relu(path(given), 0.2) for path in self.paths], 1))
        x = F.leaky_relu(self.twice(x + self.trunk(x)), 0.2)
        x = F.leaky_relu(self.twice_again(self.small_network(x)), 0.2)
        made: Tensor = self.last(x)
        return made


class Residual(nn.Module):
    """x + convolution(ReLU(convolution(x))), without normalisation."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.first = nn.Conv2d(width, width, 3, padding=1)
        self.second = nn.Conv2d(width, width, 3, padding=1)
        with torch.no_grad():
            self.second.weight *= 0.1

    def forward(self, x: Tensor) -> Tensor:
        """float [N, C, H, W] -> the same shape."""
        changed: Tensor = x + self.second(F.relu(self.first(x)))
        return changed
