"""The losses of this family, one for each thing to keep."""

import torch
import torch.nn.functional as F
from torch import Tensor

from ..fusing import sobel

_SIGMA, _RADIUS = 1.5, 5
_BINS = 64
_LEAST_ENTROPY = 0.1  # nats; far below that of an image with anything in it
_C1, _C2 = (0.01 * 2) ** 2, (0.03 * 2) ** 2  # images have a range of 2


def intensity(made: Tensor, given: Tensor) -> Tensor:
    """(|F - A| + |F - B|) / 2, mean. [N, 1, H, W] and [N, 2, H, W]."""
    return (made - given).abs().mean()


def stronger_gradient(made: Tensor, given: Tensor) -> Tensor:
    """|dF - d*|, mean; d* is the derivative of A or B with the larger magnitude, with its sign."""
    of_made, (a, b) = sobel(made)[:, 0], sobel(given).unbind(1)
    stronger = torch.where(a.abs() >= b.abs(), a, b)
    return (of_made - stronger).abs().mean()


def structure(made: Tensor, given: Tensor) -> Tensor:
    """1 - (SSIM(F, A) + SSIM(F, B)) / 2, mean over pixels and images.

    (2 m_x m_y + c1)(2 s_xy + c2) / ((m_x^2 + m_y^2 + c1)(s_x^2 + s_y^2 + c2)) in a Gaussian window
    of sigma 1.5 (Wang et al. 2004).
    """
    one = made.expand_as(given)
    mean_x, mean_y = _blurred(one), _blurred(given)
    var_x = _blurred(one * one) - mean_x.square()
    var_y = _blurred(given * given) - mean_y.square()
    cov = _blurred(one * given) - mean_x * mean_y
    above = (2 * mean_x * mean_y + _C1) * (2 * cov + _C2)
    below = (mean_x.square() + mean_y.square() + _C1) * (var_x + var_y + _C2)
    return 1 - (above / below).mean()


def information(made: Tensor, given: Tensor) -> Tensor:
    """2 - 2 [I(F; A) / (H(F) + H(A)) + I(F; B) / (H(F) + H(B))], mean over images.

    Mutual information of Parzen histograms (Viola and Wells 1997, doi 10.1023/A:1007958904918):
    a pixel is shared by the two of 64 bins that are nearest, so that the histogram has a gradient.
    Normalised as `model.metrics.fusion.fused_information`.
    """
    of_made, a, b = (_shares(one) for one in (made, given[:, :1], given[:, 1:]))
    return 2 - _shared(of_made, a) - _shared(of_made, b)


def _shared(one: Tensor, other: Tensor) -> Tensor:
    """2 I / (H + H) of float [N, P, bins] each, 0 to 1, mean over images; I = H + H - H(joint).

    (2 I + e) / (H + H + e) with a small e, so that the gradient does not explode where entropies
    vanish. Two flat images tell all of one another: 1, as in the measure, with no gradient. By the
    histograms alone that would depend on how far a grey is from the centre of its bin.
    """
    joint = one.mT @ other / one.shape[1]
    apart = _entropy(joint.sum(2)) + _entropy(joint.sum(1))
    common = 2 * (apart - _entropy(joint.flatten(1)))
    shared = (common + _LEAST_ENTROPY) / (apart + _LEAST_ENTROPY)
    return torch.where(_flat(one) & _flat(other), shared.new_ones(()), shared).mean()


def _flat(shares: Tensor) -> Tensor:
    """Whether all pixels are of one grey: float [N, P, bins] -> bool [N]."""
    return (shares == shares[:, :1]).all(2).all(1)


def _entropy(shares: Tensor) -> Tensor:
    """float [N, K] -> [N]."""
    return -torch.xlogy(shares, shares.clamp(min=1e-9)).sum(1)


def _shares(images: Tensor) -> Tensor:
    """Shares of the bins in each pixel: -1 to 1, float [N, 1, H, W] -> [N, H W, bins]."""
    # Centres of bins of four greys, as in the measure.
    place = ((images.float().clamp(-1, 1) + 1) * 127.5 - 1.5) / (256 / _BINS)
    bins = torch.arange(_BINS, dtype=place.dtype, device=place.device)
    near = (place.clamp(0, _BINS - 1).flatten(1)[..., None] - bins).abs()
    return (1 - near).clamp(min=0)


def _blurred(images: Tensor) -> Tensor:
    """Gaussian of sigma 1.5, without a border: float [N, C, H, W] -> [N, C, H - 10, W - 10]."""
    x = torch.arange(-_RADIUS, _RADIUS + 1, dtype=images.dtype, device=images.device)
    kernel = torch.exp(-0.5 * (x / _SIGMA).square())
    kernel = kernel / kernel.sum()
    flat = images.reshape(-1, 1, *images.shape[-2:])
    flat = F.conv2d(F.conv2d(flat, kernel.view(1, 1, 1, -1)), kernel.view(1, 1, -1, 1))
    return flat.view(*images.shape[:2], *flat.shape[-2:])
