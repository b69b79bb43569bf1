"""Nearest neighbours by SSIM and by correlation: copies are found, strangers are not."""

import numpy as np
import pytest
from numpy.typing import NDArray
from skimage.metrics import structural_similarity

from model.metrics import best_correlation, nearest_ssim
from model.metrics.nearest import nearest_rows, squared_distances


def blobs(seed: int, number: int, side: int = 48) -> NDArray[np.uint8]:
    rng = np.random.default_rng(seed)
    axis = np.arange(side)
    centre = rng.uniform(8, side - 8, size=(number, 2, 6))
    squares = (axis[:, None, None] - centre[:, 0, None, None, :]) ** 2
    squares = squares + (axis[None, :, None] - centre[:, 1, None, None, :]) ** 2
    images: NDArray[np.uint8] = (160 * np.exp(-squares / 12).sum(-1)).clip(0, 250).astype(np.uint8)
    return images


def flat(images: NDArray[np.uint8]) -> NDArray[np.float64]:
    return images.reshape(len(images), -1).astype(float)


def test_a_copy_has_ssim_one_and_names_its_source() -> None:
    gallery = blobs(0, 30)
    result = nearest_ssim(gallery[[7, 21]], gallery, flat(gallery[[7, 21]]), flat(gallery))
    np.testing.assert_allclose(result.score, 1)
    assert result.which.tolist() == [7, 21]


def test_best_of_all_neighbours_is_the_exhaustive_best() -> None:
    queries, gallery = blobs(1, 5), blobs(2, 12)
    result = nearest_ssim(queries, gallery, flat(queries), flat(gallery), neighbours=12)
    project = {"gaussian_weights": True, "sigma": 1.5, "use_sample_covariance": False}
    table = [
        [structural_similarity(q, g, data_range=255, **project) for g in gallery] for q in queries
    ]
    np.testing.assert_array_equal(result.score, np.max(table, axis=1))
    assert result.which.tolist() == np.argmax(table, axis=1).tolist()


def test_one_pair_is_scikit_image_to_the_last_bit() -> None:
    """And that in turn is Wang's formula: Gaussian weights, sigma 1.5, biased covariances."""
    a, b = blobs(11, 1), blobs(12, 1)
    found = nearest_ssim(a, b, flat(a), flat(b), neighbours=1).score[0]
    assert found == structural_similarity(
        a[0], b[0], data_range=255, gaussian_weights=True, sigma=1.5, use_sample_covariance=False
    )
    assert found != structural_similarity(a[0], b[0], data_range=255), "a 7 x 7 box is another SSIM"


def test_more_neighbours_than_gallery_images_means_all() -> None:
    queries, gallery = blobs(13, 2), blobs(14, 3)
    few, many = (nearest_ssim(queries, gallery, flat(queries), flat(gallery), k) for k in (3, 50))
    np.testing.assert_array_equal(few.score, many.score)


def test_nearest_rows_are_the_sorted_distances() -> None:
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(600, 9)) + 50, rng.normal(size=(40, 9)) + 50
    table = np.linalg.norm(x[:, None] - y, axis=2)
    found = nearest_rows(x, y, 6)
    np.testing.assert_allclose(found.distance, np.sort(table, axis=1)[:, :6], rtol=1e-12)
    np.testing.assert_array_equal(found.which, np.argsort(table, axis=1)[:, :6])
    blocks = [block for _, block in squared_distances(x, y)]
    assert len(blocks) == 2
    np.testing.assert_allclose(np.concatenate(blocks), table**2, rtol=1e-8)


def test_a_copy_is_at_distance_zero_exactly_and_ties_go_to_the_earlier() -> None:
    y = np.random.default_rng(1).normal(size=(30, 200)) + 1000
    y[20] = y[4]
    found = nearest_rows(y[[4, 7]], y, 2)
    assert found.distance[0].tolist() == [0, 0]
    assert found.which[0].tolist() == [4, 20]
    assert found.distance[1, 0] == 0
    assert found.which[1, 0] == 7


def test_not_more_neighbours_than_rows() -> None:
    with pytest.raises(ValueError, match="4 neighbours"):
        nearest_rows(np.zeros((2, 3)), np.zeros((3, 3)), 4)


def test_order_of_queries_does_not_matter() -> None:
    queries, gallery = blobs(3, 6), blobs(4, 20)
    forward = nearest_ssim(queries, gallery, flat(queries), flat(gallery), 3)
    back = nearest_ssim(queries[::-1], gallery, flat(queries[::-1]), flat(gallery), 3)
    np.testing.assert_array_equal(forward.score, back.score[::-1])


@pytest.mark.parametrize("shift", [(0, 0), (2, -2), (-1, 2)])
@pytest.mark.parametrize("gain", [0.95, 1.0, 1.02])
def test_a_shifted_brightened_copy_correlates(shift: tuple[int, int], gain: float) -> None:
    gallery = blobs(5, 25)
    fake = (np.roll(gallery[9], shift, axis=(0, 1)) * gain).astype(np.uint8)[None]
    result = best_correlation(fake, gallery)
    assert result.score[0] > 0.99
    assert result.which[0] == 9


def test_a_larger_shift_and_a_stranger_do_not() -> None:
    gallery = blobs(6, 25)
    moved = np.roll(gallery[3], 9, axis=0)[None]
    assert best_correlation(moved, gallery).score[0] < 0.96
    assert best_correlation(blobs(7, 8), gallery).score.max() < 0.96


def test_correlation_agrees_with_numpy_and_survives_constant_images() -> None:
    queries, gallery = blobs(8, 3), blobs(9, 4)
    expected = np.corrcoef(flat(queries), flat(gallery))[:3, 3:].max(1)
    np.testing.assert_allclose(best_correlation(queries, gallery, shift=0).score, expected, 1e-5)
    assert best_correlation(np.full((1, 48, 48), 9, np.uint8), gallery).score[0] == 0


def test_sizes_must_match() -> None:
    with pytest.raises(ValueError, match="sizes differ"):
        best_correlation(blobs(0, 1, 32), blobs(0, 1, 48))
