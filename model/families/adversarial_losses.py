"""RpGAN with R1 and R2 (R3GAN, Huang et al. 2024, arXiv 2501.05441): functions of tensors."""

from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor

MODE_SEEKING_EPSILON = 0.01
LEAST_COVERED = 0.5
"""Coverage of a cell's most covered pixel from which the cell is of a kind."""
MOST_WEIGHT = 200.0
"""Of a rare kind in `layout_loss`: a single cell in a batch must not outweigh all others."""

Critic = Callable[[Tensor, Tensor], Tensor]


def discriminator_loss(real: Tensor, fake: Tensor) -> Tensor:
    """softplus(-(D(x) - D(G(z)))), one value per pair: logits [N], [N] -> [N] (eq. 2)."""
    return F.softplus(fake - real)


def generator_loss(real: Tensor, fake: Tensor) -> Tensor:
    """softplus(-(D(G(z)) - D(x))), one value per pair: logits [N], [N] -> [N] (eq. 2)."""
    return F.softplus(real - fake)


def gradient_penalty(critic: Critic, images: Tensor, labels: Tensor) -> Tensor:
    """|grad_x D(x)|^2, one value per image, differentiable in D's weights (eq. 3 and 4).

    R1 for real images, R2 for fake ones; the caller multiplies by gamma / 2. The square is summed,
    not averaged, over channels and pixels, so the best gamma grows with the image size.

    Args:
        critic: D.
        images: float [N, 1, H, W], already augmented.
        labels: int64 [N].

    Returns:
        float32 [N].
    """
    images = images.detach().requires_grad_()
    logits = critic(images, labels)
    (gradient,) = torch.autograd.grad(logits.sum(), images, create_graph=True)
    return gradient.float().square().sum((1, 2, 3))


def difference_penalty(
    critic: Critic, images: Tensor, labels: Tensor, logits: Tensor, noise: Tensor
) -> Tensor:
    """|D(x + e) - D(x)|^2 / sigma^2, which is about |grad_x D(x)|^2, without second derivatives.

    Lin et al. 2025, arXiv 2501.08316, section 3.3. For small sigma its mean over the noise is the
    squared gradient; one draw of noise per image is a noisy estimate of it.

    Args:
        critic, images, labels: as in `gradient_penalty`.
        logits: D(x), float32 [N].
        noise: e, float [N, 1, H, W], mean 0 and deviation sigma.

    Returns:
        float32 [N].
    """
    variance = noise.square().mean((1, 2, 3))
    return (critic(images + noise, labels) - logits).square() / variance


def mode_seeking_loss(images: Tensor, z: Tensor, labels: Tensor) -> Tensor:
    """mean over pairs of 1 / (d(G(z1), G(z2)) / d(z1, z2) + eps), with d the mean |difference|.

    Large while two latents of one class give the same image, and almost zero once they do not. It
    keeps a class from collapsing in the first thousands of steps, when D does not yet prevent it
    (Mao et al. 2019, arXiv 1903.05628, eq. 4, in the reciprocal form of its code).

    Args:
        images: G's, before augmentation, float [N, 1, H, W].
        z: their latents, float [N, latent].
        labels: their classes, int64 [N]. Pairs are neighbours of one class: 0 and 1, 2 and 3, ...

    Returns:
        float32 []; 0 if no pair has a common class.
    """
    one, two = slice(0, None, 2), slice(1, None, 2)
    paired = labels[one] == labels[two]
    apart = (images[one] - images[two]).abs().mean((1, 2, 3))
    moved = (z[one] - z[two]).abs().mean(1)
    terms = moved / (apart + MODE_SEEKING_EPSILON * moved)
    return (terms * paired).sum() / paired.sum().clamp(min=1)


def layout_loss(cells: Tensor, given: Tensor) -> Tensor:
    """How badly cells show the findings of a layout: cross entropy, kinds weighted by rarity.

    Sushko et al. 2021, arXiv 2012.04781, eq. 1 and 2: the weight of a kind, or of none, is the
    inverse of its share of the batch's cells, so that a stone of two cells counts as much as all
    that is around it.

    Args:
        cells: D's logits of K kinds, none and fake, float32 [N, K + 2, h, w].
        given: layouts as `model.layout_bank.given` makes them, float [N, K + 1, H, W].

    Returns:
        float32 []; 0 if the batch has no layout that is told.
    """
    kinds = given.shape[1] - 1
    here = F.max_pool2d(given, given.shape[-1] // cells.shape[-1])
    most, which = here[:, :-1].max(1)
    truth = torch.where(most > LEAST_COVERED, which, torch.full_like(which, kinds))
    told = here[:, -1]
    shares = torch.stack([((truth == kind) * told).sum() for kind in range(kinds + 1)])
    present = (shares > 0).sum().clamp(min=1)
    weights = told.sum() / (present * shares.clamp(min=1))
    errors = F.cross_entropy(cells, truth, reduction="none")
    weighted: Tensor = (errors * weights.clamp(max=MOST_WEIGHT)[truth] * told).sum()
    return weighted / told.sum().clamp(min=1)


def fake_loss(cells: Tensor) -> Tensor:
    """How badly D tells that no cell of generated images is real: cross entropy, float32 [].

    Sushko et al. 2021, eq. 1, second term; `cells` as in `layout_loss`.
    """
    fake = cells.shape[1] - 1
    truth = torch.full_like(cells[:, 0], fake, dtype=torch.int64)
    return F.cross_entropy(cells, truth)
