"""Find generated images that are copies of training images, by pixels; copies are a guard."""

import numpy as np
import scipy
from numpy.typing import NDArray

from model import metrics
from pipeline.data.processed import SplitArrays
from pipeline.evaluation.image_set import Images, ImageSet
from pipeline.evaluation.record import CLOSE, COMPOSITION, COPIES, NEAREST, EvaluateConfig, Figure

_THUMBNAIL = 32  # cells per side of the images in which copies are searched


def nearness(
    near: metrics.Nearest, test: ImageSet, train: ImageSet, config: EvaluateConfig
) -> list[Figure]:
    """SSIM to the nearest training image; the floor is that of held-out real images."""
    control = metrics.nearest_ssim(
        test.images, train.images, test.features, train.features, config.neighbours
    )
    above = int((near.score > np.quantile(control.score, 0.99)).sum())
    n_real, n_fake = len(train), len(near.score)
    low, high = binomial(above, n_fake)
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


def copies(
    fake: ImageSet, test: ImageSet, train: SplitArrays, config: EvaluateConfig
) -> list[Figure]:
    """Share of fakes that are copies of a training image, and how alike the others are.

    The floors are those of the test split.
    """
    made, control = (resemblance(side.images, train.images) for side in (fake, test))
    return [
        copy_share(made, control, len(train.images), config),
        composition_likeness(made, control, test.groups, len(train.images)),
    ]


def resemblance(images: Images, training: Images) -> NDArray[np.float64]:
    """Highest correlation of each image with a training image; [N]."""
    return closest(images, training).score


def closest(images: Images, training: Images) -> metrics.Nearest:
    """The training image that each image correlates most with, and how much; [N] each."""
    cell = max(images.shape[1] // _THUMBNAIL, 1)
    return metrics.best_correlation(images, training, cell=cell)


def copy_share(
    made: NDArray[np.float64], control: NDArray[np.float64], gallery: int, config: EvaluateConfig
) -> Figure:
    """The figure of `copies`, from the `resemblance` of fakes and of held-out real images.

    Args:
        made: of the fakes, [N].
        control: of held-out real images, [M].
        gallery: number of training images they were compared with.
        config: a copy exceeds its `copy_correlation`.
    """
    count = int((made > config.copy_correlation).sum())
    low, high = binomial(count, len(made))
    return Figure(
        metric=COPIES,
        label=None,
        protocol=f"copy_share_r{config.copy_correlation:g}_n{gallery}",
        value=count / len(made),
        floor=float((control > config.copy_correlation).mean()),
        low=low,
        high=high,
        n_real=gallery,
        n_fake=len(made),
    )


def composition_likeness(
    made: NDArray[np.float64],
    control: NDArray[np.float64],
    groups: NDArray[np.str_],
    gallery: int,
) -> Figure:
    """Chance that a fake resembles a training image more than a held-out real image does.

    Thumbnails show how an image is composed and no texture. 0.5: generated images are composed as
    real ones of other patients are; near 0: as no real image is, such as halves of two. Above 0.5
    is no fault here: smooth images resemble many, and copies have a figure of their own. Groups
    count equally; the interval is over them and over fakes.

    Args:
        made: `resemblance` of the fakes, [N].
        control: of held-out real images, [M].
        groups: group of each held-out image, [M].
        gallery: number of training images they were compared with.
    """
    _, member = np.unique(groups, return_inverse=True)
    counts = np.bincount(member)
    above = 0.5 * (
        np.searchsorted(np.sort(made), control, "left")
        + np.searchsorted(np.sort(made), control, "right")
    )
    by_group = np.bincount(member, 1 - above / len(made)) / counts
    weights = 1 / (len(counts) * counts[member])
    order = np.argsort(control)
    passed = np.concatenate([[0.0], np.cumsum(weights[order])])
    by_fake = passed[np.searchsorted(control[order], made)]
    value, half = float(by_group.mean()), 0.5
    if len(counts) > 1:
        error = np.sqrt(by_group.var(ddof=1) / len(counts) + by_fake.var(ddof=1) / len(made))
        half = float(scipy.stats.t.ppf(0.975, len(counts) - 1) * error)
    return Figure(
        metric=COMPOSITION,
        label=None,
        protocol=f"composition_likeness_n{gallery}",
        value=value,
        floor=0.5,
        low=max(value - half, 0.0),
        high=min(value + half, 1.0),
        n_real=len(control),
        n_fake=len(made),
    )


def binomial(count: float, total: float) -> tuple[float, float]:
    """95 % Clopper-Pearson interval of a share.

    No whole numbers where trials are counted by how much they tell (`trials.independent_trials`).
    """
    low = scipy.stats.beta.ppf(0.025, count, total - count + 1) if count > 0 else 0.0
    high = scipy.stats.beta.ppf(0.975, count + 1, total - count) if count < total else 1.0
    return float(low), float(high)
