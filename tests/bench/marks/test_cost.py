"""What a change costs images: their likeness to themselves before."""

import numpy as np
import pytest

from bench.marks.cost import likeness

RNG = np.random.default_rng(0)


def test_likeness_of_noise_is_its_energy() -> None:
    images = RNG.integers(60, 200, (8, 64, 64)).astype(np.uint8)
    changed = images.copy()
    changed[2:] += np.where(RNG.random((6, 64, 64)) < 0.5, 4, 0).astype(np.uint8)
    found = likeness(images, changed)
    assert found.psnr == pytest.approx(10 * np.log10(255**2 / 8), abs=0.3)
    assert found.unchanged == 2
    assert found.psnr is not None
    assert found.psnr_low is not None
    assert found.psnr_low <= found.psnr
    assert found.ssim_low <= found.ssim < 1


def test_images_that_stay_have_no_psnr() -> None:
    images = RNG.integers(0, 255, (2, 64, 64)).astype(np.uint8)
    found = likeness(images, images)
    assert (found.psnr, found.ssim, found.unchanged) == (None, 1.0, 2)
