"""The figures of an evaluation: each metric beside what real images score in the same place."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from model import metrics
from pipeline.processed import SplitArrays
from pipeline.scores import (
    CLOSE,
    COPIES,
    DIVERSITY,
    FRECHET,
    KERNEL,
    NEAREST,
    EvaluateConfig,
    Figure,
)

Images = NDArray[np.uint8]

LEAST_IMAGES = 20
"""Images a side below which a class has no distance of its own."""

_THUMBNAIL = 32  # pixels at which copies are looked for; one pixel of shift is 2 at 64


@dataclass(frozen=True)
class Side:
    """Images with what the metrics read of them, row by row.

    Attributes:
        images: uint8 [N, H, W].
        labels: class index [N].
        groups: patient or near-duplicate group [N]; empty names for generated images.
        features: float64 [N, d].
    """

    images: Images
    labels: NDArray[np.int64]
    groups: NDArray[np.str_]
    features: NDArray[np.float64]

    def of(self, rows: NDArray[np.bool_] | NDArray[np.int64]) -> "Side":
        """The chosen rows."""
        return Side(self.images[rows], self.labels[rows], self.groups[rows], self.features[rows])

    def __len__(self) -> int:
        return len(self.labels)


def distances(
    test: Side, train: Side, fake: Side, config: EvaluateConfig, classes: tuple[str, ...]
) -> list[Figure]:
    """Kernel and Frechet distances, over all and by class, with both floors."""
    floor_side = _matched(train, fake, config.seed)
    figures = _pair_of_distances(None, test, floor_side, fake, config)
    for label, name in enumerate(classes):
        real, learned, made = (side.of(side.labels == label) for side in (test, floor_side, fake))
        if min(len(real), len(learned), len(made)) >= LEAST_IMAGES:
            figures += _pair_of_distances(name, real, learned, made, config)
    return figures


def _pair_of_distances(
    label: str | None, test: Side, train: Side, fake: Side, config: EvaluateConfig
) -> list[Figure]:
    halves = _halves(test, config.seed)
    low = high = None
    if len(np.unique(test.groups)) > 1:
        low, high = metrics.kernel_distance_interval(
            test.features, test.groups, fake.features, fake.labels
        )
    figures = []
    for metric, short, measure in (
        (KERNEL, "kd", metrics.kernel_distance),
        (FRECHET, "fd", metrics.frechet_distance),
    ):
        figures.append(
            Figure(
                metric=metric,
                label=label,
                protocol=f"{short}_{config.extractor.name}_n{len(fake)}",
                value=measure(test.features, fake.features),
                floor=measure(test.features, train.features),
                halves=measure(*(half.features for half in halves)) if halves else None,
                low=low if metric == KERNEL else None,
                high=high if metric == KERNEL else None,
                n_real=len(test),
                n_fake=len(fake),
            )
        )
    return figures


def _matched(train: Side, fake: Side, seed: int) -> Side:
    """Training images, as many of each class as there are fakes, or all where there are fewer."""
    rng = np.random.default_rng([seed, 2])
    rows = []
    for label in np.unique(fake.labels):
        (members,) = np.nonzero(train.labels == label)
        rows.append(rng.permutation(members)[: int((fake.labels == label).sum())])
    return train.of(np.sort(np.concatenate(rows)))


def _halves(test: Side, seed: int) -> tuple[Side, Side] | None:
    """Two halves of the test split without a common group; None when one would be too small."""
    groups = np.random.default_rng([seed, 3]).permutation(np.unique(test.groups))
    first = np.isin(test.groups, groups[: len(groups) // 2])
    if min(first.sum(), (~first).sum()) < 2:
        return None
    return test.of(first), test.of(~first)


def diversity(
    train: Side, fake: Side, config: EvaluateConfig, classes: tuple[str, ...]
) -> list[Figure]:
    """MS-SSIM between random pairs of a class; the floor is the same of training images."""
    real = metrics.ms_ssim_within_class(train.images, train.labels, config.seed, config.pairs)
    made = metrics.ms_ssim_within_class(fake.images, fake.labels, config.seed, config.pairs)
    half = 1.96 * made.standard_error
    protocol = f"ms_ssim_p{config.pairs}"
    whole = Figure(
        metric=DIVERSITY,
        label=None,
        protocol=protocol,
        value=made.mean,
        floor=real.mean,
        low=made.mean - half,
        high=made.mean + half,
        n_real=len(train),
        n_fake=len(fake),
    )
    return [whole] + [
        Figure(
            metric=DIVERSITY,
            label=classes[label],
            protocol=protocol,
            value=value,
            floor=real.per_class.get(label),
            n_real=int((train.labels == label).sum()),
            n_fake=int((fake.labels == label).sum()),
        )
        for label, value in made.per_class.items()
    ]


def nearness(
    near: metrics.Nearest, test: Side, train: Side, config: EvaluateConfig
) -> list[Figure]:
    """SSIM to the nearest training image, beside the same of held-out real images."""
    control = metrics.nearest_ssim(
        test.images, train.images, test.features, train.features, config.neighbours
    )
    above = int((near.score > np.quantile(control.score, 0.99)).sum())
    n_real, n_fake = len(train), len(near.score)
    low, high = _binomial(above, n_fake)
    return [
        Figure(
            metric=NEAREST,
            protocol=f"nearest_ssim_k{config.neighbours}_n{n_real}",
            value=float(np.median(near.score)),
            floor=float(np.median(control.score)),
            label=None,
            n_real=n_real,
            n_fake=n_fake,
        ),
        Figure(
            metric=CLOSE,
            protocol=f"close_share_k{config.neighbours}_n{n_real}",
            value=above / n_fake,
            floor=0.01,
            low=low,
            high=high,
            label=None,
            n_real=n_real,
            n_fake=n_fake,
        ),
    ]


def copies(fake: Side, test: Side, train: SplitArrays, config: EvaluateConfig) -> Figure:
    """Share of fakes that are a training image of any kind, against the same of the test split."""
    gallery = _thumbnails(train.images)
    made = metrics.best_correlation(_thumbnails(fake.images), gallery, shift=1).score
    control = metrics.best_correlation(_thumbnails(test.images), gallery, shift=1).score
    count = int((made > config.copy_correlation).sum())
    low, high = _binomial(count, len(made))
    return Figure(
        metric=COPIES,
        label=None,
        protocol=f"copy_share_r{config.copy_correlation:g}_n{len(gallery)}",
        value=count / len(made),
        floor=float((control > config.copy_correlation).mean()),
        low=low,
        high=high,
        n_real=len(gallery),
        n_fake=len(made),
    )


def _thumbnails(images: Images) -> Images:
    """Box means at 32 px, or the images themselves when they are no larger."""
    step = images.shape[1] // _THUMBNAIL
    if step <= 1:
        return np.asarray(images)
    side = images.shape[1] // step
    cells = images[:, : side * step, : side * step].reshape(len(images), side, step, side, step)
    means: Images = cells.mean((2, 4)).round().astype(np.uint8)
    return means


def _binomial(count: int, total: int, confidence: float = 0.95) -> tuple[float, float]:
    """Clopper-Pearson interval of a share."""
    tail = (1 - confidence) / 2
    low = stats.beta.ppf(tail, count, total - count + 1) if count else 0.0
    high = stats.beta.ppf(1 - tail, count + 1, total - count) if count < total else 1.0
    return float(low), float(high)
