"""Pairs of an image and its layout: drawn by a generator, painted by rule, or real."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from bench.usefulness.painting import contrasts, painted
from model.families.base import Generator
from model.layouts import Layouts
from model.sampling import draw_layouts, sample
from pipeline.base.errors import BadInputError
from pipeline.data.processed import SplitArrays

BARE = "normal"
"""The class of images that show no finding, into which findings can be painted."""


class Pairs(NamedTuple):
    """Images with their layouts: uint8 [N, H, W], class index [N], layouts of N images."""

    images: NDArray[np.uint8]
    labels: NDArray[np.int64]
    layouts: Layouts


def generated_pairs(generator: Generator, classes: Sequence[str], count: int, seed: int) -> Pairs:
    """Generated images and the layouts that they were drawn by, classes in equal shares.

    Raises:
        BadInputError: nothing is known of the findings of a class.
    """
    labels, layouts = asked_layouts(generator, classes, count, seed)
    names = [classes[int(label)] for label in labels]
    return Pairs(sample(generator, names, seed, layouts=layouts), labels, layouts)


def painted_pairs(
    generator: Generator, classes: Sequence[str], real: Pairs, count: int, seed: int
) -> Pairs:
    """Generated images of class `BARE` without findings, with findings painted into them.

    The layouts are those of `generated_pairs`, so that both differ by how findings are made alone.

    Args:
        generator, classes, count, seed: as in `generated_pairs`; `BARE` is among the classes.
        real: annotated training images, of which the contrasts are.

    Raises:
        BadInputError: nothing is known of the findings of a class, or no contrast of a kind.
    """
    labels, layouts = asked_layouts(generator, classes, count, seed)
    none = Layouts(np.zeros_like(layouts.maps), layouts.told)
    anatomy = sample(generator, [BARE] * count, seed, layouts=none)
    known = contrasts(real.images, real.layouts)
    missing = [
        kind
        for place, kind in enumerate(generator.config.given)
        if layouts.maps[:, place].any() and not len(known[place])
    ]
    if missing:
        raise BadInputError(
            f"no annotated training image shows a {', '.join(missing)} with room around it, so its "
            "grey is not known: annotate some, or leave the kind out of the data"
        )
    images = [
        painted(image, maps, known, np.random.default_rng([seed, index]))
        for index, (image, maps) in enumerate(zip(anatomy, layouts.maps, strict=True))
    ]
    return Pairs(np.stack(images), labels, layouts)


def some_pairs(pairs: Pairs, count: int, seed: int) -> Pairs:
    """`count` of the pairs, every class among them, in the data's shares."""
    rng = np.random.default_rng(seed)
    order = rng.permutation(len(pairs.labels))
    # One of each class first, so that no class of the generated pairs is missing.
    first = [order[pairs.labels[order] == label][0] for label in np.unique(pairs.labels)]
    rows = np.sort(np.r_[first, order[~np.isin(order, first)]][: max(count, len(first))])
    return Pairs(pairs.images[rows], pairs.labels[rows], pairs.layouts[rows])


def annotated_pairs(split: SplitArrays, name: str) -> Pairs:
    """The annotated images of a split.

    Raises:
        BadInputError: there is none.
    """
    rows = annotated_rows(split)
    if split.layouts is None or not len(rows):
        raise BadInputError(f"no image of the {name} split is annotated")
    return Pairs(np.asarray(split.images[rows]), split.labels[rows], split.layouts[rows])


def annotated_rows(split: SplitArrays) -> NDArray[np.int64]:
    """The rows of a split of which it is known where findings are."""
    return (
        np.flatnonzero(split.layouts.told) if split.layouts is not None else np.zeros(0, np.int64)
    )


def asked_layouts(
    generator: Generator, classes: Sequence[str], count: int, seed: int
) -> tuple[NDArray[np.int64], Layouts]:
    """Classes in equal shares, and layouts as images of them have.

    Raises:
        BadInputError: nothing is known of the findings of a class.
    """
    labels = (np.arange(count) % len(classes)).astype(np.int64)
    layouts = draw_layouts(generator, [classes[int(label)] for label in labels], seed)
    if layouts is None or not layouts.told.all():
        raise BadInputError(
            "the generator knows nothing of the findings of some class; train it on images of "
            "which those of every class are annotated"
        )
    return labels, layouts
