"""Whether a classifier learns from generated images to tell images with a finding from others.

The images are those of which somebody said where findings are, and a generated image is told by the
layout that it was drawn by, so that no label is that of a patient's study.
"""

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from bench.usefulness.pairs import annotated_pairs, annotated_rows, asked_layouts
from model.families.base import Generator
from model.layouts import Layouts
from model.sampling import sample
from model.utility.config import UtilityConfig
from model.utility.record import UtilityReport
from model.utility.run import Labelled, run_utility
from pipeline.base.errors import BadInputError
from pipeline.data.processed import Processed, SplitArrays

SHOWN = ("without", "with")
"""Classes of the classifier, in label order."""


def measure_shown(
    processed: Processed,
    generator: Generator,
    classes: Sequence[str],
    config: UtilityConfig,
    on_progress: Callable[[int, int], None] | None = None,
) -> UtilityReport:
    """Train the classifier of `model.utility` on real, generated and both kinds of images.

    Args:
        processed: annotated images.
        generator: takes layouts of the same kinds.
        classes: that are drawn, in equal shares; of each, annotated images are known.
        config: the fits; `minutes` is large enough for all.
        on_progress: called with (fits done, fits in all).

    Raises:
        BadInputError: no annotated image, or none that is generated, shows a finding, or all do.
    """
    train, test = _labelled(processed.train, "train"), _labelled(processed.test, "test")

    def drawn(names: Sequence[str], seed: int) -> NDArray[np.uint8]:
        return draw_shown(generator, classes, names, seed)

    try:
        return run_utility(train, test, SHOWN, drawn, config, on_progress)
    except ValueError as error:
        raise BadInputError(f"cannot train a classifier of findings: {error}") from error


def draw_shown(
    generator: Generator, classes: Sequence[str], names: Sequence[str], seed: int
) -> NDArray[np.uint8]:
    """Generated images with findings and without, uint8 [N, H, W].

    Args:
        generator: takes layouts.
        classes: that are drawn, in equal shares.
        names: of `SHOWN`, one an image.
        seed: of layouts and images.

    Raises:
        BadInputError: no layout of these classes is so.
    """
    labels, layouts = asked_layouts(generator, classes, 2 * len(names), seed)
    shown = _shown(layouts)
    wanted = np.array([SHOWN.index(name) for name in names])
    rows = np.zeros(len(names), np.int64)
    for label, name in enumerate(SHOWN):
        if not (found := np.flatnonzero(shown == label)).size:
            raise BadInputError(f"no layout of {', '.join(classes)} is {name} a finding")
        rows[wanted == label] = np.resize(found, (wanted == label).sum())
    chosen = [classes[int(label)] for label in labels[rows]]
    return sample(generator, chosen, seed, layouts=layouts[rows])


def _labelled(split: SplitArrays, name: str) -> Labelled:
    pairs, rows = annotated_pairs(split, name), annotated_rows(split)
    shown = _shown(pairs.layouts)
    for label, word in enumerate(SHOWN):
        if not (shown == label).any():
            raise BadInputError(f"no annotated image of the {name} split is {word} a finding")
    return Labelled(pairs.images, shown, split.groups[rows])


def _shown(layouts: Layouts) -> NDArray[np.int64]:
    """1 for images with a finding, 0 for those without: int64 [N]."""
    return np.array([maps.any() for maps in layouts.maps], np.int64)
