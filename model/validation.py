"""Judging a training while it runs, on held-out images: which moment was best, and collapse.

The validation split is for this alone; figures that are reported, and the gate, use the test split.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from .families.base import Generator
from .features import extract
from .metrics import kernel_distance, ms_ssim_within_class
from .sampling import sample

PAIRS = 50
"""Pairs a class for MS-SSIM."""
COLLAPSE_MARGIN = 0.25
"""MS-SSIM within a class above the real images' that raises the alarm."""


@dataclass(frozen=True)
class Judgement:
    """What a generator is worth at some moment of its training.

    Attributes:
        kernel_distance: to the held-out images, classes in equal shares; not above its floor.
        ms_ssim: mean over pairs within a class, of the worst class against real ones.
        ms_ssim_real: the same of the held-out images of that class.
    """

    kernel_distance: float
    ms_ssim: float
    ms_ssim_real: float

    @property
    def collapsed(self) -> bool:
        """Whether some class repeats itself far more than real images do."""
        return self.ms_ssim > self.ms_ssim_real + COLLAPSE_MARGIN


Judge = Callable[[Generator], Judgement]


def make_judge(
    images: NDArray[np.uint8], labels: NDArray[np.int64], seed: int, count: int = 256
) -> Judge:
    """A judge by held-out images; their features are taken now, once.

    Every judgement draws the same latents, so that two moments differ by their weights alone.

    Args:
        images: uint8 [N, H, W], real and not trained on.
        labels: int64 [N].
        seed: of the choice of real images, of pairs and of latents.
        count: generated images a judgement, in equal shares a class, and at most so many real.
    """
    rng = np.random.default_rng(seed)
    present = np.unique(labels)
    share = max(count // len(present), 2)
    rows = np.concatenate(
        [rng.permutation(np.flatnonzero(labels == label))[:share] for label in present]
    )
    features = extract(images[rows]).astype(np.float64)
    real = ms_ssim_within_class(images, labels, seed, PAIRS).per_class

    def judge(generator: Generator) -> Judgement:
        fakes = np.repeat(present, share)
        names = [generator.config.classes[label] for label in fakes]
        drawn = sample(generator, names, seed)
        distance = kernel_distance(features, extract(drawn).astype(np.float64))
        within = ms_ssim_within_class(drawn, fakes, seed, PAIRS).per_class
        worst = max(real, key=lambda label: within[label] - real[label])
        return Judgement(float(distance), float(within[worst]), float(real[worst]))

    return judge
