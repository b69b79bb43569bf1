"""Canonical statistics against closed forms and libraries, and what they say of planted faults."""

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy import ndimage, stats
from skimage.feature import graycomatrix, graycoprops
from skimage.measure import shannon_entropy

from model.metrics import CanonicalStatistics, canonical_statistics, compare_statistics
from model.metrics.canonical import _holm

Images = NDArray[np.uint8]

NAMES = (
    "mean",
    "std",
    "skewness",
    "kurtosis",
    "entropy",
    "psd_slope",
    "glcm_contrast",
    "glcm_correlation",
    "glcm_homogeneity",
    "morans_i",
    "object_count",
    "object_area",
    "object_eccentricity",
)


def clouds(seed: int, number: int, side: int = 48, sigma: float = 2.0) -> Images:
    noise = np.random.default_rng(seed).normal(size=(number, side, side))
    smooth = ndimage.gaussian_filter(noise, (0, sigma, sigma), mode="wrap") * 2 * sigma
    images: Images = (110 + 45 * smooth).clip(0, 255).round().astype(np.uint8)
    return images


def discs(radius: float, *centres: tuple[int, int], side: int = 64, stretch: float = 1.0) -> Images:
    y, x = np.indices((side, side))
    inside = [((y - a) / stretch) ** 2 + (x - b) ** 2 <= radius**2 for a, b in centres]
    image: Images = np.where(np.any(inside, axis=0), 200, 20).astype(np.uint8)
    return image


@pytest.fixture(scope="module")
def cloud_statistics() -> CanonicalStatistics:
    return canonical_statistics(clouds(0, 60))


def test_every_statistic_is_there_for_every_image(cloud_statistics: CanonicalStatistics) -> None:
    assert tuple(cloud_statistics.per_image) == NAMES
    for name, values in cloud_statistics.per_image.items():
        assert values.shape == (60,), name
        assert values.dtype == np.float64, name
        assert values.std() > 0, name


def test_first_order_agrees_with_scipy(cloud_statistics: CanonicalStatistics) -> None:
    flat = clouds(0, 60).reshape(60, -1).astype(float)
    found = cloud_statistics.per_image
    np.testing.assert_allclose(found["mean"], flat.mean(1))
    np.testing.assert_allclose(found["std"], flat.std(1))
    np.testing.assert_allclose(found["skewness"], stats.skew(flat, axis=1), atol=1e-12)
    np.testing.assert_allclose(found["kurtosis"], stats.kurtosis(flat, axis=1), atol=1e-12)
    entropy = [shannon_entropy(image) for image in clouds(0, 60)]
    np.testing.assert_allclose(found["entropy"], entropy)


