"""WGAN-GP with a drift term, as functions of tensors."""

from collections.abc import Callable

import torch
from torch import Tensor

Critic = Callable[[Tensor, Tensor], Tensor]


def critic_loss(real: Tensor, fake: Tensor, drift: float) -> Tensor:
    """E[D(G(z))] - E[D(x)] + drift E[D(x)^2]: logits [N] twice -> [].

    Arjovsky et al. 2017, arXiv 1701.07875, eq. 2; the drift of Karras et al. 2018, section A.1,
    keeps logits, of which only the difference matters, near zero.
    """
    return (fake - real + drift * real.square()).mean()


def generator_loss(fake: Tensor) -> Tensor:
    """-E[D(G(z))]: logits [N] -> []."""
    return -fake.mean()


def gradient_penalty(
    critic: Critic, real: Tensor, fake: Tensor, labels: Tensor, shares: Tensor
) -> Tensor:
    """E[(|grad_x D(x)| - 1)^2] at x = s real + (1 - s) fake, differentiable in D's weights.

    Gulrajani et al. 2017, arXiv 1704.00028, eq. 3; the norm is over all channels and pixels.

    Args:
        critic: D.
        real, fake: what D sees, float [N, C, S, S].
        labels: int64 [N].
        shares: s, uniform in [0, 1), float [N, 1, 1, 1].

    Returns:
        float32 [].
    """
    between = torch.lerp(fake, real, shares).detach().requires_grad_()
    logits = critic(between, labels)
    (gradient,) = torch.autograd.grad(logits.sum(), between, create_graph=True)
    norms = torch.linalg.vector_norm(gradient.float(), dim=(1, 2, 3))
    penalty: Tensor = (norms - 1).square().mean()
    return penalty
