"""Time an evaluation: feature extraction against the plain loop, and the whole evaluation."""

import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from model.extracting import efflite0
from model.extracting.weights import check_extractor
from model.extractors import ExtractorConfig
from model.features import extract, load_extractor
from model.metrics import kernel_distance
from model.runtime import cores, processor_name
from model.section import Stored
from pipeline.data.processed import Processed
from pipeline.evaluation.record import EvaluateConfig
from pipeline.evaluation.score import OnProgress, draw_fakes, score_images

Images = NDArray[np.uint8]
Features = NDArray[np.float32]

PLAIN_BATCH = 32
NOISE = 12.0  # grey levels; noised real images replace generated ones


class Extraction(Stored):
    """Extraction by the plain loop and by ours, timed in turn, the best of several rounds.

    Attributes:
        images: per round, half of them real and half noised.
        plain, ours: images per second.
        ratio: ours divided by plain.
        way: the computation that ours used, see `Extractor`.
        greatest_difference: of any feature.
        distance_plain, distance_ours: kernel distance of the real half to the noised half.
    """

    images: int
    plain: float
    ours: float
    ratio: float
    way: str
    greatest_difference: float
    distance_plain: float
    distance_ours: float


class Whole(Stored):
    """An evaluation with every metric, without and with cached features of real images.

    Attributes:
        fakes, real: images whose features were extracted without a cache.
        cold, cached: seconds without and with the cache.
    """

    fakes: int
    real: int
    cold: float
    cached: float


class EvaluateSpeed(Stored):
    """The result of `medloom bench evaluate`, and the machine."""

    processor: str
    cores: int
    extraction: Extraction
    whole: Whole


def evaluate_speed(
    processed: Processed, images: int, fakes: int, tell: OnProgress | None = None
) -> EvaluateSpeed:
    """Both measurements, one after the other; the machine should be idle.

    Args:
        processed: the real images.
        images: number per round of extraction.
        fakes: number in the whole evaluation.
        tell: called with (what, done, total).
    """
    return EvaluateSpeed(
        processor=processor_name("cpu"),
        cores=cores(),
        extraction=time_extraction(_mixed(processed, images), tell=tell),
        whole=time_evaluation(processed, fakes, tell),
    )


def time_extraction(images: Images, rounds: int = 3, tell: OnProgress | None = None) -> Extraction:
    """The plain loop and ours in turn, on the same images in the same process.

    Args:
        images: uint8 [N, H, W], the first half real and the second noised; N >= 4.
        rounds: of each; the best counts, since other load can only slow it down.
        tell: called with (what, done, total).
    """
    config = ExtractorConfig()
    published = efflite0.load_published(_weights(config))
    extractor = load_extractor(config)

    def plain() -> Features:
        starts = range(0, len(images), PLAIN_BATCH)
        chunks = (images[start : start + PLAIN_BATCH] for start in starts)
        return np.concatenate([efflite0.forward_published(published, chunk) for chunk in chunks])

    slow, quick, seconds = plain(), extract(images, config), []
    for done in range(rounds):
        if tell:
            tell("extraction, plain and ours", done, rounds)
        seconds.append((_seconds(plain), _seconds(lambda: extract(images, config))))
    best_plain, best_ours = np.min(seconds, axis=0)
    return Extraction(
        images=len(images),
        plain=float(len(images) / best_plain),
        ours=float(len(images) / best_ours),
        ratio=float(best_plain / best_ours),
        way=extractor.way,
        greatest_difference=float(np.abs(slow - quick).max()),
        distance_plain=_distance_of_halves(slow),
        distance_ours=_distance_of_halves(quick),
    )


def time_evaluation(processed: Processed, fakes: int, tell: OnProgress | None = None) -> Whole:
    """Score noised training images as an evaluation scores generated ones, twice.

    Args:
        processed: the real images.
        fakes: how many in all, over the sampling seeds.
        tell: passed to `score_images`.
    """
    config = EvaluateConfig(n_fake=fakes)
    drawn = draw_fakes(lambda labels, seed: _noised(processed, labels, seed), processed, config)
    with tempfile.TemporaryDirectory() as cache:

        def score() -> object:
            return score_images(drawn, processed, config, "", cache=Path(cache), on_progress=tell)

        cold, cached = _seconds(score), _seconds(score)
    real = len(processed.test.labels) + min(len(processed.train.labels), config.max_train)
    return Whole(fakes=len(drawn.labels), real=real, cold=cold, cached=cached)


def _mixed(processed: Processed, count: int) -> Images:
    """Training images, the first half clean and the second half with noise."""
    half = count // 2
    rows = np.arange(count) % len(processed.train.images)
    chosen = np.asarray(processed.train.images[rows])
    return np.concatenate([chosen[:half], _with_noise(chosen[half:], seed=0)])


def _noised(processed: Processed, labels: Sequence[str], seed: int) -> Images:
    """A sampler: for each label a training image of that class with independent noise."""
    rng = np.random.default_rng([seed, 1])
    train = processed.train
    members = {name: np.flatnonzero(train.labels == i) for i, name in enumerate(processed.classes)}
    rows = np.array([rng.choice(members[label]) for label in labels])
    return _with_noise(train.images[rows], seed)


def _with_noise(images: Images, seed: int) -> Images:
    noise = np.random.default_rng(seed).normal(0, NOISE, images.shape)
    noisy: Images = (images + noise).clip(0, 255).round().astype(np.uint8)
    return noisy


def _weights(config: ExtractorConfig) -> Path:
    weights = check_extractor(config)
    assert weights is not None, "efflite0 has weights"  # noqa: S101 - for the type checker
    return weights


def _seconds(work: Callable[[], object]) -> float:
    started = time.perf_counter()
    work()
    return time.perf_counter() - started


def _distance_of_halves(features: Features) -> float:
    half = len(features) // 2
    return kernel_distance(features[:half], features[half:])
