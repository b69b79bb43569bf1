"""Radiomics: textbook values, fixed bounds, and numbers that cannot change under one rule."""

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy import stats
from scipy.ndimage import gaussian_filter

from model.extracting.radiomics import FEATURES, co_occurrence, first_order, forward
from model.extractors import RADIOMICS_SHA256, ExtractorConfig
from model.features import extract
from model.metrics import kernel_distance

Images = NDArray[np.uint8]


def textured(count: int, seed: int, blur: float) -> Images:
    rng = np.random.default_rng(seed)
    fields = gaussian_filter(rng.normal(size=(count, 32, 32)), (0, blur, blur))
    levels = 128 + 50 * fields / fields.std()
    images: Images = levels.clip(0, 255).round().astype(np.uint8)
    return images


def test_first_order_is_what_scipy_says() -> None:
    (image,) = textured(1, 0, 1.0)
    x = image.ravel() / 255
    found = first_order(image)
    skewness, kurtosis = stats.skew(x), stats.kurtosis(x, fisher=False)
    assert found[0] == pytest.approx(x.mean())
    assert found[1] == pytest.approx(2 * x.std())
    assert found[2] == pytest.approx(skewness / (1 + abs(skewness)))
    assert found[3] == pytest.approx(kurtosis / (kurtosis + 3))
    shares = np.histogram(image, bins=16, range=(0, 256))[0] / image.size
    assert found[4] == pytest.approx(stats.entropy(shares, base=16))
    np.testing.assert_allclose(found[5:], np.percentile(x, [10, 25, 50, 75, 90]))


def test_stripes_have_the_co_occurrence_that_pencil_and_paper_give() -> None:
    """Columns 0 255 0 255 …: at distance 1 levels differ by 15 at 0, 45 and 135 degrees."""
    stripes = np.tile(np.array([0, 255], np.uint8), (32, 16))
    contrast, dissimilarity, homogeneity, energy, correlation, entropy = (
        co_occurrence(stripes).reshape(6, 3).T[0]
    )
    assert contrast == pytest.approx(np.sqrt(0.75))
    assert dissimilarity == pytest.approx(0.75)
    assert homogeneity == pytest.approx(0.25 + 0.75 / (1 + 15**2))
    assert energy == pytest.approx(np.sqrt(0.5))
    assert correlation == pytest.approx(-0.5, abs=1e-6)
    assert entropy == pytest.approx(1 / 8)


@pytest.mark.parametrize("name", ["black", "white", "noise", "point"])
def test_every_feature_stays_in_its_bounds(name: str) -> None:
    image = np.zeros((32, 32), np.uint8)
    if name == "white":
        image[:] = 255
    elif name == "noise":
        image = np.random.default_rng(0).integers(0, 256, (32, 32), dtype=np.uint8)
    elif name == "point":
        image[9, 9] = 255
    found = forward(image[None])
    assert found.shape == (1, FEATURES)
    assert np.isfinite(found).all()
    assert np.abs(found).max() <= 1 + 1e-6


def test_the_numbers_belong_to_the_rule() -> None:
    """A change of either without the other would compare what is not comparable."""
    assert RADIOMICS_SHA256.startswith("76f79e05853d8584")
    found = forward(textured(1, 3, 1.5))[0]
    np.testing.assert_allclose(
        found[[0, 1, 4, 10, 13, 16, 19, 22, 25]],
        [0.539691, 0.390185, 0.908104, 0.121490, 0.094021, 0.473272, 0.125577, 0.826454, 0.793660],
        atol=1e-6,
    )


def test_features_do_not_depend_on_what_they_are_computed_beside() -> None:
    first, others = textured(4, 0, 1.0), textured(20, 1, 3.0)
    alone = extract(first, ExtractorConfig(name="radiomics"))
    beside = extract(np.concatenate([first, others]), ExtractorConfig(name="radiomics"))
    np.testing.assert_array_equal(alone, beside[:4])


def test_texture_is_told_apart_and_equal_texture_is_not() -> None:
    config = ExtractorConfig(name="radiomics")
    sharp, again, smooth = (
        extract(textured(60, seed, blur), config) for seed, blur in ((0, 1.0), (1, 1.0), (2, 1.4))
    )
    assert kernel_distance(sharp, smooth) > 10 * abs(kernel_distance(sharp, again))
