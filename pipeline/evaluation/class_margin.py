"""Whether each class is drawn as itself: distances between generated and real classes.

The distances are plain, and once more with grey levels matched inside the body: where classes come
from different scanners or phases, brightness alone tells them apart, and a generator that learned
brightness alone should not count as faithful.
"""

import math
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray
from skimage.exposure import match_histograms

from model import metrics
from model.extractors import metric_name
from pipeline.evaluation.class_record import Cell, ClassMatrix, ClassPair
from pipeline.evaluation.image_set import LEAST_IMAGES, Images, ImageSet
from pipeline.evaluation.record import CLASS_MARGIN, CLASS_MARGIN_MATCHED, EvaluateConfig, Figure

Features = Callable[[Images, bool], NDArray[np.float64]]

PLAIN, MATCHED = "as drawn", "matched"
MATCHED_MOST = 240
"""Most images a side of which grey levels are matched and features extracted once more."""

_LEAST_CLASSES = 2
_REFERENCE_PIXELS = 100_000  # of body pixels that define the common grey levels


def class_margins(
    test: ImageSet,
    train: ImageSet,
    control: ImageSet,
    fake: ImageSet,
    config: EvaluateConfig,
    classes: tuple[str, ...],
    features: Features,
) -> tuple[list[Figure], tuple[ClassMatrix, ...]]:
    """Margins by class and matrices, as drawn and with grey levels matched.

    Args:
        test: held-out images.
        train: training images.
        control: training images in the place of the generated ones (`matched`).
        fake: the generated images.
        config: extractor, and the seed of the images of which grey levels are matched.
        classes: names in label order.
        features: of images, float64 [N, d], and whether they are real and may be cached.

    Returns:
        Nothing for a single class.
    """
    if len(classes) < _LEAST_CLASSES:
        return [], ()
    figures, plain = class_matrix(test, control, fake, config, classes, train, PLAIN)
    levels = reference_levels(train.images)

    def matched_side(side: ImageSet) -> ImageSet:
        chosen = side.of(some(side, config))
        images = matched_grey(chosen.images, levels)
        found = features(images, side is not fake)
        return ImageSet(images, chosen.labels, chosen.groups, found)

    held_out, learned, made = (matched_side(side) for side in (test, control, fake))
    more, matched = class_matrix(held_out, learned, made, config, classes, learned, MATCHED)
    return figures + more, (plain, matched)


def class_matrix(
    test: ImageSet,
    control: ImageSet,
    fake: ImageSet,
    config: EvaluateConfig,
    classes: tuple[str, ...],
    train: ImageSet,
    grey: str,
) -> tuple[list[Figure], ClassMatrix]:
    """Margins by class, and the matrix of distances with every two classes.

    Args:
        test: held-out images, of which the distances are taken.
        control: training images in the place of the generated ones; they give the floor.
        fake: the generated images.
        config: extractor.
        classes: names in label order.
        train: training images with which pairs of classes are compared.
        grey: PLAIN or MATCHED, for the names.

    Returns:
        A margin for each class with enough images on both sides, and the matrix.
    """
    found, floor = (_compared(test, side, classes) for side in (fake, control))
    shown, held_out = (_compared(train, side, classes) for side in (fake, test))
    name = CLASS_MARGIN if grey == PLAIN else CLASS_MARGIN_MATCHED
    suffix = metric_name("kd", config.extractor).prefix.removeprefix("kd_")
    protocol = f"{name}_{suffix}_n{len(fake)}"
    figures = [
        Figure(
            metric=name,
            label=label,
            protocol=protocol,
            value=float(found.margin.value[row]),
            floor=_cell(floor.margin.value[row]),
            low=_cell(found.margin.low[row]),
            high=_cell(found.margin.high[row]),
            n_real=int((test.labels == row).sum()),
            n_fake=int((fake.labels == row).sum()),
        )
        for row, label in enumerate(classes)
        if math.isfinite(found.margin.value[row])
    ]
    matrix = ClassMatrix(
        grey=grey,
        protocol=protocol,
        classes=classes,
        distance=_table(found.distance.value),
        low=_table(found.distance.low),
        high=_table(found.distance.high),
        floor=_table(floor.distance.value),
        pairs=tuple(class_pairs(shown, held_out, classes)),
        n_real=len(test),
        n_fake=len(fake),
    )
    return figures, matrix


def class_pairs(
    shown: metrics.ClassMatrix, held_out: metrics.ClassMatrix | None, classes: tuple[str, ...]
) -> list[ClassPair]:
    """The record of every two classes.

    Args:
        shown: generated against training images.
        held_out: held-out against training images, for the floor.
        classes: names in label order.
    """
    return [
        ClassPair(
            first=classes[a],
            second=classes[b],
            real=_cell(shown.real.value[a, b]),
            real_low=_cell(shown.real.low[a, b]),
            value=_cell(shown.contrast.value[a, b]),
            low=_cell(shown.contrast.low[a, b]),
            high=_cell(shown.contrast.high[a, b]),
            floor=None if held_out is None else _cell(held_out.contrast.value[a, b]),
        )
        for a in range(len(classes))
        for b in range(a + 1, len(classes))
    ]


def some(side: ImageSet, config: EvaluateConfig) -> NDArray[np.int64]:
    """Sorted rows of at most MATCHED_MOST images, classes in equal shares as far as they go."""
    rng = np.random.default_rng([config.seed, 5])
    share = max(MATCHED_MOST // len(np.unique(side.labels)), 2)
    rows = [
        rng.permutation(np.flatnonzero(side.labels == label))[:share]
        for label in np.unique(side.labels)
    ]
    return np.sort(np.concatenate(rows))


def reference_levels(train: Images) -> NDArray[np.uint8]:
    """The common grey levels: body pixels of training images, at most 100,000, evenly chosen."""
    body = np.asarray(train)[np.asarray(train) > 0]
    return body[:: max(len(body) // _REFERENCE_PIXELS, 1)]


def matched_grey(images: Images, reference: NDArray[np.uint8]) -> Images:
    """Images whose body has the grey levels of the reference; black stays black.

    Args:
        images: uint8 [N, H, W]; the body is what is above black.
        reference: uint8 [P], from `reference_levels`.
    """
    out = np.zeros_like(images)
    for made, image in zip(out, images, strict=True):
        body = image > 0
        if body.any() and len(reference):
            levels = match_histograms(image[body], reference)
            made[body] = np.asarray(levels).round().clip(1, 255).astype(np.uint8)
    return out


def _compared(real: ImageSet, side: ImageSet, classes: tuple[str, ...]) -> metrics.ClassMatrix:
    """Compare on the classes with enough images on both sides; the others are nan."""
    number = len(classes)
    enough = [
        np.bincount(one.labels, minlength=number) >= LEAST_IMAGES // 2 for one in (real, side)
    ]
    kept = enough[0] & enough[1]
    left, right = kept[real.labels], kept[side.labels]
    return metrics.class_matrix(
        real.features[left],
        real.groups[left],
        real.labels[left],
        side.features[right],
        side.labels[right],
        number,
    )


def _cell(value: float) -> Cell:
    return float(value) if math.isfinite(value) else None


def _table(values: NDArray[np.float64]) -> tuple[tuple[Cell, ...], ...]:
    return tuple(tuple(_cell(one) for one in row) for row in values)
