"""How often guards reject classes drawn as others, or compositions that are impossible.

Every trial divides the groups anew: a third of each class is what a simulated generator draws, the
rest are the real images that judge it. So an honest generator knows other patients than its judges.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from bench.gate_guards import (
    FALSE_REFUSALS,
    FOUND,
    PLANTED,
    half_of_groups,
    passing_guards,
    refused,
)
from bench.gate_pool import Array
from bench.gate_rows import DecisionRate
from model.metrics import ClassMatrix, Kernels, matrix_of_kernels
from model.metrics.kernel import polynomial_kernel
from pipeline.evaluation import class_record
from pipeline.evaluation.class_margin import PLAIN, class_pairs
from pipeline.evaluation.copying import composition_likeness, resemblance
from pipeline.evaluation.image_set import ImageSet
from pipeline.evaluation.record import EvaluateConfig

Images = NDArray[np.uint8]
Rows = NDArray[np.int64]
Tell = Callable[[int, int], None]

_MOST = 1600  # images of the pool; all kernels of them are held
_SHARE = 3  # of a class's groups, one in so many is drawn by the generator
_TRIES = 8  # divisions of the groups in which a pair of the wanted kind is searched


@dataclass(frozen=True)
class Crowd:
    """Real images, clean and damaged, with every kernel between them.

    Attributes:
        kernel: of every two images, [P, P].
        groups, labels: of each image, [P].
        kind: 0 clean, 1 noised, 2 blurred; [P].
    """

    kernel: Array
    groups: NDArray[np.str_]
    labels: NDArray[np.int64]
    kind: NDArray[np.int64]

    @property
    def classes(self) -> int:
        """Number of classes."""
        return int(self.labels.max()) + 1


class Judged(NamedTuple):
    """One division of the groups: rows to draw from, and rows that judge."""

    sources: Rows
    judges: Rows


def make_crowd(everyone: ImageSet, damaged: list[ImageSet], rng: np.random.Generator) -> Crowd:
    """A pool of at most 1,600 images, and damaged ones, with their kernels."""
    chosen = np.sort(rng.permutation(len(everyone))[:_MOST])
    parts = [everyone.of(chosen), *damaged]
    features = np.concatenate([part.features for part in parts])
    return Crowd(
        polynomial_kernel(features, features),
        np.concatenate([part.groups for part in parts]),
        np.concatenate([part.labels for part in parts]),
        np.repeat(np.arange(len(parts)), [len(part) for part in parts]),
    )


def confusing(
    crowd: Crowd, per_class: Rows, trials: int, rng: np.random.Generator, tell: Tell | None = None
) -> list[DecisionRate]:
    """Rejection rates of honest generators, and of such that draw a class as another.

    A pair of classes is told apart if the judging images of the two differ by more than their
    groups do. A promise is made for such pairs alone.

    Args:
        crowd: from `make_crowd`.
        per_class: fakes of each class.
        trials: of each case.
        rng: draws divisions, pairs and fakes.
        tell: called with (cases done, cases in all).
    """
    Case = tuple[str, int, bool | None, Literal["at most", "at least"] | None, float]
    cases: list[Case] = [
        ("an honest generator", 0, None, "at most", FALSE_REFUSALS),
        ("an honest generator, noised", 1, None, "at most", FALSE_REFUSALS),
        ("an honest generator, blurred", 2, None, "at most", FALSE_REFUSALS),
        ("a class drawn as another", 0, True, "at least", FOUND),
        ("a class drawn as another, blurred", 2, True, "at least", FOUND),
        ("a class drawn as one nearly alike", 0, False, None, 0.0),
    ]
    rows = []
    for done, (case, kind, apart, bound, stated) in enumerate(cases):
        results = [_one(crowd, per_class, kind, apart, rng) for _ in range(trials)]
        judged = [result for result in results if result is not None]
        if judged:
            row = DecisionRate(
                part="classes", case=case, counted="refused", count=sum(judged),
                trials=len(judged), bound=bound, stated=stated,
            )  # fmt: skip
            rows.append(row)
        if tell:
            tell(done + 1, len(cases))
    return rows


def _one(
    crowd: Crowd, per_class: Rows, kind: int, apart: bool | None, rng: np.random.Generator
) -> bool | None:
    """Whether one generator is refused; None if no division has a pair of the wanted kind.

    Args:
        crowd: images.
        per_class: fakes of each class.
        kind: of images that the generator draws.
        apart: draw one class as another that is told apart from it (True) or not (False); None:
            draw every class as itself.
        rng: of the division, the pair and the fakes.
    """
    for _ in range(_TRIES):
        judged = _divided(crowd, kind, rng)
        honest = dict(enumerate(range(crowd.classes)))
        drawn = _drawn(crowd, judged, per_class, honest, rng)
        if drawn is None:
            continue
        if apart is None:
            return _refused(_matrix(crowd, judged, *drawn))
        pairs = [
            (a, b)
            for a, b, pair in _pairs(_matrix(crowd, judged, *drawn))
            if pair.told_apart is apart
        ]
        if not pairs:
            continue
        asked, answered = rng.permutation(pairs[rng.integers(len(pairs))]).tolist()
        drawn = _drawn(crowd, judged, per_class, honest | {asked: answered}, rng)
        if drawn is not None:
            return _refused(_matrix(crowd, judged, *drawn))
    return None


def _divided(crowd: Crowd, kind: int, rng: np.random.Generator) -> Judged:
    """Of the groups of each class, one in three for the generator and the others to judge."""
    taken: list[str] = []
    for label in range(crowd.classes):
        names = rng.permutation(np.unique(crowd.groups[crowd.labels == label]))
        taken += names[: max(round(len(names) / _SHARE), 1)].tolist()
    mine = np.isin(crowd.groups, taken)
    return Judged(
        np.flatnonzero(mine & (crowd.kind == kind)), np.flatnonzero(~mine & (crowd.kind == 0))
    )


def _drawn(
    crowd: Crowd, judged: Judged, per_class: Rows, source: dict[int, int], rng: np.random.Generator
) -> tuple[Rows, Rows] | None:
    """Rows and labels of the fakes, class by class; None if a class has no image to draw."""
    rows, labels = [], []
    for asked, answered in source.items():
        members = judged.sources[crowd.labels[judged.sources] == answered]
        if not len(members):
            return None
        rows.append(rng.choice(members, per_class[asked]))
        labels.append(np.full(per_class[asked], asked))
    return np.concatenate(rows), np.concatenate(labels)


def _matrix(crowd: Crowd, judged: Judged, fakes: Rows, labels: Rows) -> ClassMatrix:
    real = judged.judges
    kernels = Kernels(
        crowd.kernel[np.ix_(real, real)],
        crowd.kernel[np.ix_(fakes, real)],
        crowd.kernel[np.ix_(fakes, fakes)],
    )
    return matrix_of_kernels(
        kernels, crowd.groups[real], crowd.labels[real], labels, classes=crowd.classes
    )


def _names(matrix: ClassMatrix) -> tuple[str, ...]:
    return tuple(f"class {label}" for label in range(len(matrix.nearest)))


def _pairs(matrix: ClassMatrix) -> list[tuple[int, int, class_record.ClassPair]]:
    names = _names(matrix)
    return [
        (names.index(pair.first), names.index(pair.second), pair)
        for pair in class_pairs(matrix, None, names)
    ]


def _refused(matrix: ClassMatrix) -> bool:
    names = _names(matrix)
    record = class_record.ClassMatrix(
        grey=PLAIN, protocol="simulated", classes=names, distance=(), low=(), high=(), floor=(),
        pairs=tuple(class_pairs(matrix, None, names)), n_real=0, n_fake=0,
    )  # fmt: skip
    return refused(passing_guards(), matrices=(record,))


# -- composition ------------------------------------------------------------------------------


def misplaced(
    train: ImageSet,
    held_out: ImageSet,
    config: EvaluateConfig,
    trials: int,
    rng: np.random.Generator,
) -> list[DecisionRate]:
    """Rejection rates of generators whose images are laid out as those of other patients, or not.

    In each trial the held-out groups are halved: the images of one half are the generator's, those
    of the other the control. Halves of two images, and means of two, have no promise: in images
    that are all laid out alike they look much like a real one.
    """
    honest = resemblance(held_out.images, train.images)
    chosen = rng.permutation(len(held_out))[:PLANTED]
    other = rng.permutation(chosen)
    glued, blended = (
        resemblance(joined(held_out.images[chosen], held_out.images[other]), train.images)
        for joined in (halves, means)
    )
    counts = dict.fromkeys(("laid out as other patients", "halves of two", "means of two"), 0)
    for _ in range(trials):
        mine = half_of_groups(held_out.groups, rng)
        control, names = honest[~mine], held_out.groups[~mine]
        for case, source in zip(counts, (honest[mine], glued, blended), strict=True):
            made = rng.choice(source, config.n_fake)
            figure = composition_likeness(made, control, names, len(train))
            counts[case] += refused((*passing_guards(), figure))
    return [
        DecisionRate(
            part="composition",
            case=case,
            counted="refused",
            count=count,
            trials=trials,
            bound="at most" if case.startswith("laid out") else None,
            stated=FALSE_REFUSALS,
        )
        for case, count in counts.items()
    ]


def halves(first: Images, second: Images) -> Images:
    """The left half of one image and the right half of another, with a soft seam."""
    place = np.linspace(-10, 10, first.shape[2])
    weight = 1 / (1 + np.exp(-place))
    return (first * (1 - weight) + second * weight).round().astype(np.uint8)


def means(first: Images, second: Images) -> Images:
    """The mean of two images."""
    return ((first.astype(np.uint16) + second) // 2).astype(np.uint8)
