"""Strided and transposed 4 x 4 convolutions, batch normalisation, weights from N(0, 0.02)."""

from itertools import pairwise

import torch
from torch import Tensor, nn

from ...network import BASE_SIZE, NetworkConfig
from ..base import ClassEmbedding
from ..base import Generator as BaseGenerator


class Generator(BaseGenerator):
    """z and a class -> an image in [-1, 1]."""

    def __init__(self, config: NetworkConfig) -> None:
        super().__init__()
        self.config, self.bank = config, None
        widths = config.widths
        self.embedding = ClassEmbedding(len(config.classes), config.latent)
        layers: list[nn.Module] = [
            nn.ConvTranspose2d(2 * config.latent, widths[0], BASE_SIZE, bias=False),
            nn.BatchNorm2d(widths[0]),
            nn.ReLU(),
        ]
        for coarse, fine in pairwise(widths):
            layers += [
                nn.ConvTranspose2d(coarse, fine, 4, 2, 1, bias=False),
                nn.BatchNorm2d(fine),
                nn.ReLU(),
            ]
        layers += [nn.ConvTranspose2d(widths[-1], 1, 4, 2, 1, bias=False), nn.Tanh()]
        self.layers = nn.Sequential(*layers)
        self.apply(_initialise)

    def forward(
        self,
        z: Tensor,
        classes: Tensor,
        given: Tensor | None = None,  # noqa: ARG002
        noise: Tensor | None = None,  # noqa: ARG002
    ) -> Tensor:
        """float [N, latent] and what `ClassEmbedding` takes -> float [N, 1, H, W]."""
        x = torch.cat([z, self.embedding(classes)], dim=1)[:, :, None, None]
        images: Tensor = self.layers(x)
        return images.float()


class Discriminator(nn.Module):
    """An image and its class -> a logit, high when it looks real."""

    def __init__(self, config: NetworkConfig) -> None:
        super().__init__()
        self.size = config.image_size
        widths = config.widths[::-1]
        self.embedding = nn.Embedding(len(config.classes), config.image_size**2)
        layers: list[nn.Module] = [nn.Conv2d(2, widths[0], 4, 2, 1), nn.LeakyReLU(0.2)]
        for fine, coarse in pairwise(widths):
            layers += [
                nn.Conv2d(fine, coarse, 4, 2, 1, bias=False),
                nn.BatchNorm2d(coarse),
                nn.LeakyReLU(0.2),
            ]
        self.layers = nn.Sequential(*layers, nn.Conv2d(widths[-1], 1, BASE_SIZE))
        self.apply(_initialise)

    def forward(self, images: Tensor, labels: Tensor) -> Tensor:
        """float [N, 1, H, W] in [-1, 1] and int64 [N] -> float32 logits [N]."""
        plane = self.embedding(labels).view(-1, 1, self.size, self.size)
        logits: Tensor = self.layers(torch.cat([images, plane], dim=1))
        return logits.flatten().float()


def _initialise(module: nn.Module) -> None:
    if isinstance(module, nn.Conv2d | nn.ConvTranspose2d):
        nn.init.normal_(module.weight, 0.0, 0.02)
    elif isinstance(module, nn.BatchNorm2d):
        nn.init.normal_(module.weight, 1.0, 0.02)
