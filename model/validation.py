"""Judge a generator during training, on held-out images: the best moment, and collapse.

The validation split serves only this; reported figures and the gate use the test split.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from .families.base import Generator
from .features import extract
from .metrics import kernel_distance, ms_ssim_within_class
from .network import NetworkConfig
from .sampling import sample
from .tasks import Task, work_of

PAIRS = 50
"""Pairs a class for MS-SSIM."""
COLLAPSE_MARGIN = 0.25
"""Most MS-SSIM within a class above that of real images; more is a collapse."""


@dataclass(frozen=True)
class Judgement:
    """The figures of a generator at one moment of its training.

    Attributes:
        kernel_distance: to the held-out images, classes in equal shares; the floor is not
            subtracted.
        ms_ssim: mean over pairs within a class, for the class that exceeds real images most.
        ms_ssim_real: the same for the held-out images of that class.
        merit: the figure that chooses the weights, the lower the better.
    """

    merit: ClassVar[str] = "kernel_distance"

    kernel_distance: float
    ms_ssim: float
    ms_ssim_real: float

    @property
    def collapsed(self) -> bool:
        """Whether a class is far less varied than real images."""
        return self.ms_ssim > self.ms_ssim_real + COLLAPSE_MARGIN


@dataclass(frozen=True)
class PairedJudgement:
    """The score of a generator whose results have a truth, at one moment of its training.

    Attributes:
        score: the task's, mean over groups; lower is better.
        rival: the same of the task's rival.
        merit: the figure that chooses the weights.
    """

    merit: ClassVar[str] = "score"

    score: float
    rival: float

    @property
    def collapsed(self) -> bool:
        """Never: each result belongs to an image of its own."""
        return False


Judge = Callable[[Generator], Judgement | PairedJudgement]
DrawnJudge = Callable[[Generator], Judgement]
"""A judge of generators that draw."""


def make_judge(
    images: NDArray[np.uint8], labels: NDArray[np.int64], seed: int, count: int = 256
) -> DrawnJudge:
    """A judge with held-out images; their features are extracted once, in this call.

    Every judgement draws the same latents, so two moments differ only by the weights.

    Args:
        images: uint8 [N, H, W], real and not trained on.
        labels: int64 [N].
        seed: of the choice of real images, of pairs and of latents.
        count: generated images per judgement, in equal shares per class; also the most real ones.
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


def make_paired_judge(
    task: Task,
    network: NetworkConfig,
    images: NDArray[np.uint8],
    groups: NDArray[np.str_],
    count: int = 256,
) -> Judge:
    """A judge of generators whose results have a truth.

    Args:
        task: what they do.
        network: their config.
        images: uint8 [N, ..., H, W], real and not trained on.
        groups: of the images, [N]; groups count equally.
        count: images per judgement, evenly spaced over `images`.
    """
    rows = np.unique(np.linspace(0, len(images) - 1, min(count, len(images))).astype(int))
    truth, members, work = np.array(images[rows]), groups[rows], work_of(task)
    given = work.given(truth, network)

    def score(made: NDArray[np.uint8]) -> float:
        values = work.measure(made, given, truth)[task.decides]
        by_group = [values[members == group].mean() for group in np.unique(members)]
        return task.scored(float(np.mean(by_group)))

    beside = score(work.rival(given, network))

    def judge(generator: Generator) -> PairedJudgement:
        return PairedJudgement(score(work.make(generator, given)), beside)

    return judge
