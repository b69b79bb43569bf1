"""Encoder and decoder, with the same stages as the GAN's networks."""

import torch
from torch import Tensor, nn

from ...network import NetworkConfig
from ..residual import ResidualGenerator, ResidualTrunk, linear

Generator = ResidualGenerator


class Encoder(nn.Module):
    """An image and its class -> mean and log variance of z."""

    def __init__(self, config: NetworkConfig) -> None:
        super().__init__()
        self.trunk = ResidualTrunk(config)
        self.embedding = nn.Embedding(len(config.classes), self.trunk.length)
        self.moments = linear(2 * self.trunk.length, 2 * config.latent, 3**-0.5)

    def forward(self, images: Tensor, labels: Tensor) -> tuple[Tensor, Tensor]:
        """float [N, 1, H, W] and int64 [N] -> two of float32 [N, latent]."""
        x = self.trunk(images)
        with torch.autocast(images.device.type, enabled=False):
            mean, log_variance = self.moments(torch.cat([x, self.embedding(labels)], dim=1)).chunk(
                2, dim=1
            )
            return mean, log_variance.clamp(-10, 10)
