"""The interface of an extractor, and the resize rule."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional as F


@dataclass(frozen=True)
class Extractor:
    """A loaded extractor.

    Attributes:
        features: length d of a feature vector.
        forward: uint8 [N, H, W] to float32 [N, d]; several threads may call it at once.
        way: "fast" if a faster computation runs that agrees with the published one.
    """

    features: int
    forward: Callable[[NDArray[np.uint8]], NDArray[np.float32]]
    way: Literal["fast", "plain"]


def resized(images: NDArray[np.uint8], side: int) -> Tensor:
    """Resize grey images to a network's input size; they keep one channel.

    clean-fid's rule (Parmar et al., CVPR 2022): one antialiased bicubic resize of the float image,
    then back to whole grey levels.

    Args:
        images: uint8 [N, H, W].
        side: height and width wanted.

    Returns:
        float32 [N, 1, side, side], whole numbers in 0..255.
    """
    grey = torch.tensor(images)[:, None].float()
    resized = F.interpolate(
        grey, size=[side, side], mode="bicubic", antialias=True, align_corners=False
    )
    return resized.clamp_(0, 255).round_()
