"""Texts of the figures on the page: title, meaning and floor."""

from typing import NamedTuple

from pipeline.evaluation import record


class FigureText(NamedTuple):
    """Texts of a figure: its title, its meaning in a line, and the source of its floor."""

    title: str
    meaning: str
    floor: str


class Chapter(NamedTuple):
    """Figures that answer one question, in order."""

    title: str
    figures: dict[str, FigureText]


_TRAIN = "the same number of training images"
_HELD_OUT = "held-out real images"

_OVER_GROUPS = "Mean over test groups, which count equally."

PAIRED = (
    Chapter(
        "Are they near the truth?",
        {
            "psnr": FigureText(
                "PSNR (dB)",
                f"Peak signal over the error, in decibels; higher is better. {_OVER_GROUPS}",
                "",
            ),
            "psnr_gain": FigureText(
                "PSNR beyond the rival's (dB)", "Image by image; above 0: better.", ""
            ),
            "ssim": FigureText(
                "SSIM", f"Likeness of structure (Wang et al. 2004); 1 is equal. {_OVER_GROUPS}", ""
            ),
            "ssim_gain": FigureText(
                "SSIM beyond the rival's", "Image by image; above 0: better.", ""
            ),
            "mi": FigureText(
                "Shared information",
                "Mutual information with both sources, each normalised by the entropies "
                f"(Hossny et al. 2008), 0 to 2; a copy of one source has 1 or more. {_OVER_GROUPS}",
                "",
            ),
            "mi_gain": FigureText(
                "Shared information beyond the rival's", "Image by image; above 0: better.", ""
            ),
            "qabf": FigureText(
                "Edges kept (Qabf)",
                "How much of both sources' edges is kept (Xydeas and Petrovic 2000), 0 to 1. "
                f"{_OVER_GROUPS}",
                "",
            ),
            "qabf_gain": FigureText(
                "Edges kept beyond the rival's", "Image by image; above 0: better.", ""
            ),
            "sf": FigureText(
                "Spatial frequency (grey levels)",
                f"Differences of neighbours; noise raises it as detail does. {_OVER_GROUPS}",
                "",
            ),
            "sf_gain": FigureText(
                "Spatial frequency beyond the rival's", "Image by image; above 0: higher.", ""
            ),
            "consistency": FigureText(
                "Consistency (grey levels)",
                "Mean absolute difference of the result, made small again, and what was given.",
                "",
            ),
        },
    ),
)
"""Of tasks whose results have a truth."""

