"""Dense residual stages with two-fold resampling between them: a generator and an encoder trunk.

As in R3GAN (Huang et al. 2024, arXiv 2501.05441) there is no normalisation or style, and the
initialisation and bilinear resampling are the same. Its grouped convolutions are not used, because
on a CPU they are twice as slow as dense ones. Unlike there, noise can be added at full size: the
grain of a CT slice at its own resolution is noise, which no short z can hold. The finest stage
works at half the image's size: D folds 2 x 2 pixels into channels, and G has only a narrow head at
full size, where stages would take most of the time.
"""

import math
from collections.abc import Sequence
from itertools import pairwise

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ..layout_bank import LayoutBank
from ..network import BASE_SIZE, NetworkConfig
from .base import ClassEmbedding, Generator

SLOPE = 0.2
GAIN = math.sqrt(2 / (1 + SLOPE**2))
NARROWEST_HEAD = 8


def leaky(x: Tensor) -> Tensor:
    """The nonlinearity of every stage."""
    return F.leaky_relu(x, SLOPE)


def conv(inputs: int, outputs: int, kernel: int, gain: float) -> nn.Conv2d:
    """As `linear`, for a convolution that keeps the size of its input."""
    conv = nn.Conv2d(inputs, outputs, kernel, padding=kernel // 2)
    nn.init.normal_(conv.weight, std=gain / math.sqrt(inputs * kernel**2))
    nn.init.zeros_(conv.bias)  # type: ignore[arg-type]
    return conv


def linear(inputs: int, outputs: int, gain: float) -> nn.Linear:
    """A layer whose outputs have `gain` times the standard deviation of its inputs; zero biases."""
    linear = nn.Linear(inputs, outputs)
    nn.init.normal_(linear.weight, std=gain / math.sqrt(inputs))
    nn.init.zeros_(linear.bias)
    return linear


class ResidualBlock(nn.Module):
    """x + conv(act(conv(act(x)))), initially close to the identity.

    The branch starts at a tenth rather than at zero (Fixup, arXiv 1901.09321): trainings have only
    a few thousand steps, and at zero both networks would be linear for the first of them.
    """

    def __init__(self, width: int) -> None:
        super().__init__()
        self.first = conv(width, width, 3, GAIN)
        self.second = conv(width, width, 3, 0.1 * GAIN)

    def forward(self, x: Tensor) -> Tensor:
        """[N, C, H, W] -> the same shape."""
        branch: Tensor = self.second(leaky(self.first(leaky(x))))
        return x + branch


class SmoothHead(nn.Module):
    """Features at half the image's size -> the image: upsample first, then add detail.

    A sub-pixel convolution must learn an image's four phases one by one, and what it does not learn
    remains as a lattice of two pixels. Bilinear upsampling has no phases, and the nonlinearity
    after it makes the fine detail that interpolation cannot (Karras et al. 2021, "Alias-free
    generative adversarial networks", section 2, on nonlinearities and resampling). At full size
    there are half as many channels, since most of the time is spent there.

    It ends in tanh, unlike StyleGAN2 and R3GAN for photographs: most of a CT slice is exactly
    black, which a saturated output gives easily and a linear one never quite.
    """

    def __init__(self, width: int, given: int, noise: bool) -> None:
        super().__init__()
        fine = max(width // 2, NARROWEST_HEAD)
        self.narrow = conv(width, fine, 1, GAIN)
        self.detail = conv(fine, fine, 3, GAIN)
        self.image = conv(fine, 1, 3, 0.5 * GAIN)
        self.layout = conv(given, fine, 1, GAIN) if given else None
        # From zero, so that grain comes as D asks for it (StyleGAN, arXiv 1812.04948, 3.2).
        self.grain = nn.Parameter(torch.zeros(fine, 1, 1)) if noise else None

    def forward(
        self, x: Tensor, layout: Tensor | None = None, noise: Tensor | None = None
    ) -> Tensor:
        """[N, width, H / 2, W / 2] -> float32 [N, 1, H, W], -1 to 1."""
        x = F.interpolate(self.narrow(x), scale_factor=2, mode="bilinear", align_corners=False)
        if self.layout is not None:
            x = x + self.layout(layout)
        if self.grain is not None and noise is not None:
            x = x + self.grain * noise
        return torch.tanh(self.image(leaky(self.detail(leaky(x)))).float())


class ShuffleHead(nn.Module):
    """A sub-pixel convolution (Shi et al. 2016, arXiv 1609.05158): cheap, but leaves a lattice."""

    def __init__(self, width: int, given: int, noise: bool) -> None:
        super().__init__()
        self.phases = conv(width, 4, 3, 0.5 * GAIN)
        self.layout = conv(given, 1, 1, GAIN) if given else None
        self.grain = nn.Parameter(torch.zeros(1, 1, 1)) if noise else None

    def forward(
        self, x: Tensor, layout: Tensor | None = None, noise: Tensor | None = None
    ) -> Tensor:
        """[N, width, H / 2, W / 2] -> float32 [N, 1, H, W], about -1 to 1."""
        images = F.pixel_shuffle(self.phases(x), 2)
        if self.layout is not None:
            images = images + self.layout(layout)
        if self.grain is not None and noise is not None:
            images = images + self.grain * noise
        return images.float()


HEADS = {"smooth": SmoothHead, "shuffle": ShuffleHead}


class ResidualGenerator(Generator):
    """z and a class -> an image."""

    def __init__(self, config: NetworkConfig) -> None:
        super().__init__()
        self.config = config
        widths = config.widths
        self.embedding = ClassEmbedding(len(config.classes), config.latent)
        self.input = linear(2 * config.latent, widths[0] * BASE_SIZE**2, 3**-0.5)
        self.blocks = nn.ModuleList(ResidualBlock(width) for width in widths)
        self.transitions = nn.ModuleList(
            conv(coarse, fine, 1, 1.0) for coarse, fine in _pairs(widths)
        )
        given = len(config.given) + 1 if config.given else 0
        self.bank = LayoutBank(len(config.classes), len(config.given)) if given else None
        self.layouts = nn.ModuleList(conv(given, w, 1, GAIN) for w in widths if given)
        self.head = HEADS[config.head](widths[-1], given, config.noise)

    def forward(
        self,
        z: Tensor,
        classes: Tensor,
        given: Tensor | None = None,
        noise: Tensor | None = None,
    ) -> Tensor:
        """As `Generator.forward`.

        A layout is added before every stage and at full size, noise at full size alone.
        """
        if self.layouts and given is None:
            side = self.config.image_size
            given = z.new_zeros(len(z), len(self.config.given) + 1, side, side)
        maps = pyramid(given, len(self.layouts)) if given is not None else []
        x = self.input(torch.cat([z, self.embedding(classes)], dim=1))
        x = x.unflatten(1, (-1, BASE_SIZE, BASE_SIZE))
        for index, block in enumerate(self.blocks):
            if index:
                # A 1 x 1 convolution commutes with resampling, and is cheaper before it.
                x = self.transitions[index - 1](x)
                x = F.interpolate(x, scale_factor=2, mode="bilinear", align_corners=False)
            if self.layouts:
                x = x + self.layouts[index](maps[index])
            x = block(x)
        images: Tensor = self.head(leaky(x), given, noise)
        return images


def pyramid(given: Tensor, stages: int) -> list[Tensor]:
    """Layouts at the size of each stage, coarsest first, the last at half their size.

    Maxima, since the mean of a small finding vanishes in a coarse stage.
    """
    found: list[Tensor] = []
    for _ in range(stages):
        found.insert(0, F.max_pool2d(found[0] if found else given, 2))
    return found


class ResidualTrunk(nn.Module):
    """An image -> features, from half its size down to 4 px and then a vector."""

    def __init__(self, config: NetworkConfig) -> None:
        super().__init__()
        widths = config.widths[::-1]
        self.length = widths[-1]
        self.stem = conv(4, widths[0], 3, GAIN)
        self.blocks = nn.ModuleList(ResidualBlock(width) for width in widths)
        self.transitions = nn.ModuleList(
            conv(fine, coarse, 1, 1.0) for fine, coarse in _pairs(widths)
        )
        self.features = linear(widths[-1] * BASE_SIZE**2, widths[-1], 3**-0.5)

    def forward(self, images: Tensor) -> Tensor:
        """float [N, 1, H, W] about [-1, 1] -> float32 [N, length], whatever the autocast."""
        return self.stages(images)[0]

    def stages(self, images: Tensor) -> tuple[Tensor, list[Tensor]]:
        """The vector of `forward`, and the features of every stage, finest first."""
        x = self.stem(F.pixel_unshuffle(images, 2))
        found = []
        for index, block in enumerate(self.blocks):
            if index:
                x = self.transitions[index - 1](F.avg_pool2d(x, 2))
            x = block(x)
            found.append(x)
        with torch.autocast(images.device.type, enabled=False):
            return leaky(self.features(leaky(x).float().flatten(1))), found


def _pairs(widths: Sequence[int]) -> list[tuple[int, int]]:
    return list(pairwise(widths))
