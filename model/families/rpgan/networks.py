"""Generator and discriminator, without normalisation, noise or style."""

import math

import torch
from torch import Tensor, nn

from ...network import NetworkConfig
from ..residual import ResidualGenerator, ResidualTrunk, linear

Generator = ResidualGenerator


class Discriminator(nn.Module):
    """An image and its class -> a logit, high for real images (projection, arXiv 1802.05637)."""

    def __init__(self, config: NetworkConfig) -> None:
        super().__init__()
        self.trunk = ResidualTrunk(config)
        self.logit = linear(self.trunk.length, 1, 3**-0.5)
        self.embedding = nn.Embedding(len(config.classes), self.trunk.length)

    def forward(self, images: Tensor, labels: Tensor) -> Tensor:
        """float [N, 1, H, W] about [-1, 1] and int64 [N] -> float32 logits [N]."""
        x = self.trunk(images)
        with torch.autocast(images.device.type, enabled=False):
            projection = (x * self.embedding(labels)).sum(1) / math.sqrt(x.shape[1])
            logits: Tensor = self.logit(x).squeeze(1) + projection
            return logits
