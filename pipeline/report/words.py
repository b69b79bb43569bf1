"""What each figure is called, what it means, and what its floor is."""

from typing import NamedTuple

from pipeline import scores


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
            scores.KERNEL: Words(
                "Kernel distance",
                "How far the generated images are from held-out real ones. Unbiased; lower is "
                "better.",
                "training images against test images",
            ),
            scores.FRECHET: Words(
                "Fréchet distance",
                "The same question, by mean and covariance. Biased upwards at this N; lower is "
                "better.",
                "training images against test images, same N",
            ),
            scores.FRECHET_INFINITY: Words(
                "Fréchet distance, N → ∞",
                "Extrapolated to infinitely many generated images (arXiv 1911.07023); the interval "
                "is that of the line.",
                "training images against test images, extrapolated alike",
            ),
            scores.PRECISION: Words(
                "Precision", "Share of generated images near a real one. Higher is better.", _TRAIN
            ),
            scores.DENSITY: Words(
                "Density", "How many real images each is near, over k. Higher is better.", _TRAIN
            ),
        },
    ),
    Chapter(
        "Is all of the variety there?",
        {
            scores.DIVERSITY: Words(
                "MS-SSIM within a class",
                "How alike two images of a class are. Above real images: the generator repeats "
                "itself.",
                "pairs of training images",
            ),
            scores.REPEATS: Words(
                "Drawn again",
                "Share of images that another seed draws again, but for a small shift or "
                "brightness. Near 1: few distinct images.",
                "training images dealt out alike: slices of a series are alike",
            ),
            scores.COVERAGE: Words(
                "Coverage",
                "Share of real images with a generated one near. Higher is better.",
                _TRAIN,
            ),
            scores.RECALL: Words(
                "Recall",
                "The same by the generated images' distances; outliers flatter it.",
                _TRAIN,
            ),
        },
    ),
    Chapter(
        "Is a patient's image in them?",
        {
            scores.COPIES: Words(
                "Copies of training images",
                "Share that is a training image but for a small shift, brightness or contrast.",
                "held-out real images taken for copies",
            ),
            scores.NEAREST: Words(
                "SSIM to the nearest training image",
                "Median. Well above held-out real images: memorised.",
                "held-out real images to training images",
            ),
            scores.CLOSE: Words(
                "Closer than 99 % of held-out images",
                "Share of generated images nearer to a training image than that. Reported, not "
                "gated.",
                "by construction",
            ),
            scores.NNDR: Words(
                "Nearest by second nearest (NNDR)",
                "Median ratio of distances to training images. Near 0: one image is copied.",
                _HELD_OUT,
            ),
            scores.AUTHENTIC: Words(
                "Authentic",
                "Share farther from its nearest training image than that one is from the next "
                "(arXiv 2102.08921). Well below held-out images: memorised.",
                _HELD_OUT,
            ),
            scores.C_T: Words(
                "C_T",
                "z score of distances to training images against held-out ones (arXiv 2004.05675). "
                "Below −2: copying.",
                "by construction",
            ),
            scores.MEMBERSHIP: Words(
                "Membership inference, AUC",
                "How well the training's own networks tell their images from held-out ones.",
                "guessing",
            ),
            scores.MEMBERSHIP_TPR: Words(
                "Membership inference at 1 % false alarms",
                "Share of the training images that such an attack finds.",
                "guessing",
            ),
        },
    ),
    Chapter(
        "Do their statistics agree?",
        {
            scores.HISTOGRAM: Words(
                "Grey levels", "Earth mover's distance of the histograms, in grey levels.", _TRAIN
            ),
            scores.MEAN_IMAGE: Words(
                "Mean image", "Root mean square difference, in grey levels.", _TRAIN
            ),
            scores.SPECTRUM: Words(
                "Slope of the power spectrum",
                "Generated minus real; above 0: noisier or sharper, below: blurred.",
                _TRAIN,
            ),
            scores.AUTOCOVARIANCE: Words(
                "Autocovariance", "Relative difference, summed over the lags.", _TRAIN
            ),
            scores.EIGENVALUES: Words(
                "Eigen-spectrum", "Relative difference of the pixels' covariance.", _TRAIN
            ),
        },
    ),
)

SHARES = frozenset(
    {scores.CLOSE, scores.COPIES, scores.REPEATS, scores.AUTHENTIC, scores.MEMBERSHIP_TPR}
)
"""Figures that are written as percent."""