def test_texture_agrees_with_one_image_at_a_time(cloud_statistics: CanonicalStatistics) -> None:
    image = clouds(0, 60)[17]
    matrix = graycomatrix(image // 8, [1], [0, np.pi / 2], 32, symmetric=True, normed=True)
    for name in ("contrast", "correlation", "homogeneity"):
        expected = graycoprops(matrix, name).mean()
        assert cloud_statistics.per_image[f"glcm_{name}"][17] == pytest.approx(expected)


def test_morans_i_pair_by_pair() -> None:
    image = clouds(1, 2, side=16)
    z = image[0] - image[0].mean()
    steps = [(0, 1), (1, 0), (0, -1), (-1, 0)]
    products = [
        z[y, x] * z[y + dy, x + dx]
        for y in range(16)
        for x in range(16)
        for dy, dx in steps
        if 0 <= y + dy < 16 and 0 <= x + dx < 16
    ]
    expected = z.size / len(products) * np.sum(products) / np.sum(z**2)
    assert canonical_statistics(image).per_image["morans_i"][0] == pytest.approx(expected)


def test_objects_are_counted_measured_and_told_round_from_long() -> None:
    one = discs(8, (32, 32))
    three = discs(5, (12, 12), (12, 50), (50, 30))
    long = discs(6, (32, 32), stretch=3)
    specks = discs(5, (20, 20)) | discs(1, (50, 50), (50, 10))
    found = canonical_statistics(np.stack([one, three, long, specks])).per_image
    assert found["object_count"].tolist() == [1, 3, 1, 3]
    assert found["object_area"][0] == pytest.approx(np.pi * 64 / 4096, rel=0.03)
    assert found["object_area"][1] == pytest.approx(np.pi * 25 / 4096, rel=0.05)
    assert found["object_eccentricity"][0] < 0.05
    assert found["object_eccentricity"][2] == pytest.approx(np.sqrt(1 - 1 / 9), abs=0.02)


def test_specks_are_no_objects() -> None:
    image = discs(5, (20, 20))
    image[50, 50:53] = 200  # three pixels of 4,096
    assert canonical_statistics(np.stack([image] * 2)).per_image["object_count"].tolist() == [1, 1]


def test_objects_that_touch_at_a_corner_are_one() -> None:
    image = np.zeros((32, 32), np.uint8)
    image[4:10, 4:10] = image[10:16, 10:16] = 200
    assert canonical_statistics(np.stack([image] * 2)).per_image["object_count"].tolist() == [1, 1]


def test_the_step_between_opposite_borders_is_no_detail() -> None:
    """A ramp is smooth; repeated without a window it would be a sawtooth, of slope near -2."""
    ramp = np.broadcast_to(np.arange(64, dtype=np.uint8) * 4, (2, 64, 64))
    assert canonical_statistics(ramp).psd_slope < -4


@pytest.mark.parametrize("slope", [-1.0, -2.0, -3.0])
def test_slope_of_a_known_power_law(slope: float) -> None:
    side, rng = 64, np.random.default_rng(2)
    radius = np.hypot(*np.meshgrid(np.fft.fftfreq(side), np.fft.fftfreq(side)))
    radius[0, 0] = np.inf
    noise = np.fft.fft2(rng.normal(size=(40, side, side)))
    fields = np.fft.ifft2(noise * radius ** (slope / 2)).real
    fields *= 40 / fields.std((1, 2), keepdims=True)
    found = canonical_statistics((fields + 128).clip(0, 255).round().astype(np.uint8))
    assert found.psd_slope == pytest.approx(slope, abs=0.1)
    assert np.median(found.per_image["psd_slope"]) == pytest.approx(slope, abs=0.15)


def test_spectrum_of_white_noise_is_its_variance_everywhere() -> None:
    images = np.random.default_rng(3).integers(0, 256, (80, 32, 32), dtype=np.uint8)
    found = canonical_statistics(images)
    np.testing.assert_allclose(found.spectrum[1:], images.var(), rtol=0.1)
    np.testing.assert_allclose(found.frequency, np.arange(1, 17) / 32)
    assert found.autocovariance[0] == pytest.approx(images.var(), rel=0.05)
    assert np.abs(found.autocovariance[1:]).max() < 0.02 * images.var()
    assert found.eigenvalues.sum() == pytest.approx(images.var(0, ddof=1).sum(), rel=1e-9)


def test_autocovariance_pair_by_pair() -> None:
    images = clouds(4, 5, side=16)
    away = images - images.mean(0)
    across = (away[:, :, 1:] * away[:, :, :-1]).sum(0) / 4
    down = (away[:, 1:] * away[:, :-1]).sum(0) / 4
    right = (away[:, 1:, 1:] * away[:, :-1, :-1]).sum(0) / 4
    left = (away[:, 1:, :-1] * away[:, :-1, 1:]).sum(0) / 4
    # The ring at lag 1 has four places straight and four aslant (1.41 rounds to 1).
    expected = np.mean([part.mean() for part in (across, down, right, left)])
    found = canonical_statistics(images).autocovariance
    assert found[0] == pytest.approx(images.var(0, ddof=1).mean())
    assert found[1] == pytest.approx(expected)


def test_mean_image_and_histogram_and_eigenvalues(cloud_statistics: CanonicalStatistics) -> None:
    images = clouds(0, 60)
    np.testing.assert_allclose(cloud_statistics.mean_image, images.mean(0))
    shares = np.bincount(images.ravel(), minlength=256) / images.size
    np.testing.assert_allclose(cloud_statistics.histogram, shares)
    halves = images.reshape(60, 24, 2, 24, 2).mean((2, 4)).reshape(60, -1)  # 48 px come down to 24
    singular = np.linalg.svd(halves - halves.mean(0), compute_uv=False) ** 2 / 59
    np.testing.assert_allclose(cloud_statistics.eigenvalues[:59], singular[:59], rtol=1e-6)
    assert len(cloud_statistics.eigenvalues) == 24 * 24


def test_images_of_one_grey_level() -> None:
    found = canonical_statistics(np.full((3, 20, 16), 9, np.uint8))
    values = {name: value.tolist() for name, value in found.per_image.items()}
    ones = {"glcm_correlation", "glcm_homogeneity"}
    expected = {name: [1.0 if name in ones else 0.0] * 3 for name in NAMES}
    assert values == expected | {"mean": [9.0] * 3}


def test_order_of_images_and_chunks_do_not_matter(
    cloud_statistics: CanonicalStatistics, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("model.metrics.canonical._ROWS", 7)
    found = canonical_statistics(clouds(0, 60)[::-1])
    for name, values in found.per_image.items():
        np.testing.assert_allclose(values[::-1], cloud_statistics.per_image[name], err_msg=name)
    ensemble = (list(s)[:-1] for s in (found, cloud_statistics))
    for value, expected in zip(*ensemble, strict=True):
        np.testing.assert_allclose(value, expected, rtol=1e-8, atol=1e-8)


def test_a_set_against_itself_and_against_another_of_its_kind(
    cloud_statistics: CanonicalStatistics,
) -> None:
    same = compare_statistics(cloud_statistics, cloud_statistics)
    assert tuple(same[1:]) == (0, 0, 0, 0, 0)
    assert all(c.ks == 0 and c.p_holm == 1 for c in same.per_image.values())
    alike = compare_statistics(cloud_statistics, canonical_statistics(clouds(5, 60)))
    assert min(c.p_holm for c in alike.per_image.values()) > 0.05
    assert max(c.outside_envelope for c in alike.per_image.values()) < 0.2


def test_planted_faults_are_told_apart(cloud_statistics: CanonicalStatistics) -> None:
    brighter = compare_statistics(cloud_statistics, canonical_statistics(clouds(6, 50) // 2 + 80))
    assert brighter.per_image["std"].p_holm < 1e-6
    assert brighter.per_image["std"].outside_envelope == 1
    assert brighter.histogram_emd > 15
    assert brighter.mean_image_rms > 15
    sharp, soft = (canonical_statistics(clouds(7, 50, sigma=sigma)) for sigma in (0.7, 1.0))
    blurred = compare_statistics(sharp, soft)
    assert blurred.per_image["morans_i"].p_holm < 1e-6
    assert blurred.per_image["psd_slope"].p_holm < 1e-6
    assert blurred.psd_slope_difference < -0.5
    assert blurred.autocovariance_difference > 0.1
    one = np.repeat(clouds(8, 1), 50, axis=0)
    collapsed = compare_statistics(cloud_statistics, canonical_statistics(one))
    assert collapsed.eigenvalue_difference == pytest.approx(1)
    assert collapsed.autocovariance_difference == pytest.approx(1)


def test_figures_of_a_comparison_by_their_definitions(
    cloud_statistics: CanonicalStatistics,
) -> None:
    fake = clouds(9, 40)
    fake[:10] = fake[:10] // 4
    found = compare_statistics(cloud_statistics, canonical_statistics(fake))
    real = clouds(0, 60)
    means = (images.reshape(len(images), -1).mean(1) for images in (real, fake))
    real_means, fake_means = means
    expected = stats.ks_2samp(real_means, fake_means, method="asymp")
    assert found.per_image["mean"].ks == pytest.approx(expected.statistic)
    assert found.per_image["mean"].p_value == pytest.approx(expected.pvalue)
    low, high = np.quantile(real_means, [0.01, 0.99])
    outside = np.mean((fake_means < low) | (fake_means > high))
    assert outside > 0.2
    assert found.per_image["mean"].outside_envelope == pytest.approx(outside)
    emd = stats.wasserstein_distance(real.ravel(), fake.ravel())
    assert found.histogram_emd == pytest.approx(emd)


def test_holm_by_the_worked_example() -> None:
    """m = 4: the smallest times 4, the next times 3, …; a later one is never below an earlier."""
    corrected = _holm(np.array([0.04, 0.01, 0.03, 0.005]))
    np.testing.assert_allclose(corrected, [0.06, 0.03, 0.06, 0.02])
    assert _holm(np.array([0.9, 0.8])).tolist() == [1, 1]


def test_refuses_what_it_cannot_judge(cloud_statistics: CanonicalStatistics) -> None:
    with pytest.raises(ValueError, match="uint8"):
        canonical_statistics(np.zeros((4, 32, 32)))  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="uint8"):
        canonical_statistics(clouds(0, 1))
    with pytest.raises(ValueError, match="16 px"):
        canonical_statistics(np.zeros((4, 32, 15), np.uint8))
    with pytest.raises(ValueError, match="sizes differ"):
        compare_statistics(cloud_statistics, canonical_statistics(clouds(0, 2, side=32)))
