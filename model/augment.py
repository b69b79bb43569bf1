"""What D sees of real and fake images alike (DiffAugment, arXiv 2006.10738).

No flips: kidneys have sides, and laterality is anatomy. No hue: there is one channel.
"""

import torch
import torch.nn.functional as F
from torch import Tensor

from .config import TrainConfig

BLACK = -1.0


def augment(images: Tensor, config: TrainConfig, rng: torch.Generator) -> Tensor:
    """Shift, scale, brightness, contrast and cutout, drawn anew for each image.

    Args:
        images: float32 [N, 1, H, W], -1 black to 1 white.
        config: the strengths; an operation of strength zero leaves the images untouched.
        rng: where the draws come from.

    Returns:
        The same shape; differentiable in `images`, once (grid_sample has no second derivative:
        the gradient penalty is taken at the augmented image).
    """
    if config.translate or config.scale:
        images = _move(images, config.translate, config.scale, rng)
    if config.contrast:
        factor = 1 + config.contrast * _signed(images, rng)
        mean = images.mean((1, 2, 3), keepdim=True)
        images = (images - mean) * factor + mean
    if config.brightness:
        images = images + config.brightness * _signed(images, rng)
    if config.cutout:
        images = images * _cutout_mask(images, config.cutout, rng)
    return images


def _signed(images: Tensor, rng: torch.Generator) -> Tensor:
    """Uniform in [-1, 1], one number an image: [N, 1, 1, 1]."""
    return torch.rand(len(images), 1, 1, 1, generator=rng) * 2 - 1


def _move(images: Tensor, translate: float, scale: float, rng: torch.Generator) -> Tensor:
    """Bilinear shift and scale about the centre; what comes in from outside is black."""
    shift = (torch.rand(len(images), 2, generator=rng) * 2 - 1) * 2 * translate
    zoom = torch.exp2(scale * (torch.rand(len(images), generator=rng) * 2 - 1))
    matrix = torch.zeros(len(images), 2, 3)
    matrix[:, 0, 0] = matrix[:, 1, 1] = zoom
    matrix[:, :, 2] = shift
    grid = F.affine_grid(matrix, list(images.shape), align_corners=False)
    moved = F.grid_sample(images - BLACK, grid, align_corners=False)
    return moved + BLACK


def _cutout_mask(images: Tensor, cutout: float, rng: torch.Generator) -> Tensor:
    """0 inside one square an image (mid grey), 1 outside; the square may reach over the edge."""
    count, _, height, width = images.shape
    centre = torch.rand(count, 2, 1, generator=rng)
    rows = (torch.arange(height) + 0.5) / height
    columns = (torch.arange(width) + 0.5) / width
    in_rows = (rows - centre[:, 0]).abs() < cutout / 2
    in_columns = (columns - centre[:, 1]).abs() < cutout / 2
    return 1 - (in_rows[:, None, :, None] & in_columns[:, None, None, :]).float()
