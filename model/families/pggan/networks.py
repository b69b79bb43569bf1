"""Generator and critic of Karras et al. 2018 (arXiv 1710.10196), which grow while they train.

Weights are drawn from N(0, 1) and scaled when they are used, so that all learn at the same rate
(section 4.1); the generator's features have length 1 in each pixel (section 4.2); the critic sees
how much the images of a pair differ (section 3). Stages are of 8 px and every doubling of it, one
for each of the config's widths.
"""

import math
from itertools import pairwise
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ...network import BASE_SIZE, NetworkConfig
from ...parallel import Shard
from ..base import ClassEmbedding
from ..base import Generator as BaseGenerator
from .growth import enlarged, reduced, stage_of

SLOPE = 0.2
GAIN = math.sqrt(2)
EPSILON = 1e-8
USUAL_KEPT = 0.9
"""Decay of the average deviation of real pairs, per call of `Critic.note`, after the first ten."""


class Convolution(nn.Module):
    """A convolution whose weights are scaled by gain / sqrt(inputs) when they are used."""

    def __init__(self, inputs: int, outputs: int, kernel: int = 3, gain: float = GAIN) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.randn(outputs, inputs, kernel, kernel))
        self.bias = nn.Parameter(torch.zeros(outputs))
        self.scale = gain / math.sqrt(inputs * kernel**2)

    def forward(self, x: Tensor) -> Tensor:
        """[N, inputs, H, W] -> [N, outputs, H, W]."""
        return F.conv2d(x, self.weight * self.scale, self.bias, padding=self.weight.shape[-1] // 2)


class Linear(nn.Module):
    """As `Convolution`, of vectors."""

    def __init__(self, inputs: int, outputs: int, gain: float = GAIN) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.randn(outputs, inputs))
        self.bias = nn.Parameter(torch.zeros(outputs))
        self.scale = gain / math.sqrt(inputs)

    def forward(self, x: Tensor) -> Tensor:
        """[N, inputs] -> [N, outputs]."""
        return F.linear(x, self.weight * self.scale, self.bias)


def _leaky(x: Tensor) -> Tensor:
    return F.leaky_relu(x, SLOPE)


def _normal(x: Tensor) -> Tensor:
    """Leaky ReLU, then each pixel's features divided by their root mean square (section 4.2)."""
    x = _leaky(x)
    return x * (x.float().square().mean(1, keepdim=True) + EPSILON).rsqrt().to(x.dtype)


class Block(nn.Module):
    """A stage of the generator: twice the size, then two convolutions."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.first, self.second = Convolution(inputs, outputs), Convolution(outputs, outputs)

    def forward(self, x: Tensor) -> Tensor:
        """[N, inputs, S / 2, S / 2] -> [N, outputs, S, S]."""
        return _normal(self.second(_normal(self.first(enlarged(x)))))


class Generator(BaseGenerator):
    """z and a class -> an image, and maps of findings beside it.

    Attributes:
        growth: how far it has grown (`growth`), float32 []; saved, so that a generator that has
            not grown yet is drawn from as it is, its images enlarged.
        annotated: as in the base class.

    Unlike the paper's, z is not divided by its length, which is what truncation changes; and the
    channels end in tanh, since most of a slice is exactly black and most of a map exactly empty.
    """

    growth: Tensor

    def __init__(self, config: NetworkConfig) -> None:
        super().__init__()
        self.config, self.bank = config, None
        widths, channels = config.widths, 1 + len(config.made)
        self.embedding = ClassEmbedding(len(config.classes), config.latent)
        self.input = Linear(2 * config.latent, widths[0] * BASE_SIZE**2)
        self.first = Convolution(widths[0], widths[0])
        self.blocks = nn.ModuleList(Block(*one) for one in pairwise((widths[0], *widths)))
        self.heads = nn.ModuleList(Convolution(width, channels, 1, 1.0) for width in widths)
        self.register_buffer("growth", torch.zeros(()))
        self._growth = 0.0
        if config.made:
            self.register_buffer("annotated", torch.zeros(len(config.classes), dtype=torch.bool))

    @property
    def grown(self) -> float:
        """`growth` as a number, without waiting for the device."""
        return self._growth

    def grow(self, growth: float) -> None:
        """Set the growth; rounded as it is saved, so that a saved generator draws the same."""
        self._growth = float(np.float32(growth))
        self.growth.fill_(self._growth)

    def _load_from_state_dict(self, *args: Any, **kwargs: Any) -> None:
        super()._load_from_state_dict(*args, **kwargs)
        self._growth = float(self.growth)

    def forward(
        self,
        z: Tensor,
        classes: Tensor,
        given: Tensor | None = None,  # noqa: ARG002
        noise: Tensor | None = None,  # noqa: ARG002
    ) -> Tensor:
        """As `Generator.forward`, at full size whatever the growth."""
        channels = self.channels(z, classes)
        channels = enlarged(channels, self.config.image_size // channels.shape[-1])
        return torch.cat([channels[:, :1], (channels[:, 1:] + 1) / 2], 1)

    def channels(self, z: Tensor, classes: Tensor) -> Tensor:
        """Image and maps at the size that it has grown to: float32 [N, 1 + K, S, S], -1 to 1."""
        stage, share = stage_of(self._growth)
        x = _normal(self.input(torch.cat([z, self.embedding(classes)], 1)))
        x = coarse = _normal(self.first(x.view(len(x), -1, BASE_SIZE, BASE_SIZE)))
        for block in self.blocks[: stage + 1]:
            coarse, x = x, block(x)
        channels = self.heads[stage](x)
        if share < 1:
            channels = torch.lerp(enlarged(self.heads[stage - 1](coarse)), channels, share)
        return torch.tanh(channels.float())


class CriticBlock(nn.Module):
    """A stage of the critic: two convolutions, then half the size."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.first, self.second = Convolution(inputs, inputs), Convolution(inputs, outputs)

    def forward(self, x: Tensor) -> Tensor:
        """[N, inputs, S, S] -> [N, outputs, S / 2, S / 2]."""
        return F.avg_pool2d(_leaky(self.second(_leaky(self.first(x)))), 2)


