"""Mapping and synthesis network (StyleGAN2, Karras et al. 2020, arXiv 1912.04958).

As there, styles scale the channels of convolutions and their deviation is divided out again, and
the image is a sum of outputs of every size. Activations are scaled in place of weights, which gives
the same numbers without a convolution by groups of images, slow on a CPU. Stages, widths and
bilinear resampling are those of `residual`; layouts and noise come in as there. Not taken: noise in
every stage, style mixing and the penalty on path lengths, which needs a second derivative of G.
"""

import math
from itertools import pairwise

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ...layout_bank import LayoutBank
from ...network import BASE_SIZE, NetworkConfig
from ..base import ClassEmbedding
from ..residual import GAIN, NARROWEST_HEAD, conv, leaky, linear, pyramid
from ..styled import StyledGenerator

W_PER_LATENT = 2
"""Length of w over that of z."""
IMAGE_GAIN = 0.25
"""Of the outputs of each size at the start, so that their sum does not saturate the last tanh."""
EPSILON = 1e-8


class ModulatedConv(nn.Module):
    """A 3 x 3 convolution whose input channels a style scales, and the nonlinearity after it.

    Attributes:
        style: w -> the scale of each input channel, about 1 at the start.
    """

    def __init__(self, length: int, inputs: int, outputs: int) -> None:
        super().__init__()
        self.style = _style(length, inputs)
        self.weight = nn.Parameter(torch.randn(outputs, inputs, 3, 3) / math.sqrt(9 * inputs))
        self.bias = nn.Parameter(torch.zeros(outputs))

    def forward(self, x: Tensor, w: Tensor) -> Tensor:
        """float [N, inputs, H, W] and float32 [N, length] -> float [N, outputs, H, W].

        Eq. 1 and 3 of the paper: weights w'_ijk = s_i w_ijk, divided by sqrt(sum_ik w'_ijk^2 +
        eps). Both factors are of a whole channel, so they are taken out of the convolution:
        y_j = (sum_i w_ij * (s_i x_i)) / sqrt(sum_i s_i^2 sum_k w_ijk^2 + eps).
        """
        with torch.autocast(x.device.type, enabled=False):
            scale = self.style(w)
            energy = scale.square() @ self.weight.square().sum((2, 3)).T
            whole = GAIN * (energy + EPSILON).rsqrt()
        y = F.conv2d(_times(x, scale), self.weight, padding=1)
        return leaky(_times(y, whole) + self.bias.to(y.dtype)[:, None, None])


class ModulatedSum(nn.Module):
    """Features -> their share of the image: a 1 x 1 convolution, scaled but not normalised."""

    def __init__(self, length: int, inputs: int) -> None:
        super().__init__()
        self.style = _style(length, inputs)
        self.weight = nn.Parameter(IMAGE_GAIN * torch.randn(inputs) / math.sqrt(inputs))
        self.bias = nn.Parameter(torch.zeros(()))

    def forward(self, x: Tensor, w: Tensor) -> Tensor:
        """float [N, inputs, H, W] and float32 [N, length] -> float [N, 1, H, W]."""
        with torch.autocast(x.device.type, enabled=False):
            weights = (self.style(w) * self.weight).to(x.dtype)
            # With one output, weights of an image each are the cheaper way round.
            image = torch.bmm(x.permute(0, 2, 3, 1).flatten(1, 2), weights[:, :, None])
            return image.view(len(x), 1, *x.shape[2:]) + self.bias.to(x.dtype)


def _style(length: int, channels: int) -> nn.Linear:
    layer = linear(length, channels, 1.0)
    nn.init.ones_(layer.bias)
    return layer


def _times(x: Tensor, factors: Tensor) -> Tensor:
    """[N, C, H, W] times float32 [N, C], in the precision of the first."""
    return x * factors.to(x.dtype)[:, :, None, None]


class Stage(nn.Module):
    """Two modulated convolutions, and the image of this size."""

    def __init__(self, length: int, width: int) -> None:
        super().__init__()
        self.first = ModulatedConv(length, width, width)
        self.second = ModulatedConv(length, width, width)
        self.image = ModulatedSum(length, width)

    def forward(self, x: Tensor, w: Tensor) -> tuple[Tensor, Tensor]:
        """[N, width, H, W] and float32 [N, length] -> features of that shape, [N, 1, H, W]."""
        x = self.second(self.first(x, w), w)
        return x, self.image(x, w)


