"""The losses of the VAE, one value per image."""

import torch
import torch.nn.functional as F
from torch import Tensor

from ...metrics.ms_ssim import betas_for

CHARBONNIER_EPSILON = 1e-3
_SIGMA, _RADIUS = 1.5, 5
_C1, _C2 = 0.02**2, 0.06**2  # (0.01 L)^2 and (0.03 L)^2 with L = 2: images lie in [-1, 1]


def charbonnier(x: Tensor, y: Tensor) -> Tensor:
    """Mean over pixels of sqrt((x - y)^2 + eps^2): [N, 1, H, W] twice -> [N].

    A smooth mean absolute difference (Charbonnier et al. 1994, "Two deterministic half-quadratic
    regularization algorithms for computed imaging").
    """
    return ((x - y).square() + CHARBONNIER_EPSILON**2).sqrt().mean((1, 2, 3))


def kl_to_standard_normal(mean: Tensor, log_variance: Tensor) -> Tensor:
    """KL(N(mean, exp(log_variance)) || N(0, 1)) in nats: [N, latent] twice -> [N].

    Kingma and Welling 2013, appendix B.
    """
    return 0.5 * (mean.square() + log_variance.exp() - 1 - log_variance).sum(1)


def ms_ssim(x: Tensor, y: Tensor) -> Tensor:
    """Multi-scale SSIM as in model.metrics.ms_ssim, differentiable: [N, 1, H, W] twice -> [N].

    Wang, Simoncelli and Bovik 2003, eq. 7; images in [-1, 1].
    """
    betas = betas_for(min(x.shape[2:]))
    window = _window(x)
    result = torch.ones(len(x), device=x.device)
    for scale, beta in enumerate(betas):
        mean_x, mean_y = _blur(x, window), _blur(y, window)
        variance_x = _blur(x * x, window) - mean_x**2
        variance_y = _blur(y * y, window) - mean_y**2
        covariance = _blur(x * y, window) - mean_x * mean_y
        term = (2 * covariance + _C2) / (variance_x + variance_y + _C2)
        if scale == len(betas) - 1:
            # Brightness relative to black, as in the metric: SSIM's luminance term depends on
            # the zero point.
            mean_x, mean_y = mean_x + 1, mean_y + 1
            term = term * (2 * mean_x * mean_y + _C1) / (mean_x**2 + mean_y**2 + _C1)
        # The gradient of a root is infinite at zero.
        result = result * term.mean((1, 2, 3)).clamp(min=1e-4) ** beta
        x, y = F.avg_pool2d(x, 2), F.avg_pool2d(y, 2)
    return result


def _window(images: Tensor) -> Tensor:
    offsets = torch.arange(-_RADIUS, _RADIUS + 1, device=images.device, dtype=images.dtype)
    weights = torch.exp(-offsets.square() / (2 * _SIGMA**2))
    return weights / weights.sum()


def _blur(images: Tensor, window: Tensor) -> Tensor:
    """Gaussian filter over whole windows only; drops a border of 5 px."""
    return F.conv2d(F.conv2d(images, window.view(1, 1, -1, 1)), window.view(1, 1, 1, -1))
