"""The augmentation that D sees of real and fake images (DiffAugment, arXiv 2006.10738).

No flips by default, because laterality is anatomy. No hue, because there is one channel.
"""

import torch
import torch.nn.functional as F
from torch import Tensor

from ..parallel import Draws
from .adversarial_recipe import AdversarialRecipe


def augment(
    images: Tensor, recipe: AdversarialRecipe, draws: Draws, strength: float = 1.0
) -> Tensor:
    """Flip, shift, scale, contrast, brightness and cutout, drawn independently for each image.

    Args:
        images: float32 [N, 1, H, W], -1 black to 1 white.
        recipe: the strength of each operation; 0 skips it.
        draws: source of random numbers.
        strength: factor of all strengths, 0 to 1.

    Returns:
        The same shape; once differentiable in `images` (grid_sample has no second derivative, so
        the gradient penalty is taken at the augmented image).
    """
    return augment_with_layout(images, None, recipe, draws, strength)[0]


def augment_with_layout(
    images: Tensor,
    given: Tensor | None,
    recipe: AdversarialRecipe,
    draws: Draws,
    strength: float = 1.0,
) -> tuple[Tensor, Tensor | None]:
    """As `augment`; layouts are flipped, shifted and scaled with their images.

    Args:
        images, recipe, draws, strength: as in `augment`.
        given: layouts, float32 [N, K + 1, H, W], 0 to 1, or None.

    Returns:
        Images and layouts, of the same shapes.
    """
    count = len(images)
    if recipe.flip or recipe.translate or recipe.scale:
        both = images if given is None else torch.cat([images, given], 1)
        if recipe.flip:
            turned = draws.uniform(count, 1, 1, 1) < strength * recipe.flip
            both = torch.where(turned, both.flip(3), both)
        if recipe.translate or recipe.scale:
            both = _move(both, recipe, draws, strength)
        images, given = both[:, :1], None if given is None else both[:, 1:]
    if recipe.contrast:
        factor = 1 + strength * recipe.contrast * draws.signed(count, 1, 1, 1)
        mean = images.mean((1, 2, 3), keepdim=True)
        images = (images - mean) * factor + mean
    if recipe.brightness:
        images = images + strength * recipe.brightness * draws.signed(count, 1, 1, 1)
    if recipe.cutout:
        images = images * _cutout_mask(images, strength * recipe.cutout, draws)
    return images, given


def _move(images: Tensor, recipe: AdversarialRecipe, draws: Draws, strength: float) -> Tensor:
    """Shift and scale about the centre; what lies outside is mirrored at the edge.

    With black outside, D seldom sees an image's own edge and G leaves a bright rim there, which
    matters where a region is cut from an image (docs/lab-notes.md). Mirrored as in StyleGAN2-ADA
    (Karras et al. 2020, arXiv 2006.06676, appendix B).

    Bilinear resampling blurs, which would hide pixel-to-pixel patterns from D. So a share of the
    images is shifted by whole pixels and not scaled, which does not resample them.
    """
    count, side = len(images), images.shape[-1]
    shift = draws.signed(count, 2) * 2 * strength * recipe.translate
    zoom = torch.exp2(strength * recipe.scale * draws.signed(count))
    if recipe.on_grid:
        kept = draws.uniform(count) < recipe.on_grid
        zoom = torch.where(kept, torch.ones_like(zoom), zoom)
        # In units of affine_grid an image is 2 wide.
        shift = torch.where(kept[:, None], torch.round(shift * side / 2) * 2 / side, shift)
    matrix = torch.zeros(count, 2, 3, device=images.device)
    matrix[:, 0, 0] = matrix[:, 1, 1] = zoom
    matrix[:, :, 2] = shift
    grid = F.affine_grid(matrix, list(images.shape), align_corners=False)
    return F.grid_sample(images, grid, padding_mode="reflection", align_corners=False)


def _cutout_mask(images: Tensor, cutout: float, draws: Draws) -> Tensor:
    """0 (mid grey) inside one square per image, 1 outside; the square may cross the edge."""
    count, _, height, width = images.shape
    centre = draws.uniform(count, 2, 1)
    rows = (torch.arange(height, device=images.device) + 0.5) / height
    columns = (torch.arange(width, device=images.device) + 0.5) / width
    in_rows = (rows - centre[:, 0]).abs() < cutout / 2
    in_columns = (columns - centre[:, 1]).abs() < cutout / 2
    return 1 - (in_rows[:, None, :, None] & in_columns[:, None, None, :]).float()
