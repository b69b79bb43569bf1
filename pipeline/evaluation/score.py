"""Score generated images: the `Evaluation` of a candidate or of a champion."""

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from model import metrics
from model.features import extract, extractor_protocol
from model.layouts import Layouts, joined
from model.metrics.ms_ssim import betas_for
from pipeline.base.errors import BadInputError
from pipeline.data.processed import Processed, SplitArrays
from pipeline.evaluation.canonical_statistics import Canonical, canonical
from pipeline.evaluation.class_margin import Features, class_margins
from pipeline.evaluation.copying import copies, nearness
from pipeline.evaluation.coverage import coverage
from pipeline.evaluation.distances import distances
from pipeline.evaluation.diversity import diversity, repeats
from pipeline.evaluation.image_set import LEAST_IMAGES, ImageSet, matched
from pipeline.evaluation.privacy import feature_nearness
from pipeline.evaluation.record import EvaluateConfig, Evaluation, Protocol

Images = NDArray[np.uint8]
Sampler = Callable[[Sequence[str], int], Images]
Commander = Callable[[Sequence[str], int], Layouts | None]
OnProgress = Callable[[str, int, int], None]

_PARTS = 7  # of the metrics, for progress
_LEAST_PER_CLASS = 2  # a variance within a class needs two


@dataclass(frozen=True)
class Fakes:
    """Generated images: uint8 [N, H, W], class index [N], sampling seed [N].

    `layouts` are those that the generator was given; None if it takes none. `made` are those that
    it made beside its images; None if it makes none. `kinds` names the maps of both; these are the
    generator's own kinds, which need not be those of the data that judge it.
    """

    images: Images
    labels: NDArray[np.int64]
    seeds: NDArray[np.int64]
    layouts: Layouts | None = None
    made: Layouts | None = None
    kinds: tuple[str, ...] = ()


@dataclass(frozen=True)
class Scored:
    """An evaluation with the data of its pictures: statistics, and nearest pairs, closest first."""

    evaluation: Evaluation
    canonical: Canonical
    nearest_fakes: NDArray[np.int64]
    nearest_train: NDArray[np.int64]
    nearest_ssim: NDArray[np.float64]


def draw_fakes(
    sampler: Sampler,
    processed: Processed,
    config: EvaluateConfig,
    commander: Commander | None = None,
    maker: Commander | None = None,
) -> Fakes:
    """Draw from a generator in the test split's class mix, for each seed of the protocol.

    Args:
        sampler: class names and a seed in, uint8 [N, H, W] out.
        processed: its test split gives the class mix.
        config: number of images, and the seeds.
        commander: as `sampler`, the layouts that it draws by; None: they are not known.
        maker: likewise, those that it makes beside its images; None: it makes none.
    """
    counts = _class_mix(processed.test.labels, len(processed.classes), config)
    labels = np.repeat(np.arange(len(counts)), counts).astype(np.int64)
    names = [processed.classes[label] for label in labels]
    images = [sampler(names, seed) for seed in config.seeds]
    seeds = np.repeat(np.array(config.seeds, np.int64), len(labels))
    layouts, made = (
        joined([part for seed in config.seeds if (part := of(names, seed)) is not None])
        if of is not None
        else None
        for of in (commander, maker)
    )
    return Fakes(np.concatenate(images), np.tile(labels, len(config.seeds)), seeds, layouts, made)


def score_images(
    fakes: Fakes,
    processed: Processed,
    config: EvaluateConfig,
    model: str,
    *,
    cache: Path | None = None,
    on_progress: OnProgress | None = None,
) -> Scored:
    """Measure generated images against the test split, with the training split as control.

    Args:
        fakes: from `draw_fakes`.
        processed: the real images.
        config: the `evaluate` section.
        model: identity of the generator, for the record.
        cache: folder that caches features of real images by content.
        on_progress: called as (task, done, total).

    Raises:
        BadInputError: sizes differ, or the test split is too small.
    """
    _check(fakes, processed)
    report = on_progress or (lambda _what, _done, _total: None)
    chosen = subset(len(processed.train.labels), config.max_train, config.seed)
    test = real_side(processed.test, slice(None), config, cache, report, "test features")
    train = real_side(processed.train, chosen, config, cache, report, "train features")
    fake = _features_of(fakes, config, report)
    control = matched(train, fake, config.seed)
    parts = iter(range(1, _PARTS + 1))
    report("metrics", 0, _PARTS)
    figures = distances(test, control, fake, config, processed.classes)
    report("metrics", next(parts), _PARTS)
    figures += coverage(test, control, fake, config, processed.classes)
    figures += feature_nearness(fake, test, train, config)
    report("metrics", next(parts), _PARTS)
    margins, matrices = class_margins(
        test, train, control, fake, config, processed.classes, _matched_features(config, cache)
    )
    figures += margins
    report("metrics", next(parts), _PARTS)
    figures += diversity(train, fake, config, processed.classes)
    figures.append(repeats(control, fake, fakes.seeds, config))
    report("metrics", next(parts), _PARTS)
    near = metrics.nearest_ssim(
        fake.images, train.images, fake.features, train.features, config.neighbours
    )
    figures += nearness(near, test, train, config)
    report("metrics", next(parts), _PARTS)
    figures += copies(fake, test, processed.train, config)
    report("metrics", next(parts), _PARTS)
    statistics = canonical(test, control, fake)
    figures += statistics.figures
    report("metrics", next(parts), _PARTS)
    order = np.argsort(-near.score, kind="stable")
    evaluation = Evaluation(
        model=model,
        protocol=protocol_of(fakes, processed, len(train), config),
        figures=tuple(figures),
        group_scores=_group_scores(test, fake, fakes.seeds),
        fake_variance=metrics.fake_term_variance(
            test.features, test.groups, fake.features, fake.labels
        ),
        classes_drawn=tuple(processed.classes[label] for label in np.unique(fakes.labels)),
        statistics=statistics.statistics,
        class_matrices=matrices,
    )
    return Scored(evaluation, statistics, order, chosen[near.which[order]], near.score[order])


