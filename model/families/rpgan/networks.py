"""Generator and discriminator, without normalisation, noise or style."""

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ...network import NetworkConfig
from ..residual import ResidualGenerator, ResidualTrunk, linear

Generator = ResidualGenerator


class Discriminator(nn.Module):
    """An image and its class -> a logit, high for real images (projection, arXiv 1802.05637)."""

    def __init__(self, config: NetworkConfig, layout_input: bool, dense: bool) -> None:
        super().__init__()
        given = len(config.given)
        self.layout_input = layout_input
        self.trunk = ResidualTrunk(config, given if layout_input else 0)
        self.logit = linear(self.trunk.length, 1, 3**-0.5)
        self.embedding = nn.Embedding(len(config.classes), self.trunk.length)
        self.dense = nn.ModuleList()
        if dense:
            widths = config.widths[::-1]
            self.dense = nn.ModuleList(nn.Conv2d(w, given + 2, 1) for w in widths[:3])

    def forward(self, images: Tensor, labels: Tensor, given: Tensor | None = None) -> Tensor:
        """float [N, 1, H, W] about [-1, 1] and int64 [N] -> float32 logits [N]."""
        return self.all(images, labels, given)[0]

    def all(self, images, labels, given=None):
        if self.layout_input and given is not None:
            images = torch.cat([images, given * 2 - 1], 1)
        x, stages = self.trunk.stages(images)
        dense = None
        if self.dense:
            size = stages[0].shape[-2:]
            for head, features in zip(self.dense, stages):
                one = F.interpolate(
                    head(F.leaky_relu(features, 0.2)), size=size, mode="bilinear", align_corners=False
                )
                dense = one if dense is None else dense + one
            dense = dense.float()
        return self.class_logits(x, labels), dense, x

    def class_logits(self, x, labels):
        with torch.autocast(x.device.type, enabled=False):
            projection = (x * self.embedding(labels)).sum(1) / math.sqrt(x.shape[1])
            logits: Tensor = self.logit(x).squeeze(1) + projection
            return logits
