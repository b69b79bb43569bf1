"""RpGAN with R1 and R2 (R3GAN, Huang et al. 2024, arXiv 2501.05441): functions of tensors."""

from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor

Critic = Callable[[Tensor, Tensor], Tensor]


def discriminator_loss(real: Tensor, fake: Tensor) -> Tensor:
    """softplus(-(D(x) - D(G(z)))), one value a pair: logits [N], [N] -> [N] (eq. 2)."""
    return F.softplus(fake - real)


def generator_loss(real: Tensor, fake: Tensor) -> Tensor:
    """softplus(-(D(G(z)) - D(x))), one value a pair: logits [N], [N] -> [N] (eq. 2)."""
    return F.softplus(real - fake)


def gradient_penalty(critic: Critic, images: Tensor, labels: Tensor) -> Tensor:
    """|grad_x D(x)|^2, one value an image, differentiable in D's weights (eq. 3 and 4).

    R1 when the images are real, R2 when they are fake; gamma / 2 is the caller's. The square is
    summed, not averaged, over channels and pixels: the right gamma grows with the image.

    Args:
        critic: D.
        images: float [N, 1, H, W], as D sees them (already augmented).
        labels: int64 [N].

    Returns:
        float32 [N].
    """
    images = images.detach().requires_grad_()
    logits = critic(images, labels)
    (gradient,) = torch.autograd.grad(logits.sum(), images, create_graph=True)
    return gradient.float().square().sum((1, 2, 3))