def _class_mix(labels: NDArray[np.int64], classes: int, config: EvaluateConfig) -> list[int]:
    """Fakes per class for one seed: in proportion, largest remainders first, at least two."""
    total = config.n_fake // len(config.seeds)
    share = np.bincount(labels, minlength=classes) / len(labels) * total
    counts = np.maximum(np.floor(share).astype(int), _LEAST_PER_CLASS)
    rest = np.argsort(-(share - np.floor(share)), kind="stable")
    for label in rest[: max(total - int(counts.sum()), 0)]:
        counts[label] += 1
    return [int(count) for count in counts]


def _check(fakes: Fakes, processed: Processed) -> None:
    got, wanted = fakes.images.shape[1:], processed.test.images.shape[1:]
    if got != wanted:
        raise BadInputError(f"generated images are {got}, the test split's are {wanted}")
    groups = len(np.unique(processed.test.groups))
    if len(processed.test.labels) < LEAST_IMAGES or groups < 2:
        raise BadInputError(
            f"the test split has {len(processed.test.labels)} images of {groups} groups; at least "
            f"{LEAST_IMAGES} images of 2 groups are needed: ingest more patients"
        )


def subset(total: int, most: int, seed: int) -> NDArray[np.int64]:
    """Sorted indices of at most `most` random rows."""
    rows = np.random.default_rng([seed, 1]).permutation(total)[:most]
    return np.sort(rows).astype(np.int64)


def real_side(
    split: SplitArrays,
    rows: NDArray[np.int64] | slice,
    config: EvaluateConfig,
    cache: Path | None,
    report: OnProgress,
    what: str,
) -> ImageSet:
    """Some real images of a split with their features, cached by content."""
    images = np.ascontiguousarray(split.images[rows])
    found = extract(
        images,
        config.extractor,
        cache_folder=cache,
        progress=lambda done, total: report(what, done, total),
    )
    return ImageSet(images, split.labels[rows], split.groups[rows], found.astype(np.float64))


def _matched_features(config: EvaluateConfig, cache: Path | None) -> Features:
    def features(images: Images, real: bool) -> NDArray[np.float64]:
        kept = cache if real else None
        return extract(images, config.extractor, cache_folder=kept).astype(np.float64)

    return features


def _features_of(fakes: Fakes, config: EvaluateConfig, report: OnProgress) -> ImageSet:
    found = extract(
        fakes.images,
        config.extractor,
        progress=lambda done, total: report("generated features", done, total),
    )
    no_groups = np.full(len(fakes.labels), "", dtype=np.str_)
    return ImageSet(fakes.images, fakes.labels, no_groups, found.astype(np.float64))


def _group_scores(
    test: ImageSet, fake: ImageSet, seeds: NDArray[np.int64]
) -> dict[str, tuple[float, ...]]:
    by_seed = [
        metrics.kernel_distance_by_group(test.features, test.groups, fake.features[seeds == seed])
        for seed in np.unique(seeds)
    ]
    return {group: tuple(scores[group] for scores in by_seed) for group in by_seed[0]}


def protocol_of(
    fakes: Fakes, processed: Processed, trained: int, config: EvaluateConfig
) -> Protocol:
    """How the figures of these images are made; `trained` training images have features."""
    counts = np.bincount(fakes.labels, minlength=len(processed.classes))
    side = fakes.images.shape[1]
    extractor = extractor_protocol(config.extractor)
    return Protocol(
        extractor=extractor["extractor"],
        weights_sha256=extractor["weights_sha256"],
        resize=extractor["resize"],
        fast_path=extractor["fast_path"],
        image_size=side,
        classes=processed.classes,
        real_sha256=_hash(processed.test),
        train_sha256=_hash(processed.train),
        n_real=len(processed.test.labels),
        n_fake={name: int(n) for name, n in zip(processed.classes, counts, strict=True)},
        n_train=trained,
        seeds=config.seeds,
        seed=config.seed,
        pairs=config.pairs,
        neighbours=config.neighbours,
        prdc_k=config.prdc_k,
        copy_correlation=config.copy_correlation,
        ms_ssim_betas=tuple(round(beta, 6) for beta in betas_for(side)),
        region=processed.view,
    )


def _hash(split: SplitArrays) -> str:
    """Identity of a reference set: its images' ids, labels and groups, in any order."""
    rows = zip(split.ids.tolist(), split.labels.tolist(), split.groups.tolist(), strict=True)
    text = "\n".join(f"{id_} {label} {group}" for id_, label, group in sorted(rows))
    digest = hashlib.sha256(text.encode())
    return digest.hexdigest()
