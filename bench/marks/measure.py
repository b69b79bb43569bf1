"""Measure the watermark on one data set: its cost, its false alarms, and what it survives."""

import hashlib
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from bench.difference import Difference, distance_difference
from bench.fit import require_fit
from bench.marks.changes import CHANGES, Grey, jpeg
from bench.marks.cost import Likeness, likeness
from model.extractors import ExtractorConfig
from model.families.base import Generator
from model.features import extract
from model.metrics import kernel_distance, kernel_distance_interval
from model.metrics.kernel import Interval
from model.sampling import sample
from model.section import Stored
from pipeline.base.errors import BadInputError
from pipeline.data.processed import Processed, SplitArrays
from pipeline.evaluation.copying import binomial
from pipeline.evaluation.score import subset
from pipeline.synthetic.watermark import TILE, detect, embed, is_large_enough, statistic

Images = NDArray[np.uint8]
Labels = NDArray[np.int64]
OnProgress = Callable[[str, int, int], None]

MARK, NOISE, JPEG = "watermark", "white noise of as much energy", "JPEG of quality 75"


class Cost(Stored):
    """What one change of the images costs.

    Attributes:
        change: its name, `MARK` or another to compare it with.
        distance: kernel distance of the changed images to the held-out ones.
        difference: that less the distance of the unchanged images.
        likeness: of the changed images to the unchanged.
    """

    change: str
    distance: float
    difference: Difference
    likeness: Likeness


class Alarms(Stored):
    """Looking for watermarks in images that bear none, by keys that were drawn at random.

    Attributes:
        images, keys: how many; each image is looked at with each key.
        found: pairs in which a watermark was found.
        most: upper end of the 95 % interval of their share, as if pairs were independent.
        mean, deviation: of z at the offset of whole images; 0 and 1 are expected.
        error: standard error of the mean over keys; None of a single key. Images that look alike
            have much the same z under one key, so pairs are not independent and keys are.
        highest: the highest z.
        luckiest_key: the mean over the images farthest from 0, of one key.
    """

    images: int
    keys: int
    found: int
    most: float
    mean: float
    deviation: float
    error: float | None
    highest: float
    luckiest_key: float


class Survival(Stored):
    """Whether the watermark is found after a change.

    Attributes:
        change: its name in `CHANGES`.
        found, total: images that it is found in, of how many.
        low, high: 95 % interval of the share.
        z: median of the statistic at its most significant offset.
    """

    change: str
    found: int
    total: int
    low: float
    high: float
    z: float


class Marks(Stored):
    """The result of `medloom bench marks`.

    Attributes:
        source: what was marked, in words.
        images: how many.
        size: their height and width, pixels.
        held_out, groups: images that distances are taken to, and their groups.
        extractor: whose features the distances are of.
        distance, low, high: kernel distance of the unmarked images, with its 95 % interval.
        costs: of the watermark, and of changes to compare it with.
        alarms: on real images.
        survivals: one a change.
    """

    source: str
    images: int
    size: int
    held_out: int
    groups: int
    extractor: str
    distance: float
    low: float
    high: float
    costs: tuple[Cost, ...]
    alarms: Alarms
    survivals: tuple[Survival, ...]


def measure_marks(
    processed: Processed,
    generator: Generator | None = None,
    *,
    images: int = 600,
    keys: int = 50,
    seed: int = 0,
    tell: OnProgress | None = None,
) -> Marks:
    """Mark images of a data set, and measure.

    Args:
        processed: real images; distances are to the test split.
        generator: draws the images that are marked, in the test split's mix of classes; None:
            training images stand in for them.
        images: to mark, and real ones to look for marks in; fewer if there are fewer.
        keys: of the false alarms.
        seed: of keys and of every choice.
        tell: called with (what, done, total).

    Raises:
        BadInputError: images are too small to be marked, or the generator draws other images.
    """
    shape = processed.test.images.shape[1:]
    if not is_large_enough(shape):
        raise BadInputError(
            f"images of {shape[0]} px are not watermarked: give --size {TILE} or more"
        )
    report = tell or (lambda _what, _done, _total: None)
    plain, labels = (
        _training_images(processed.train, images, seed)
        if generator is None
        else _drawn(processed, generator, images, seed)
    )
    if min(np.bincount(labels)[np.unique(labels)]) < 2:
        raise BadInputError(
            f"{len(plain)} images hold a class with a single one: give more --images, or more data"
        )
    key = _key("mark", seed)
    marked = _each(plain, lambda image: embed(image, key), "marking", report)
    distances = _Distances(processed.test, report)
    before, costs = distances.of(plain, labels), []
    for change, changed in (
        (MARK, marked),
        (NOISE, _with_noise(plain, marked, seed)),
        (JPEG, _each(plain, lambda image: jpeg(image, 75), JPEG, report)),
    ):
        after = distances.of(changed, labels)
        costs.append(
            Cost(
                change=change,
                distance=after.value,
                difference=distances.difference(before.features, after.features, labels),
                likeness=likeness(plain, changed),
            )
        )
    of = "training images" if generator is None else "images that the generator drew"
    return Marks(
        source=of,
        images=len(plain),
        size=shape[0],
        held_out=len(processed.test.labels),
        groups=len(np.unique(processed.test.groups)),
        extractor=distances.extractor.name,
        distance=before.value,
        low=before.interval.low,
        high=before.interval.high,
        costs=tuple(costs),
        alarms=_alarms(_some_real(processed, images, seed), keys, seed, report),
        survivals=tuple(_survivals(marked, key, report)),
    )


