"""MS-SSIM against two libraries, and what it says of a collapsed generator."""

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from skimage.metrics import structural_similarity
from torch import Tensor
from torchmetrics.functional.image import structural_similarity_index_measure

from model.metrics import ms_ssim, ms_ssim_within_class
from model.metrics.ms_ssim import betas_for


def smooth(seed: int, number: int, side: int = 64) -> NDArray[np.uint8]:
    noise = np.random.default_rng(seed).normal(size=(number, side, side)).cumsum(1).cumsum(2)
    low, high = noise.min((1, 2), keepdims=True), noise.max((1, 2), keepdims=True)
    images: NDArray[np.uint8] = (255 * (noise - low) / (high - low)).astype(np.uint8)
    return images


def halved(images: Tensor) -> Tensor:
    return torch.nn.functional.avg_pool2d(images, 2)


@pytest.mark.parametrize("side", [64, 128, 180])
def test_agrees_with_the_libraries_scale_by_scale(side: int) -> None:
    """Structure by torchmetrics, the coarsest scale by scikit-image.

    torchmetrics' own MS-SSIM is no reference: at the coarsest scale it counts windows that reach
    over the reflected border, which at 16 px is most of them (0.90 against 0.84 for these images).
    """
    x, y = smooth(1, 4, side), smooth(2, 4, side)
    y = (0.7 * x + 0.3 * y).astype(np.uint8)
    a, b = (torch.from_numpy(images)[:, None].double() for images in (x, y))
    expected, betas = torch.ones(4).double(), betas_for(side)
    for beta in betas[:-1]:
        _, structure = structural_similarity_index_measure(
            a, b, data_range=255.0, reduction="none", return_contrast_sensitivity=True
        )
        expected *= structure**beta
        a, b = halved(a), halved(b)
    pairs = zip(a[:, 0].numpy(), b[:, 0].numpy(), strict=True)
    project = {"gaussian_weights": True, "sigma": 1.5, "use_sample_covariance": False}
    last = [structural_similarity(left, right, data_range=255, **project) for left, right in pairs]
    expected *= torch.tensor(last) ** betas[-1]
    np.testing.assert_allclose(ms_ssim(x, y), expected.numpy(), atol=1e-5)


def test_scales_follow_the_side() -> None:
    assert betas_for(64) == pytest.approx((0.0711, 0.4530, 0.4760), abs=1e-4)
    assert [len(betas_for(side)) for side in (11, 32, 64, 128, 176, 512)] == [1, 2, 3, 4, 5, 5]
    with pytest.raises(ValueError, match="11 px"):
        betas_for(10)


def test_identical_is_one_and_symmetric() -> None:
    x, y = smooth(3, 3), smooth(4, 3)
    np.testing.assert_allclose(ms_ssim(x, x), 1)
    np.testing.assert_allclose(ms_ssim(x, y), ms_ssim(y, x))


def test_a_collapsed_class_stands_out() -> None:
    images = smooth(5, 40)
    labels = np.repeat([0, 1], 20)
    images[labels == 1] = images[-1]
    result = ms_ssim_within_class(images, labels, seed=0, pairs=50)
    assert result.per_class[1] == pytest.approx(1)
    assert result.per_class[0] < 0.6
    assert result.mean == pytest.approx(np.mean(list(result.per_class.values())))


def test_seeded_and_classes_have_their_own_streams() -> None:
    images, labels = smooth(6, 30), np.repeat([0, 1], 15)
    both = ms_ssim_within_class(images, labels, seed=1, pairs=20)
    assert both == ms_ssim_within_class(images, labels, seed=1, pairs=20)
    assert both != ms_ssim_within_class(images, labels, seed=2, pairs=20)
    alone = ms_ssim_within_class(images[15:], labels[15:], seed=1, pairs=20)
    assert alone.per_class[1] == both.per_class[1]


def test_an_image_is_never_paired_with_itself() -> None:
    pair = smooth(7, 2)
    result = ms_ssim_within_class(pair, [0, 0], seed=0, pairs=30)
    assert result.mean == pytest.approx(float(ms_ssim(pair[:1], pair[1:])[0]))
    assert result.standard_error == pytest.approx(0, abs=1e-9)


def test_needs_a_class_with_two_images() -> None:
    with pytest.raises(ValueError, match="two images"):
        ms_ssim_within_class(smooth(8, 2), [0, 1], seed=0)
