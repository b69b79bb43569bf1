"""The Inception-v3 of FID, from torch-fidelity, an optional package; weights are given by path.

Images are resized to the network's 299 px before, so the resize inside it has no effect.
"""

from importlib import import_module
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from .extractor import Extractor, resized

FEATURES = 2048
INPUT_SIDE = 299


def load(weights: Path) -> Extractor:
    """The published network, in float32.

    Args:
        weights: a state dict of it, whose sha256 must have been checked, because the package
            unpickles it without restrictions.
    """
    package = import_module("torch_fidelity.feature_extractor_inceptionv3")
    network = package.FeatureExtractorInceptionV3(
        "inception-v3-compat", [str(FEATURES)], feature_extractor_weights_path=str(weights)
    ).to(memory_format=torch.channels_last)

    def forward(images: NDArray[np.uint8]) -> NDArray[np.float32]:
        with torch.inference_mode():
            inputs = resized(images, INPUT_SIDE).to(torch.uint8).expand(-1, 3, -1, -1)
            features: NDArray[np.float32] = network(inputs)[0].numpy()
            return features

    return Extractor(FEATURES, forward, "plain")
