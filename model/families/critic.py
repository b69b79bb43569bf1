"""The discriminator of the families that are trained by `adversarial`, without normalisation."""

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ..network import NetworkConfig
from .residual import ResidualTrunk, leaky, linear

CELL_STAGES = 3
"""Stages of D, finest first, that tell what each cell shows."""


class Discriminator(nn.Module):
    """An image and its class -> a logit, high for real images (projection, arXiv 1802.05637).

    With layouts it also tells, cell by cell, what is there: which kind of finding, none, or no
    part of a real image (`layout`; Sushko et al. 2021, "You only need adversarial supervision for
    semantic image synthesis", arXiv 2012.04781, section 3.1). It is not told the layout, so it
    must see the findings in the image.
    """

    def __init__(self, config: NetworkConfig) -> None:
        super().__init__()
        self.trunk = ResidualTrunk(config)
        self.logit = linear(self.trunk.length, 1, 3**-0.5)
        self.embedding = nn.Embedding(len(config.classes), self.trunk.length)
        kinds = len(config.given)
        widths = config.widths[::-1][:CELL_STAGES] if kinds else ()
        self.cells = nn.ModuleList(nn.Conv2d(width, kinds + 2, 1) for width in widths)

    def forward(self, images: Tensor, labels: Tensor) -> Tensor:
        """float [N, 1, H, W] about [-1, 1] and int64 [N] -> float32 logits [N]."""
        return self._logits(self.trunk(images), labels)

    def with_cells(self, images: Tensor, labels: Tensor) -> tuple[Tensor, Tensor | None]:
        """As `forward`, and float32 logits [N, K + 2, H / 2, W / 2] of K kinds, none and fake.

        The second is None for a network without layouts.
        """
        x, stages = self.trunk.stages(images)
        logits = self._logits(x, labels)
        if not self.cells:
            return logits, None
        # From coarse to fine: a large finding shows in its surroundings, a small one in its pixels.
        told: Tensor | None = None
        for head, features in reversed(list(zip(self.cells, stages, strict=False))):
            here = head(leaky(features))
            if told is not None:
                told = F.interpolate(told, scale_factor=2, mode="bilinear", align_corners=False)
                here = here + told
            told = here
        return logits, told.float() if told is not None else None

    def _logits(self, x: Tensor, labels: Tensor) -> Tensor:
        with torch.autocast(x.device.type, enabled=False):
            projection = (x * self.embedding(labels)).sum(1) / math.sqrt(x.shape[1])
            logits: Tensor = self.logit(x).squeeze(1) + projection
            return logits
