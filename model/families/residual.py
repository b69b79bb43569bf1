"""Dense residual stages, resampled two-fold between them: a generator, and a trunk that reads.

From R3GAN (Huang et al. 2024, arXiv 2501.05441) come the absence of normalisation, of noise and
of style, the initialisation, and the bilinear resampling; its grouped convolutions are twice as
slow on a CPU as dense ones and are not used. The finest stage works at half the image's size: D
folds 2 x 2 pixels into channels, and G unfolds them, since stages at full size would take most
of the time.
"""

import math
from collections.abc import Sequence
from itertools import pairwise

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ..config import BASE_SIZE, NetworkConfig
from .base import ClassEmbedding, Generator

SLOPE = 0.2
GAIN = math.sqrt(2 / (1 + SLOPE**2))


def _leaky(x: Tensor) -> Tensor:
    return F.leaky_relu(x, SLOPE)


def _conv(inputs: int, outputs: int, kernel: int, gain: float) -> nn.Conv2d:
    conv = nn.Conv2d(inputs, outputs, kernel, padding=kernel // 2)
    nn.init.normal_(conv.weight, std=gain / math.sqrt(inputs * kernel**2))
    nn.init.zeros_(conv.bias)  # type: ignore[arg-type]
    return conv


def linear(inputs: int, outputs: int, gain: float) -> nn.Linear:
    """A layer whose outputs have `gain` times the deviation of its inputs, biases zero."""
    linear = nn.Linear(inputs, outputs)
    nn.init.normal_(linear.weight, std=gain / math.sqrt(inputs))
    nn.init.zeros_(linear.bias)
    return linear


class ResidualBlock(nn.Module):
    """x + conv(act(conv(act(x)))), close to an identity at the start.

    The branch starts at a tenth rather than at zero (Fixup, arXiv 1901.09321): a few thousand
    steps are all there is, and at zero both networks spend the first of them being linear.
    """

    def __init__(self, width: int) -> None:
        super().__init__()
        self.first = _conv(width, width, 3, GAIN)
        self.second = _conv(width, width, 3, 0.1 * GAIN)

    def forward(self, x: Tensor) -> Tensor:
        """[N, C, H, W] -> the same shape."""
        branch: Tensor = self.second(_leaky(self.first(_leaky(x))))
        return x + branch


class ResidualGenerator(Generator):
    """z and a class -> an image.

    Without a final tanh, as in StyleGAN2 and R3GAN: values are roughly in [-1, 1] and are
    clipped when they become pixels.
    """

    def __init__(self, config: NetworkConfig) -> None:
        super().__init__()
        self.config = config
        widths = config.widths
        self.embedding = ClassEmbedding(len(config.classes), config.latent)
        self.input = linear(2 * config.latent, widths[0] * BASE_SIZE**2, 3**-0.5)
        self.blocks = nn.ModuleList(ResidualBlock(width) for width in widths)
        self.transitions = nn.ModuleList(
            _conv(coarse, fine, 1, 1.0) for coarse, fine in _pairs(widths)
        )
        self.head = _conv(widths[-1], 4, 3, 0.5 * GAIN)
        _equal_phases(self.head)

    def forward(self, z: Tensor, classes: Tensor) -> Tensor:
        """float [N, latent] and what `ClassEmbedding` takes -> float [N, 1, H, W]."""
        x = self.input(torch.cat([z, self.embedding(classes)], dim=1))
        x = x.unflatten(1, (-1, BASE_SIZE, BASE_SIZE))
        for index, block in enumerate(self.blocks):
            if index:
                # A 1 x 1 convolution commutes with the resampling: it is cheaper before.
                x = self.transitions[index - 1](x)
                x = F.interpolate(x, scale_factor=2, mode="bilinear", align_corners=False)
            x = block(x)
        return _without_checks(F.pixel_shuffle(self.head(_leaky(x)), 2).float())

    @torch.no_grad()
    def even_phases(self) -> None:
        """Project the head onto those whose four phases answer a constant input alike, in place.

        A flat feature map then gives a flat image: the checkerboard of sub-pixel convolutions
        (Odena et al. 2016, "Deconvolution and checkerboard artifacts") has no constant part left.
        All else about the four phases stays free, so edges are as sharp as before.
        """
        weight, bias = self.head.weight, self.head.bias
        response = weight.mean((2, 3), keepdim=True)
        weight += response.mean(0, keepdim=True) - response
        if bias is not None:
            bias.fill_(bias.mean())


class ResidualTrunk(nn.Module):
    """An image -> features, from half its size down to 4 px and then a vector."""

    def __init__(self, config: NetworkConfig) -> None:
        super().__init__()
        widths = config.widths[::-1]
        self.length = widths[-1]
        self.stem = _conv(4, widths[0], 3, GAIN)
        self.blocks = nn.ModuleList(ResidualBlock(width) for width in widths)
        self.transitions = nn.ModuleList(
            _conv(fine, coarse, 1, 1.0) for fine, coarse in _pairs(widths)
        )
        self.features = linear(widths[-1] * BASE_SIZE**2, widths[-1], 3**-0.5)

    def forward(self, images: Tensor) -> Tensor:
        """float [N, 1, H, W] about [-1, 1] -> float32 [N, length], whatever the autocast."""
        x = self.stem(F.pixel_unshuffle(images, 2))
        for index, block in enumerate(self.blocks):
            if index:
                x = self.transitions[index - 1](F.avg_pool2d(x, 2))
            x = block(x)
        with torch.autocast(images.device.type, enabled=False):
            return _leaky(self.features(_leaky(x).float().flatten(1)))


def _without_checks(images: Tensor) -> Tensor:
    """Quarter what alternates along rows or columns, and stop what alternates along both.

    Sub-pixel convolutions leave a checkerboard of two pixels, where images have next to nothing
    and D, which sees them shifted by fractions of a pixel, hardly looks. Its response at the
    frequency (u, v) is (12 + 8 cos u + 8 cos v + 4 cos u cos v) / 32: G can make up for a quarter,
    which edges need, and not for zero.
    """
    kernel = images.new_tensor([[1.0, 4.0, 1.0], [4.0, 12.0, 4.0], [1.0, 4.0, 1.0]]) / 32
    padded = F.pad(images, (1, 1, 1, 1), mode="replicate")
    with torch.autocast(images.device.type, enabled=False):
        return F.conv2d(padded, kernel[None, None])


def _pairs(widths: Sequence[int]) -> list[tuple[int, int]]:
    return list(pairwise(widths))


@torch.no_grad()
def _equal_phases(head: nn.Conv2d) -> None:
    """Start the four phases of the pixel shuffle equal: no checkerboard to unlearn (ICNR).

    Aitken et al. 2017, arXiv 1707.02937.
    """
    head.weight.copy_(head.weight[:1].expand_as(head.weight))