CHAPTERS = (
    Chapter(
        "Do they look real?",
        {
            record.KERNEL: FigureText(
                "Kernel distance",
                "How far the generated images are from held-out real ones. Unbiased; lower is "
                "better.",
                "training images against test images",
            ),
            record.FRECHET: FigureText(
                "Fréchet distance",
                "The same question, by mean and covariance. Biased upwards at this N; lower is "
                "better.",
                "training images against test images, same N",
            ),
            record.FRECHET_INFINITY: FigureText(
                "Fréchet distance, N → ∞",
                "Extrapolated to infinitely many generated images (arXiv 1911.07023); the interval "
                "is that of the line.",
                "training images against test images, extrapolated likewise",
            ),
            record.PRECISION: FigureText(
                "Precision", "Share of generated images near a real one. Higher is better.", _TRAIN
            ),
            record.DENSITY: FigureText(
                "Density",
                "Number of real images that each is near, over k. Higher is better.",
                _TRAIN,
            ),
            record.COMPOSITION: FigureText(
                "Laid out as real images",
                "Chance that a generated image resembles a training image, as a thumbnail, more "
                "than a held-out one does. Near 0: composed as no real image is.",
                "images composed as those of other patients",
            ),
        },
    ),
    Chapter(
        "Is each class drawn as itself?",
        {
            record.AGREEMENT: FigureText(
                "GAN-test",
                "Balanced share that a classifier of real training images takes for their class "
                "(arXiv 1807.09499).",
                _HELD_OUT,
            ),
            record.AGREEMENT_FINDINGS: FigureText(
                "GAN-test, by findings",
                "The same by what the detector finds. It was shown where findings are, so it sees "
                "small ones.",
                _HELD_OUT,
            ),
            record.AGREEMENT_PLAIN: FigureText(
                "GAN-test, grey levels alone",
                "The same by grey levels and the image's border, without any shape.",
                _HELD_OUT,
            ),
        },
    ),
    Chapter(
        "Do they cover all of the variety?",
        {
            record.DIVERSITY: FigureText(
                "MS-SSIM within a class",
                "Similarity of two images of a class. Above real images: the generator repeats "
                "itself.",
                "pairs of training images",
            ),
            record.REPEATS: FigureText(
                "Drawn again",
                "Share of images that another seed draws again, up to a small shift or change of "
                "brightness. Near 1: few distinct images.",
                "training images divided likewise: slices of a series are similar",
            ),
            record.COVERAGE: FigureText(
                "Coverage",
                "Share of real images with a generated one nearby. Higher is better.",
                _TRAIN,
            ),
            record.RECALL: FigureText(
                "Recall",
                "The same by the generated images' distances; outliers flatter it.",
                _TRAIN,
            ),
        },
    ),
    Chapter(
        "Are they copies of training images?",
        {
            record.COPIES: FigureText(
                "Copies of training images",
                "Share that equals a training image up to a small shift, brightness or contrast.",
                "held-out real images that count as copies",
            ),
            record.NEAREST: FigureText(
                "SSIM to the nearest training image",
                "Median. Well above held-out real images: memorised.",
                "held-out real images to training images",
            ),
            record.CLOSE: FigureText(
                "Closer than 99 % of held-out images",
                "Share of generated images that are nearer to a training image than that. Reported "
                "only, no guard.",
                "by construction",
            ),
            record.NNDR: FigureText(
                "Nearest over second nearest (NNDR)",
                "Median ratio of distances to training images. Near 0: one image is copied.",
                _HELD_OUT,
            ),
            record.AUTHENTIC: FigureText(
                "Authentic",
                "Share farther from the nearest training image than that one is from the next "
                "(arXiv 2102.08921). Well below held-out images: memorised.",
                _HELD_OUT,
            ),
            record.C_T: FigureText(
                "C_T",
                "z score of distances to training images against held-out ones (arXiv 2004.05675). "
                "Below −2: copying.",
                "by construction",
            ),
            record.MEMBERSHIP: FigureText(
                "Membership inference, AUC",
                "How well the trained networks distinguish training images from held-out ones.",
                "guessing",
            ),
            record.MEMBERSHIP_TPR: FigureText(
                "Membership inference at 1 % false alarms",
                "Share of the training images that such an attack identifies.",
                "guessing",
            ),
        },
    ),
    Chapter(
        "Do their statistics agree?",
        {
            record.HISTOGRAM: FigureText(
                "Grey levels", "Earth mover's distance of the histograms, in grey levels.", _TRAIN
            ),
            record.MEAN_IMAGE: FigureText(
                "Mean image", "Root mean square difference, in grey levels.", _TRAIN
            ),
            record.SPECTRUM: FigureText(
                "Slope of the power spectrum",
                "Generated minus real; above 0: noisier or sharper, below: blurred.",
                _TRAIN,
            ),
            record.AUTOCOVARIANCE: FigureText(
                "Autocovariance", "Relative difference, summed over the lags.", _TRAIN
            ),
            record.EIGENVALUES: FigureText(
                "Eigen-spectrum", "Relative difference of the pixels' covariance.", _TRAIN
            ),
        },
    ),
)

SHARES = frozenset(
    {
        *record.AGREEMENTS,
        record.COMPOSITION,
        record.CLOSE,
        record.COPIES,
        record.REPEATS,
        record.AUTHENTIC,
        record.MEMBERSHIP_TPR,
    }
)
"""Figures shown as percent."""


def text_of(metric: str) -> FigureText:
    """The texts of a figure.

    Raises:
        KeyError: it has none.
    """
    return next(
        chapter.figures[metric] for chapter in (*PAIRED, *CHAPTERS) if metric in chapter.figures
    )
