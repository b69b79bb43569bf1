"""Find generated images that are copies of training images, by pixels; copies are a guard."""

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from model import metrics
from pipeline.data.processed import SplitArrays
from pipeline.evaluation.image_set import Images, ImageSet
from pipeline.evaluation.record import CLOSE, COPIES, NEAREST, EvaluateConfig, Figure

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


def copies(fake: ImageSet, test: ImageSet, train: SplitArrays, config: EvaluateConfig) -> Figure:
    """Share of fakes that are copies of a training image; the floor is that of the test split."""
    made, control = (resemblance(side.images, train.images) for side in (fake, test))
    return copy_share(made, control, len(train.images), config)


def resemblance(images: Images, training: Images) -> NDArray[np.float64]:
    """Highest correlation of each image with a training image; [N]."""
    cell = max(images.shape[1] // _THUMBNAIL, 1)
    return metrics.best_correlation(images, training, cell=cell).score


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


def binomial(count: int, total: int) -> tuple[float, float]:
    """95 % Clopper-Pearson interval of a share."""
    low, high = stats.binomtest(count, total).proportion_ci(0.95, "exact")
    return float(low), float(high)
