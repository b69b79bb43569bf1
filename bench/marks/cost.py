"""What a change of generated images costs them: in PSNR and in SSIM."""

import numpy as np
from numpy.typing import NDArray
from skimage.metrics import structural_similarity

from model.section import Stored

Images = NDArray[np.uint8]


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
