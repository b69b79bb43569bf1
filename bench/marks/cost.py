"""What a change of generated images costs: in kernel distance, in PSNR and in SSIM.

The same images are compared before and after, so that their own chance and that of the held-out
images cancel: the difference is known far better than either distance.
"""

import numpy as np
from numpy.typing import NDArray
from scipy import stats
from skimage.metrics import structural_similarity

from model.metrics.kernel import polynomial_kernel
from model.section import Stored

Features = NDArray[np.float64]
Images = NDArray[np.uint8]


class Difference(Stored):
    """By how much a kernel distance changed, with its 95 % interval."""

    value: float
    low: float
    high: float


class Likeness(Stored):
    """How like images are to themselves before a change.

    Attributes:
        psnr, psnr_low: median and 5th percentile of the peak signal-to-noise ratio, dB of 255 grey
            levels; None: no image changed.
        ssim, ssim_low: likewise of the structural similarity (Wang et al. 2004), at most 1.
        unchanged: images that the change left as they were; they have no PSNR.
    """

    psnr: float | None
    psnr_low: float | None
    ssim: float
    ssim_low: float
    unchanged: int


def distance_difference(
    real: Features,
    groups: NDArray[np.str_],
    before: Features,
    after: Features,
    strata: NDArray[np.int64],
    confidence: float = 0.95,
) -> Difference:
    """Kernel distance of the changed images to real ones less that of the unchanged.

    With h(x) = mean over j of k(x, after_j) - k(x, before_j) it is the difference of the mean k
    within the changed and within the unchanged, less 2 mean h. The real images' own k cancels.

    The interval is that of `model.metrics.kernel_distance_interval`, of differences: jackknife over
    the real images' groups, and the variance within strata of each pair's first-order influence.

    Args:
        real: [N, d].
        groups: [N], the group of each real image; at least two.
        before, after: [M, d], row by row the same image; M >= 2.
        strata: [M], the class of each image, at least two of each.
        confidence: of the two-sided interval.
    """
    rows = []  # mean k to the real images, and to the other images
    cross = []  # mean over images of k to each real one
    for features in (before, after):
        to_real = polynomial_kernel(features, real)
        among = polynomial_kernel(features, features)
        np.fill_diagonal(among, 0)
        rows.append((to_real.mean(1), among.sum(1) / (len(features) - 1)))
        cross.append(to_real.mean(0))
    change = cross[1] - cross[0]
    within = [own for _, own in rows]
    value = float(within[1].mean() - within[0].mean() - 2 * change.mean())

    _, member = np.unique(groups, return_inverse=True)
    counts = np.bincount(member)
    number = len(counts)
    left_out = -2 * (change.sum() - np.bincount(member, change)) / (len(real) - counts)
    jackknife = (number - 1) / number * np.sum((left_out - left_out.mean()) ** 2)
    influence = 2 * ((within[1] - rows[1][0]) - (within[0] - rows[0][0]))
    parts = [influence[strata == one] for one in np.unique(strata)]
    spread = sum(len(part) * part.var(ddof=1) for part in parts) / len(influence) ** 2
    half = float(stats.t.ppf((1 + confidence) / 2, number - 1) * np.sqrt(jackknife + spread))
    return Difference(value=value, low=value - half, high=value + half)


def likeness(before: Images, after: Images) -> Likeness:
    """Images [N, H, W] against themselves changed, of the same shape."""
    errors = ((before.astype(np.float64) - after) ** 2).mean((1, 2))
    ratios = 10 * np.log10(255**2 / errors[errors > 0])
    ssim = [
        structural_similarity(one, other, data_range=255)
        for one, other in zip(before, after, strict=True)
    ]
    return Likeness(
        psnr=float(np.median(ratios)) if len(ratios) else None,
        psnr_low=float(np.quantile(ratios, 0.05)) if len(ratios) else None,
        ssim=float(np.median(ssim)),
        ssim_low=float(np.quantile(ssim, 0.05)),
        unchanged=int((errors == 0).sum()),
    )