class Generator(StyledGenerator):
    """z and a class -> w -> an image."""

    def __init__(self, config: NetworkConfig) -> None:
        super().__init__()
        self.config = config
        widths, length = config.widths, W_PER_LATENT * config.latent
        fine = max(widths[-1] // 2, NARROWEST_HEAD)
        self.embedding = ClassEmbedding(len(config.classes), config.latent)
        self.layers = nn.ModuleList(
            [linear(2 * config.latent, length, GAIN), linear(length, length, 1.0)]
        )
        self.direct = linear(config.latent, length, 1.0)
        self.register_buffer("means", torch.zeros(len(config.classes), length))
        self.constant = nn.Parameter(torch.randn(widths[0], BASE_SIZE, BASE_SIZE))
        self.stages = nn.ModuleList(Stage(length, width) for width in widths)
        self.transitions = nn.ModuleList(
            conv(coarse, fine, 1, 1.0) for coarse, fine in pairwise((*widths, fine))
        )
        self.detail = ModulatedConv(length, fine, fine)
        self.image = ModulatedSum(length, fine)
        given = len(config.given) + 1 if config.given else 0
        self.bank = LayoutBank(len(config.classes), len(config.given)) if given else None
        self.layouts = nn.ModuleList(conv(given, w, 1, GAIN) for w in (*widths, fine) if given)
        # From zero, so that grain comes as D asks for it (StyleGAN, arXiv 1812.04948, 3.2).
        self.grain = nn.Parameter(torch.zeros(fine, 1, 1)) if config.noise else None

    def mapping(self, z: Tensor, classes: Tensor) -> Tensor:
        """As `StyledGenerator.mapping`: w = f(z, class) + A class.

        z is scaled to unit mean square, and the class heard beside it (StyleGAN2-ADA, Karras et al.
        2020, arXiv 2006.06676, appendix D). Its second way is straight: from the first step on, a
        class has a direction in W which is the same for every z.
        """
        with torch.autocast(z.device.type, enabled=False):
            z = z * (z.square().mean(1, keepdim=True) + EPSILON).rsqrt()
            told = self.embedding(classes)
            first, second = self.layers
            w: Tensor = second(leaky(first(torch.cat([z, told], 1)))) + self.direct(told)
            return w

    def synthesis(
        self, w: Tensor, given: Tensor | None = None, noise: Tensor | None = None
    ) -> Tensor:
        """As `StyledGenerator.synthesis`; images lie in -1 to 1.

        The last stage is at full size and narrow, for time. A last tanh gives the black of which
        most of a CT slice is made (`residual.SmoothHead`).
        """
        if self.layouts and given is None:
            side = self.config.image_size
            given = w.new_zeros(len(w), len(self.config.given) + 1, side, side)
        maps = [*pyramid(given, len(self.stages)), given] if given is not None else []
        x = self.constant.expand(len(w), -1, -1, -1)
        images = x.new_zeros(len(w), 1, BASE_SIZE // 2, BASE_SIZE // 2)
        for index, stage in enumerate(self.stages):
            if index:
                x = _enlarged(self.transitions[index - 1](x))
            if maps:
                x = x + self.layouts[index](maps[index])
            x, image = stage(x, w)
            images = _enlarged(images) + image
        x = _enlarged(self.transitions[-1](x))
        if maps:
            x = x + self.layouts[-1](maps[-1])
        if self.grain is not None and noise is not None:
            x = x + self.grain * noise
        x = self.detail(x, w)
        images = _enlarged(images) + self.image(x, w)
        return torch.tanh(images.float())

    def modulation(self) -> Tensor:
        """As `StyledGenerator.modulation`, from coarse to fine."""
        convs = [part for part in self.modules() if isinstance(part, ModulatedConv | ModulatedSum)]
        return torch.cat([part.style.weight.detach() for part in convs])


def _enlarged(x: Tensor) -> Tensor:
    return F.interpolate(x, scale_factor=2, mode="bilinear", align_corners=False)
