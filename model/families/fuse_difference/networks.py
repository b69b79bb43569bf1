"""The generator of this family."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ...network import NetworkConfig
from ..fusing import Fuser
from ..given import last_layer


class Generator(Fuser):
    """One encoder for both images, attention to their difference, decoder."""

    def __init__(self, config: NetworkConfig) -> None:
        super().__init__(config)
        width = config.widths[0]
        self.first = nn.Conv2d(1, width, 3, padding=1)
        self.encoder = nn.ModuleList(
            nn.Conv2d(width, width, 3, padding=1) for _ in range(config.blocks)
        )
        self.attention = nn.Conv2d(width, width, 1)
        self.decoder = nn.ModuleList(
            nn.Conv2d(before, width, 3, padding=1) for before in (2 * width, width)
        )
        self.last = last_layer(width)

    def choice(self, given: Tensor) -> Tensor:
        """float [N, 2, H, W] -> float [N, 1, H, W]; see `Fuser`."""
        a, b = self._features(given).chunk(2)
        # f (1 + s): s is large where the images differ, so that both then weigh more.
        weights = 1 + torch.sigmoid(self.attention((a - b).abs()))
        x = torch.cat([a * weights, b * weights], 1)
        for layer in self.decoder:
            x = F.leaky_relu(layer(x), 0.2)
        made: Tensor = self.last(x)
        return made

    def _features(self, given: Tensor) -> Tensor:
        """Of all a, then of all b: float [2N, C, H, W]."""
        x = F.leaky_relu(self.first(torch.cat([given[:, :1], given[:, 1:]])), 0.2)
        for layer in self.encoder:
            x = x + F.leaky_relu(layer(x), 0.2)
        return x
