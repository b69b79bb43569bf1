"""Whether generated pairs of image and mask can replace annotated real ones.

A small segmentation network, the detector of the evaluate stage, is trained on generated pairs
alone, on as many painted ones, and on as many annotated real ones, and all are tested on annotated
real images of held-out groups. Painted pairs have findings by rule in generated anatomy: what a
generator of findings has to beat.
"""

import math
from collections.abc import Callable, Sequence
from functools import partial

import numpy as np
from numpy.typing import NDArray

from bench.fit import require_fit
from bench.usefulness.pairs import (
    BARE,
    Pairs,
    annotated_pairs,
    annotated_rows,
    generated_pairs,
    painted_pairs,
    some_pairs,
)
from model.detector import BATCH, Fitting, detect, fit_detector
from model.families.base import Generator
from model.layouts import masks
from model.section import Stored
from model.utility.intervals import Resampling, Spread, resampling
from model.utility.record import Estimate, UtilityReport
from pipeline.base.errors import BadInputError
from pipeline.data.processed import Processed

RESAMPLES = 2000
GENERATED, PAINTED, REAL = "generated alone", "painted alone", "real alone"

_LIKELY = 0.5  # probability of a pixel that belongs to a finding

Array = NDArray[np.float64]
OnProgress = Callable[[str, int, int], None]


class KindScore(Stored):
    """The Dice coefficient of one kind of finding over all pixels of the test images.

    Attributes:
        kind: name.
        test_images: test images that show one.
        dice: by arm, 0 to 1.
        difference: generated minus real, on the same draws of test groups.
        over_painted: generated minus painted, likewise; None without that arm.
    """

    kind: str
    test_images: int
    dice: dict[str, Estimate]
    difference: Estimate
    over_painted: Estimate | None = None


class Usefulness(Stored):
    """The outcome of `measure_usefulness`.

    Attributes:
        pairs: training images of each arm.
        test_images, test_groups: annotated test images and their groups.
        steps, batch, seeds: of every training.
        view: the part of an image that is shown; "" for whole images.
        kinds: one score a kind that the test images show.
        not_tested: kinds that no test image shows.
        not_annotated: classes without an annotated training image, which are not drawn.
        arms: what was trained on; without `PAINTED` if the data have no class `BARE`.
        shown: classifiers of images with a finding and without, if they were trained.
    """

    pairs: int
    test_images: int
    test_groups: int
    steps: int
    batch: int
    seeds: int
    view: str
    kinds: tuple[KindScore, ...]
    not_tested: tuple[str, ...]
    arms: tuple[str, ...] = (GENERATED, REAL)
    not_annotated: tuple[str, ...] = ()
    shown: UtilityReport | None = None


def measure_usefulness(
    processed: Processed,
    generator: Generator,
    *,
    pairs: int = 500,
    kimg: float = 16.0,
    seeds: int = 2,
    on_progress: OnProgress | None = None,
) -> Usefulness:
    """Train and test the segmentation network on generated, painted and real pairs.

    All arms have the same number of images and of steps. Half of every batch shows a finding,
    kinds in equal shares, and nothing is selected. Each seed draws other pairs, other real images
    and other starting weights.

    Args:
        processed: annotated images.
        generator: takes layouts of the same kinds, and draws the same classes, size and view.
        pairs: training images of an arm; fewer if fewer real ones are annotated.
        kimg: thousands of images shown in every training.
        seeds: trainings of each arm.
        on_progress: called with (what, done, total).

    Raises:
        BadInputError: the data is not annotated, or data and generator do not fit each other.
    """
    if not processed.kinds:
        raise BadInputError(
            "no image of the data is annotated: ingest images with their findings beside them "
            "(docs/ingest.md), and run preprocess"
        )
    require_fit(generator.config, processed, findings=True)
    train, test = annotated_pairs(processed.train, "train"), annotated_pairs(processed.test, "test")
    classes = annotated_classes(processed)
    count, steps = min(pairs, len(train.labels)), max(1, round(1000 * kimg / BATCH))
    truth = masks(np.asarray(test.layouts.maps))
    arms = _arms(generator, classes, train, count)
    sums: dict[str, list[Array]] = {arm: [] for arm in arms}
    for seed in range(seeds):
        for place, (arm, pairs_of) in enumerate(arms.items()):
            if on_progress:
                on_progress(f"{arm}, seed {seed}", len(arms) * seed + place, len(arms) * seeds)
            one = pairs_of(seed)
            sums[arm].append(overlaps(_found_by(one, steps, seed, test.images), truth))
    if on_progress:
        on_progress("done", len(arms) * seeds, len(arms) * seeds)
    groups = processed.test.groups[annotated_rows(processed.test)]
    # Classes without an annotated test image have no part in the error.
    tested, labels = np.unique(test.labels, return_inverse=True)
    draws = resampling(labels.astype(np.int64), groups, len(tested), RESAMPLES)
    shown = truth.any((2, 3)).sum(0)
    return Usefulness(
        pairs=count,
        test_images=len(test.labels),
        test_groups=len(np.unique(groups)),
        steps=steps,
        batch=BATCH,
        seeds=seeds,
        view=processed.view,
        kinds=tuple(
            _score(kind, int(shown[k]), {arm: [s[:, k] for s in sums[arm]] for arm in arms}, draws)
            for k, kind in enumerate(processed.kinds)
            if shown[k]
        ),
        not_tested=tuple(kind for k, kind in enumerate(processed.kinds) if not shown[k]),
        not_annotated=tuple(name for name in processed.classes if name not in classes),
        arms=tuple(arms),
    )


