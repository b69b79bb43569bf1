"""The plumbing of inception, with weights drawn at random in the place of the published ones."""

import hashlib
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from model.extracting.inception import FEATURES
from model.extractors import ExtractorConfig
from model.features import extract, extractor_protocol, load_extractor


@pytest.fixture(scope="module")
def package() -> Any:
    """Imported here, as it takes 2 s and every worker collects this file."""
    return pytest.importorskip(
        "torch_fidelity.feature_extractor_inceptionv3", reason="the optional extra `inception`"
    )


@pytest.fixture(scope="module")
def config(package: Any, tmp_path_factory: pytest.TempPathFactory) -> ExtractorConfig:
    """A file of random weights, pinned by its own hash."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(package, "load_state_dict_from_url", lambda *_a, **_k: {})
        patch.setattr(torch.nn.Module, "load_state_dict", lambda *_a, **_k: None)
        torch.manual_seed(0)
        network = package.FeatureExtractorInceptionV3("any", ["2048"])
    file = tmp_path_factory.mktemp("weights") / "inception.pth"
    torch.save(network.state_dict(), file)
    sha256 = hashlib.sha256(file.read_bytes()).hexdigest()
    return ExtractorConfig(name="inception", path=str(file), sha256=sha256)


@pytest.fixture(scope="module")
def images() -> NDArray[np.uint8]:
    return np.random.default_rng(0).integers(0, 256, (3, 32, 32), dtype=np.uint8)


def test_features_are_those_of_the_package_on_images_of_its_own_size(
    package: Any, config: ExtractorConfig, images: NDArray[np.uint8]
) -> None:
    found = extract(images, config)
    assert found.shape == (3, FEATURES)
    assert found.min() >= 0
    assert len(np.unique(found, axis=0)) == 3
    network = package.FeatureExtractorInceptionV3(
        "any", ["2048"], feature_extractor_weights_path=config.path
    )
    big = torch.nn.functional.interpolate(
        torch.tensor(images)[:, None].float(), size=[299, 299], mode="bicubic", antialias=True
    )
    inputs = big.clamp(0, 255).round().to(torch.uint8).repeat(1, 3, 1, 1)
    np.testing.assert_allclose(found, network(inputs)[0].numpy(), rtol=1e-3, atol=1e-5)


def test_it_says_that_the_published_computation_runs(config: ExtractorConfig) -> None:
    assert load_extractor(config).way == "plain"
    assert extractor_protocol(config)["fast_path"] == "none"
    assert extractor_protocol(config)["weights_sha256"] == config.sha256
