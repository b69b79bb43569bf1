"""The generator of this family."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ...network import NetworkConfig
from ..fusing import Fuser
from ..given import last_layer


class Generator(Fuser):
    """Densely connected convolutions of both images together (Huang et al. 2017).

    arXiv 1608.06993. Each sees what all before it made, the two images included.
    """

    def __init__(self, config: NetworkConfig) -> None:
        super().__init__(config)
        width = config.widths[0]
        self.layers = nn.ModuleList(
            nn.Conv2d(2 + number * width, width, 3, padding=1)
            for number in range(config.blocks + 1)
        )
        self.last = last_layer(width)

    def choice(self, given: Tensor) -> Tensor:
        """float [N, 2, H, W] -> float [N, 1, H, W]; see `Fuser`."""
        seen, x = given, given
        for layer in self.layers:
            x = F.leaky_relu(layer(seen), 0.2)
            seen = torch.cat([seen, x], 1)
        made: Tensor = self.last(x)
        return made