def annotated_classes(processed: Processed) -> tuple[str, ...]:
    """The classes of which a training image is annotated, in label order."""
    told = set(processed.train.labels[annotated_rows(processed.train)].tolist())
    return tuple(name for label, name in enumerate(processed.classes) if label in told)


def _arms(
    generator: Generator, classes: Sequence[str], train: Pairs, count: int
) -> dict[str, Callable[[int], Pairs]]:
    """The pairs of a seed, by arm."""
    arms: dict[str, Callable[[int], Pairs]] = {
        GENERATED: partial(generated_pairs, generator, classes, count)
    }
    if BARE in classes:
        arms[PAINTED] = partial(painted_pairs, generator, classes, train, count)
    arms[REAL] = partial(some_pairs, train, count)
    return arms


def _found_by(pairs: Pairs, steps: int, seed: int, images: NDArray[np.uint8]) -> NDArray[np.bool_]:
    """The pixels of each kind in images, by a network that is trained on pairs: bool [N, K, H, W].

    Raises:
        BadInputError: no pair shows a finding, or the side does not suit the network.
    """
    try:
        network = fit_detector(pairs.images, np.asarray(pairs.layouts.maps), Fitting(steps, seed))
    except ValueError as error:
        raise BadInputError(f"cannot train a segmentation network: {error}") from error
    return detect(network, images) > _LIKELY


def overlaps(found: NDArray[np.bool_], truth: NDArray[np.bool_]) -> Array:
    """Pixels that are found and true, and pixels that are either, twice those that are both.

    Args:
        found, truth: bool [N, K, H, W].

    Returns:
        float64 [N, K, 2]; Dice is 2 x the first over the second, both summed over images.
    """
    both, each = (found & truth).sum((2, 3)), found.sum((2, 3)) + truth.sum((2, 3))
    return np.stack([both, each], -1).astype(np.float64)


def dice_spread(
    sums: Sequence[Array], draws: Resampling, reference: Sequence[Array] = ()
) -> Spread:
    """Dice over all images, averaged over seeds, with its error over test groups and seeds.

    As `model.utility.intervals.spread`: variance over draws of the groups of the mean over seeds,
    plus variance over seeds divided by their number.

    Args:
        sums: of each seed, float64 [N, 2] as from `overlaps`.
        draws: of the test groups.
        reference: sums of another arm, whose Dice is subtracted seed by seed.
    """
    whole, drawn = _dice(sums, draws)
    if reference:
        others, others_drawn = _dice(reference, draws)
        whole, drawn = whole - others, drawn - others_drawn
    seeds = len(sums)
    if not draws.freedom or seeds < 2:
        return Spread(float(whole.mean()), 0.0, 1.0)
    of_groups, of_seeds = float(drawn.mean(1).var(ddof=1)), float(whole.var(ddof=1)) / seeds
    total = of_groups + of_seeds
    if total < 1e-20:
        return Spread(float(whole.mean()), 0.0, 1.0)
    freedom = total**2 / (of_groups**2 / draws.freedom + of_seeds**2 / (seeds - 1))
    return Spread(float(whole.mean()), math.sqrt(total), freedom)


def _dice(sums: Sequence[Array], draws: Resampling) -> tuple[Array, Array]:
    """Dice of each seed [S], and by draw of the groups [B, S]."""
    by_group = np.zeros((len(sums), draws.weights.shape[1], 2))
    for place, one in enumerate(sums):
        np.add.at(by_group[place], draws.member, one)
    both, each = by_group[..., 0], by_group[..., 1]
    whole = 2 * both.sum(1) / np.maximum(each.sum(1), 1)
    drawn = 2 * (draws.weights @ both.T) / np.maximum(draws.weights @ each.T, 1)
    return whole, drawn


def _score(
    kind: str, test_images: int, sums: dict[str, list[Array]], draws: Resampling
) -> KindScore:
    return KindScore(
        kind=kind,
        test_images=test_images,
        dice={arm: dice_spread(one, draws).estimate(0.0, 1.0) for arm, one in sums.items()},
        difference=dice_spread(sums[GENERATED], draws, sums[REAL]).estimate(),
        over_painted=(
            dice_spread(sums[GENERATED], draws, sums[PAINTED]).estimate()
            if PAINTED in sums
            else None
        ),
    )