class Critic(nn.Module):
    """An image, maps of findings and a class -> a logit, high for real ones.

    The class is heard by projection (Miyato and Koyama 2018, arXiv 1802.05637). An auxiliary
    classifier, as Odena et al. 2017 have it, asks for images that are easy to classify: on these
    data it was pleased without a finding (docs/lab-notes.md).

    Attributes:
        usual: average deviation of pairs of real images, float32 []; images that are judged alone
            are told this one.
    """

    usual: Tensor

    def __init__(self, config: NetworkConfig) -> None:
        super().__init__()
        widths, channels = config.widths, 1 + len(config.made)
        self.stems = nn.ModuleList(Convolution(channels, width, 1) for width in widths)
        self.blocks = nn.ModuleList(
            CriticBlock(fine, coarse) for coarse, fine in pairwise((widths[0], *widths))
        )
        self.last = Convolution(widths[0] + 1, widths[0])
        self.features = Linear(widths[0] * BASE_SIZE**2, widths[0])
        self.logit = Linear(widths[0], 1, 1.0)
        self.embedding = nn.Embedding(len(config.classes), widths[0])
        self.register_buffer("usual", torch.zeros(()))

    def forward(self, channels: Tensor, labels: Tensor, growth: float) -> Tensor:
        """Logits of images that are compared in pairs.

        Args:
            channels: images, and maps of findings from -1, none, to 1; 0 where it is not known
                where an image's findings are. Float [N, 1 + K, S, S] at the size of `growth`, N
                even; 0 and 1, 2 and 3, ... are of one class.
            labels: int64 [N].
            growth: of the networks.

        Returns:
            float32 [N].
        """
        x = self._coarse(channels, growth)
        return self._judged(x, deviation(x), labels)

    def alone(self, channels: Tensor, labels: Tensor, growth: float) -> Tensor:
        """As `forward`, of any number of images, none of which affects another's logit."""
        x = self._coarse(channels, growth)
        return self._judged(x, self.usual.to(x.dtype).expand(len(x)), labels)

    def note(self, channels: Tensor, growth: float, shard: Shard, before: int) -> None:
        """Take the deviation of pairs of real images, of all processes, into `usual`.

        The first ten count equally: a decaying average that starts at 0 would be too small.

        Args:
            channels, growth: as in `forward`.
            shard: this process's rank.
            before: earlier calls in this training.
        """
        with torch.no_grad():
            now = deviation(self._coarse(channels, growth)).float().mean()
            self.usual.lerp_(shard.mean(now), max(1 / (before + 1), 1 - USUAL_KEPT))

    def _coarse(self, channels: Tensor, growth: float) -> Tensor:
        """Features at 4 px."""
        stage, share = stage_of(growth)
        x: Tensor = self.blocks[stage](_leaky(self.stems[stage](channels)))
        if share < 1:
            coarse = _leaky(self.stems[stage - 1](F.avg_pool2d(channels, 2)))
            x = torch.lerp(coarse, x, share)
        for block in reversed(self.blocks[:stage]):
            x = block(x)
        return x

    def _judged(self, x: Tensor, apart: Tensor, labels: Tensor) -> Tensor:
        plane = apart[:, None, None, None].expand(-1, 1, *x.shape[2:])
        x = _leaky(self.last(torch.cat([x, plane], 1)))
        with torch.autocast(x.device.type, enabled=False):
            x = _leaky(self.features(x.float().flatten(1)))
            projection = (x * self.embedding(labels)).sum(1) / math.sqrt(x.shape[1])
            logits: Tensor = self.logit(x).squeeze(1) + projection
            return logits


def deviation(x: Tensor) -> Tensor:
    """How much the images of each pair differ: the deviation of every feature, averaged.

    Karras et al. 2018, section 3, with groups of the two neighbours that a batch has of one class:
    so it is small where a class collapses, not only where all do.

    Args:
        x: features, [N, C, h, w]; 0 and 1, 2 and 3, ... are pairs.

    Returns:
        [N], the same for both of a pair.
    """
    one, two = x[0::2].float(), x[1::2].float()
    apart: Tensor = ((one - two).square() / 4 + EPSILON).sqrt().mean((1, 2, 3))
    return apart.repeat_interleave(2).to(x.dtype)


def seen(images: Tensor, maps: Tensor | None, kinds: int, growth: float) -> Tensor:
    """What the critic sees of real images.

    Args:
        images: float32 [N, 1, H, W], -1 to 1.
        maps: as in `Batch.given`, float32 [N, K + 1, H, W]; None: nothing is known of any image.
        kinds: K, or 0 for a network that makes no maps.
        growth: of the networks.

    Returns:
        float32 [N, 1 + K, S, S].
    """
    if maps is None or not kinds:
        findings = images.new_zeros(len(images), kinds, *images.shape[2:])
    else:
        findings = (2 * maps[:, :-1] - 1) * maps[:, -1:]
    return reduced(torch.cat([images, findings], 1), growth)
