"""What each figure is called, what it means, and what its floor is."""

from typing import NamedTuple

from pipeline.evaluation import record


class Words(NamedTuple):
    """Of a figure: its title, what it means in a line, and what stands as its floor."""

    title: str
    meaning: str
    floor: str


class Chapter(NamedTuple):
    """Figures that answer one question, in order."""

    title: str
    figures: dict[str, Words]


_TRAIN = "training images in their place, same number"
_HELD_OUT = "held-out real images in their place"

CHAPTERS = (
    Chapter(
        "Do they look real?",
        {
            record.KERNEL: Words(
                "Kernel distance",
                "How far the generated images are from held-out real ones. Unbiased; lower is "
                "better.",
                "training images against test images",
            ),
            record.FRECHET: Words(
                "Fréchet distance",
                "The same question, by mean and covariance. Biased upwards at this N; lower is "
                "better.",
                "training images against test images, same N",
            ),
            record.FRECHET_INFINITY: Words(
                "Fréchet distance, N → ∞",
                "Extrapolated to infinitely many generated images (arXiv 1911.07023); the interval "
                "is that of the line.",
                "training images against test images, extrapolated alike",
            ),
            record.PRECISION: Words(
                "Precision", "Share of generated images near a real one. Higher is better.", _TRAIN
            ),
            record.DENSITY: Words(
                "Density", "How many real images each is near, over k. Higher is better.", _TRAIN
            ),
        },
    ),
    Chapter(
        "Is all of the variety there?",
        {
            record.DIVERSITY: Words(
                "MS-SSIM within a class",
                "How alike two images of a class are. Above real images: the generator repeats "
                "itself.",
                "pairs of training images",
            ),
            record.REPEATS: Words(
                "Drawn again",
                "Share of images that another seed draws again, but for a small shift or "
                "brightness. Near 1: few distinct images.",
                "training images dealt out alike: slices of a series are alike",
            ),
            record.COVERAGE: Words(
                "Coverage",
                "Share of real images with a generated one near. Higher is better.",
                _TRAIN,
            ),
            record.RECALL: Words(
                "Recall",
                "The same by the generated images' distances; outliers flatter it.",
                _TRAIN,
            ),
        },
    ),
    Chapter(
        "Is a patient's image in them?",
        {
            record.COPIES: Words(
                "Copies of training images",
                "Share that is a training image but for a small shift, brightness or contrast.",
                "held-out real images taken for copies",
            ),
            record.NEAREST: Words(
                "SSIM to the nearest training image",
                "Median. Well above held-out real images: memorised.",
                "held-out real images to training images",
            ),
            record.CLOSE: Words(
                "Closer than 99 % of held-out images",
                "Share of generated images nearer to a training image than that. Reported, not "
                "gated.",
                "by construction",
            ),
            record.NNDR: Words(
                "Nearest by second nearest (NNDR)",
                "Median ratio of distances to training images. Near 0: one image is copied.",
                _HELD_OUT,
            ),
            record.AUTHENTIC: Words(
                "Authentic",
                "Share farther from its nearest training image than that one is from the next "
                "(arXiv 2102.08921). Well below held-out images: memorised.",
                _HELD_OUT,
            ),
            record.C_T: Words(
                "C_T",
                "z score of distances to training images against held-out ones (arXiv 2004.05675). "
                "Below −2: copying.",
                "by construction",
            ),
            record.MEMBERSHIP: Words(
                "Membership inference, AUC",
                "How well the training's own networks tell their images from held-out ones.",
                "guessing",
            ),
            record.MEMBERSHIP_TPR: Words(
                "Membership inference at 1 % false alarms",
                "Share of the training images that such an attack finds.",
                "guessing",
            ),
        },
    ),
    Chapter(
        "Do their statistics agree?",
        {
            record.HISTOGRAM: Words(
                "Grey levels", "Earth mover's distance of the histograms, in grey levels.", _TRAIN
            ),
            record.MEAN_IMAGE: Words(
                "Mean image", "Root mean square difference, in grey levels.", _TRAIN
            ),
            record.SPECTRUM: Words(
                "Slope of the power spectrum",
                "Generated minus real; above 0: noisier or sharper, below: blurred.",
                _TRAIN,
            ),
            record.AUTOCOVARIANCE: Words(
                "Autocovariance", "Relative difference, summed over the lags.", _TRAIN
            ),
            record.EIGENVALUES: Words(
                "Eigen-spectrum", "Relative difference of the pixels' covariance.", _TRAIN
            ),
        },
    ),
)

SHARES = frozenset(
    {record.CLOSE, record.COPIES, record.REPEATS, record.AUTHENTIC, record.MEMBERSHIP_TPR}
)
"""Figures that are written as percent."""
