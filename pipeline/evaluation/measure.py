"""Measure a few drawn images of one class as somebody looks at them, each figure with its floor.

The figures are those of the evaluate stage where a few images can bear them. They decide nothing:
the gate draws hundreds of images of all classes.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from model import metrics
from model.features import extract
from model.metrics.kernel import polynomial_kernel
from pipeline.base.errors import BadInputError
from pipeline.evaluation.copy_test import Resemblance
from pipeline.evaluation.copying import binomial
from pipeline.evaluation.image_set import Images
from pipeline.evaluation.reals import LEAST_REAL, Reals
from pipeline.evaluation.score import OnProgress

_DRAWS = 400  # sets of training images that give the floor's range
_LEAST_DRAWN = 2  # a distance between sets needs two images
ATYPICAL = 0.99


@dataclass(frozen=True)
class Share:
    """A share of images, with its 95 % interval (Clopper and Pearson).

    Attributes:
        count, total: images that count, of how many.
    """

    count: int
    total: int

    @property
    def value(self) -> float:
        """From 0 to 1."""
        return self.count / self.total

    @property
    def interval(self) -> tuple[float, float]:
        """Over images, as if they were independent."""
        return binomial(self.count, self.total)


@dataclass(frozen=True)
class Distance:
    """Kernel distance of the images to held-out real ones, beside that of training images.

    Attributes:
        value: of the drawn images.
        low, high: 95 % interval over patients and drawn images; None with too few patients.
        floor: mean of sets of `n_floor` training images in the place of the drawn ones.
        floor_low, floor_high: range of 95 % of these sets.
        n_drawn, n_floor, n_real: numbers of images.
        differs: by how much champion and rival differed at the last comparison; None: never.
    """

    value: float
    low: float | None
    high: float | None
    floor: float
    floor_low: float
    floor_high: float
    n_drawn: int
    n_floor: int
    n_real: int
    differs: float | None

    @property
    def uncertainty(self) -> float:
        """Half of the wider of the two ranges."""
        widths = [self.floor_high - self.floor_low]
        if self.low is not None and self.high is not None:
            widths.append(self.high - self.low)
        return max(widths) / 2

    @property
    def says_little(self) -> bool:
        """Whether it is less certain than the difference that two versions had."""
        return self.differs is not None and self.uncertainty > self.differs

    @property
    def needed(self) -> int | None:
        """Images from which on it would be as certain, at least; None: not known, or it is."""
        if not self.says_little or not self.differs:
            return None
        return math.ceil(self.n_drawn * (self.uncertainty / self.differs) ** 2)

    @property
    def in_words(self) -> str:
        """What it says of the images, and whether that is anything."""
        at = f"{self.n_drawn} images"
        if self.value <= self.floor_high:
            said = f"At {at} they cannot be told from real images by this distance."
        elif self.low is not None and self.low > self.floor_high:
            said = f"They are farther from held-out real images than {self.n_floor} real ones are."
        else:
            said = f"They may be farther from real images than real ones are; {at} do not tell."
        return f"{said} {self._bearing}"

    @property
    def _bearing(self) -> str:
        """Whether it is certain enough to compare versions by."""
        if self.differs is None:
            return (
                "No two versions were compared yet, so nothing says how small a difference matters."
            )
        told = f"it is known to ±{self.uncertainty:.3g}, and champion and rival differed by "
        told += f"{self.differs:.3g}"
        if not self.says_little:
            return f"It is exact enough to compare versions by: {told}."
        return (
            f"Too few to compare versions by: {told}. That would need about {self.needed:,} images "
            "or more; `medloom compare` does it."
        )


@dataclass(frozen=True)
class One:
    """What was measured of one image.

    Attributes:
        resemblance: to its nearest training image.
        nearest_class: name of the class whose training images it is nearest to; "": not known.
        farness: share of held-out real images that are nearer to a training image of the class.
    """

    resemblance: Resemblance
    nearest_class: str
    farness: float

    @property
    def atypical(self) -> bool:
        """Whether hardly any real image is as far from the training images."""
        return self.farness >= ATYPICAL


@dataclass(frozen=True)
class Measured:
    """What was measured of some images of a class.

    Attributes:
        label: the class.
        images: of each image.
        distance: of all of them; None of a single image.
        own_class: share that is nearest to its own class; None with a class alone or too small.
        own_class_real: the same share of held-out real images.
    """

    label: str
    images: tuple[One, ...]
    distance: Distance | None
    own_class: Share | None
    own_class_real: Share | None

    @property
    def copies(self) -> list[int]:
        """The numbers of images that are copies of a training image."""
        return [number for number, one in enumerate(self.images) if one.resemblance.copy]

    @property
    def atypical(self) -> list[int]:
        """The numbers of images that are far from real ones."""
        return [number for number, one in enumerate(self.images) if one.atypical]


def measure_images(
    images: Images,
    label: str,
    reals: Reals,
    differs: float | None = None,
    tell: OnProgress | None = None,
) -> Measured:
    """Measure images of one class.

    Args:
        images: uint8 [N, H, W], of the real images' size.
        label: a class, and no mixture: no real image is one.
        reals: of the version.
        differs: by how much the kernel distances of champion and rival differed.
        tell: called as (task, done, total).

    Raises:
        BadInputError: there is no such class, it has too few real images, or the images are of
            another size.
    """
    row = _class_of(label, reals)
    if images.shape[1:] != reals.test.images.shape[1:]:
        raise BadInputError(
            f"the images are {images.shape[1:]}, the real ones {reals.test.images.shape[1:]}"
        )

    def progress(done: int, total: int) -> None:
        if tell:
            tell("drawn images", done, total)

    found = extract(images, reals.config.extractor, progress=progress).astype(np.float64)
    nearest, held_out = reals.nearest_class(found), reals.of_class(row)[0]
    known = len(reals.classes) > 1 and bool((nearest >= 0).all())
    names = [reals.classes[one] if known else "" for one in nearest]
    of_real = reals.nearest_class(held_out.features)
    return Measured(
        label,
        tuple(map(One, reals.copy_test(images), names, reals.farness(found, row).tolist())),
        _distance(found, row, reals, differs) if len(images) >= _LEAST_DRAWN else None,
        Share(int((nearest == row).sum()), len(images)) if known else None,
        Share(int((of_real == row).sum()), len(of_real)) if known else None,
    )


def _class_of(label: str, reals: Reals) -> int:
    if label not in reals.classes:
        raise BadInputError(
            f"{label} is no class of real images, so there is nothing to measure it by; choose one "
            f"of {', '.join(reals.classes)}"
        )
    row = reals.classes.index(label)
    counts = [len(side) for side in reals.of_class(row)]
    if min(counts) < LEAST_REAL:
        raise BadInputError(
            f"{label} has {counts[0]} held-out and {counts[1]} training images; at least "
            f"{LEAST_REAL} of each are needed to measure anything"
        )
    return row


def _distance(
    drawn: NDArray[np.float64], row: int, reals: Reals, differs: float | None
) -> Distance:
    test, train = reals.of_class(row)
    size = min(len(drawn), len(train) // 2)  # sets of more would be much the same set
    floor = floor_distances(test.features, train.features, size, reals.config.seed)
    low = high = None
    if len(np.unique(test.groups)) > 1 and _without_one_group(test.groups) > 1:
        low, high = metrics.kernel_distance_interval(
            test.features, test.groups, drawn, np.zeros(len(drawn))
        )
    floor_low, floor_high = np.quantile(floor, [0.025, 0.975])
    return Distance(
        value=metrics.kernel_distance(test.features, drawn),
        low=low,
        high=high,
        floor=float(floor.mean()),
        floor_low=float(floor_low),
        floor_high=float(floor_high),
        n_drawn=len(drawn),
        n_floor=size,
        n_real=len(test),
        differs=differs,
    )


def floor_distances(
    test: NDArray[np.float64], train: NDArray[np.float64], size: int, seed: int
) -> NDArray[np.float64]:
    """Kernel distances of random sets of training images to the held-out ones.

    Args:
        test, train: features [N, d] and [M, d].
        size: images in a set, 2 to M.
        seed: of the sets.

    Returns:
        One distance a set, as `model.metrics.kernel_distance` has it.
    """
    rng = np.random.default_rng([seed, 8])
    within, cross = polynomial_kernel(train, train), polynomial_kernel(train, test).mean(1)
    own = polynomial_kernel(test, test)
    constant = (own.sum() - np.trace(own)) / (len(test) * (len(test) - 1))
    found = []
    for _ in range(_DRAWS):
        rows = rng.permutation(len(train))[:size]
        part = within[np.ix_(rows, rows)]
        pairs = (part.sum() - np.trace(part)) / (size * (size - 1))
        found.append(constant + pairs - 2 * cross[rows].mean())
    return np.array(found)


def _without_one_group(groups: Sequence[str] | NDArray[np.str_]) -> int:
    _, counts = np.unique(groups, return_counts=True)
    return int(len(groups) - counts.max())