class _Measured:
    """Features of some images and their kernel distance to the held-out ones."""

    def __init__(self, features: NDArray[np.float64], value: float, interval: Interval) -> None:
        self.features, self.value, self.interval = features, value, interval


class _Distances:
    """Kernel distances to a test split, whose features are extracted once."""

    def __init__(self, test: SplitArrays, report: OnProgress) -> None:
        self.extractor, self._report = ExtractorConfig(), report
        self._real, self._groups = self._extract(np.asarray(test.images)), test.groups

    def of(self, images: Images, labels: Labels) -> _Measured:
        features = self._extract(images)
        interval = kernel_distance_interval(self._real, self._groups, features, labels)
        return _Measured(features, kernel_distance(self._real, features), interval)

    def difference(
        self, before: NDArray[np.float64], after: NDArray[np.float64], labels: Labels
    ) -> Difference:
        return distance_difference(self._real, self._groups, before, after, labels)

    def _extract(self, images: Images) -> NDArray[np.float64]:
        def progress(done: int, total: int) -> None:
            self._report("features", done, total)

        return extract(images, self.extractor, progress=progress).astype(np.float64)


def _training_images(train: SplitArrays, count: int, seed: int) -> tuple[Images, Labels]:
    rows = subset(len(train.labels), count, seed)
    return np.asarray(train.images[rows]), train.labels[rows]


def _drawn(
    processed: Processed, generator: Generator, count: int, seed: int
) -> tuple[Images, Labels]:
    require_fit(generator.config, processed)
    rows = np.random.default_rng([seed, 1]).integers(len(processed.test.labels), size=count)
    labels = np.sort(processed.test.labels[rows])
    return sample(generator, [processed.classes[one] for one in labels], seed), labels


def _some_real(processed: Processed, count: int, seed: int) -> Images:
    """Real images of every split."""
    every = np.concatenate([np.asarray(split.images) for split in processed.splits.values()])
    return every[subset(len(every), count, seed)]


def _key(what: str, number: int) -> bytes:
    return hashlib.sha256(f"medloom bench marks {what} {number}".encode()).digest()


def _each(images: Images, change: Callable[[Grey], Grey], what: str, report: OnProgress) -> Images:
    changed = np.empty_like(images)
    for number, image in enumerate(images):
        changed[number] = change(image)
        report(what, number + 1, len(images))
    return changed


def _with_noise(plain: Images, marked: Images, seed: int) -> Images:
    """White noise in each image, of the energy of its watermark; the black stays black, too."""
    bright = plain > 0
    energy = ((plain.astype(np.float64) - marked) ** 2).sum((1, 2), keepdims=True)
    deviation = np.sqrt(energy / np.maximum(bright.sum((1, 2), keepdims=True), 1))
    noise = np.random.default_rng([seed, 2]).standard_normal(plain.shape) * deviation * bright
    noisy: Images = np.rint(plain + noise).clip(0, 255).astype(np.uint8)
    return noisy


def _alarms(images: Images, keys: int, seed: int, report: OnProgress) -> Alarms:
    z, found = np.zeros((keys, len(images))), 0
    for number in range(keys):
        key = _key(f"key {seed}", number)
        z[number] = [statistic(image, key) for image in images]
        found += sum(detect(image, key).found for image in images)
        report("looking for marks that are not there", number + 1, keys)
    of_keys = z.mean(1)
    return Alarms(
        images=len(images),
        keys=keys,
        found=found,
        most=binomial(found, z.size)[1],
        mean=float(z.mean()),
        deviation=float(z.std()),
        error=float(of_keys.std(ddof=1) / np.sqrt(keys)) if keys > 1 else None,
        highest=float(z.max()),
        luckiest_key=float(max(of_keys, key=abs)),
    )


def _survivals(marked: Images, key: bytes, report: OnProgress) -> list[Survival]:
    found = []
    for number, (name, change) in enumerate(CHANGES.items()):
        seen = [detect(change(image), key) for image in marked]
        count = sum(one.found for one in seen)
        low, high = binomial(count, len(seen))
        z = float(np.median([one.z for one in seen]))
        found.append(Survival(change=name, found=count, total=len(seen), low=low, high=high, z=z))
        report("changing marked images", number + 1, len(CHANGES))
    return found
