"""Run the declared fits one after the other, then compute the figures.

The generator was trained on the whole training split, whatever share the classifier gets. So the
arms with a small share test whether synthetic images can replace real ones that cannot be shared,
not how a generator trained on that share would do.
"""

import math
import time
from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ..data import check
from .classifier import Training, fit_classifier, probabilities, real_and_synthetic
from .config import BATCH, Arm, Fit, UtilityConfig, arms, contrasts, plan
from .control import fit_plain
from .intervals import Resampling, balanced_accuracy, macro_auc, resampling, spread
from .record import ArmScore, Claim, Contrast, Control, UtilityReport

Images = NDArray[np.uint8]
Labels = NDArray[np.int64]
Sampler = Callable[[Sequence[str], int], Images]
OnProgress = Callable[[int, int], None]

SIGNIFICANCE = 0.05


class Labelled(NamedTuple):
    """Real images: uint8 [N, H, W], class index [N], patient or group [N]."""

    images: Images
    labels: Labels
    groups: NDArray[np.str_]


class _Result(NamedTuple):
    """One fit's answers on the test split, and its number of distinct real training images."""

    answers: Labels
    auc: float
    real_images: int


def run_utility(
    train: Labelled,
    test: Labelled,
    classes: Sequence[str],
    sampler: Sampler,
    config: UtilityConfig,
    on_progress: OnProgress | None = None,
    clock: Callable[[], float] = time.monotonic,
) -> UtilityReport:
    """Train the same classifier on real, augmented, synthetic and mixed images, and compare.

    Fits run in the order of `plan`. If a fit as long as the longest so far would exceed
    `config.minutes`, it and all later fits are skipped and listed in the report. No fit is
    shortened. If every fit runs, the report is repeatable on one machine with as many threads. No
    validation split is needed, because nothing is selected (see `classifier`).

    Args:
        train: exactly the images that the generator was trained on.
        test: of other groups, the same for every fit.
        classes: names in label order, all present in both splits.
        sampler: (class names, seed) -> uint8 [N, H, W].
        config: the `evaluate.utility` section.
        on_progress: called with (fits done, fits in all).
        clock: returns seconds, to measure the minutes.

    Raises:
        ValueError: arrays and classes do not fit each other, a group is in both splits, there is
            only one class, the sampler's images have another size, or `config.minutes` is 0,
            which disables the run.
    """
    _hold(train, test, classes, config)
    results = _run(train, test, classes, sampler, config, on_progress, clock)
    draws = resampling(test.labels, test.groups, len(classes), config.resamples)
    control = _control(train, test, len(classes), draws)
    not_run = tuple(fit.name for fit in plan(config) if fit not in results)
    return UtilityReport(
        config=config,
        classes=tuple(classes),
        n_train=len(train.labels),
        n_test=len(test.labels),
        train_groups=len(np.unique(train.groups)),
        test_groups=len(np.unique(test.groups)),
        arms=tuple(
            _score(arm, seeds, results, test, draws)
            for arm in arms(config)
            if (seeds := _seeds(results, config, arm))
        ),
        contrasts=tuple(
            _contrast(pair, seeds, results, draws, len(contrasts(config)))
            for pair in contrasts(config)
            if (seeds := _seeds(results, config, *pair))
        ),
        control=control,
        not_run=not_run,
        repeatable=not not_run,
        warnings=tuple(_warnings(classes, draws, control, config, len(not_run))),
    )


def _hold(train: Labelled, test: Labelled, classes: Sequence[str], config: UtilityConfig) -> None:
    for split in (train, test):
        check(split.images, split.labels, classes)
    if shared := sorted(set(train.groups.tolist()) & set(test.groups.tolist())):
        raise ValueError(f"{len(shared)} groups are both in training and test, such as {shared[0]}")
    if len(classes) < 2:
        raise ValueError(
            "utility is the accuracy of a classifier, which needs two classes; there is one"
        )
    if not config.minutes:
        raise ValueError("evaluate.utility.minutes is 0: set the minutes that the fits may take")


# -- the fits --------------------------------------------------------------------------------------


def _run(
    train: Labelled,
    test: Labelled,
    classes: Sequence[str],
    sampler: Sampler,
    config: UtilityConfig,
    on_progress: OnProgress | None,
    clock: Callable[[], float],
) -> dict[Fit, _Result]:
    fits, results = plan(config), dict[Fit, _Result]()
    started, longest = clock(), 0.0

    @lru_cache(maxsize=1)  # the fits of a seed follow one another
    def pool(seed: int) -> tuple[Images, Labels]:
        return _draw_pool(sampler, classes, config.synthetic, seed, train.images.shape[1:])

    for place, fit in enumerate(fits):
        before = clock()
        if before - started + longest > config.minutes * 60:
            break
        synthetic = pool(fit.seed) if fit.arm.synthetic_share else None
        results[fit] = _fit(fit, train, test, synthetic, len(classes), config)
        longest = max(longest, clock() - before)
        if on_progress:
            on_progress(place + 1, len(fits))
    return results


def _draw_pool(
    sampler: Sampler, classes: Sequence[str], count: int, seed: int, size: tuple[int, ...]
) -> tuple[Images, Labels]:
    """Generated images, classes in equal shares; new for each seed, the same for all arms."""
    labels = np.repeat(np.arange(len(classes)), max(count // len(classes), 1)).astype(np.int64)
    images = sampler([classes[label] for label in labels.tolist()], seed)
    check(images, labels, classes)
    if images.shape[1:] != size:
        raise ValueError(f"generated images are {images.shape[1:]}, real images are {size}")
    return images, labels


def _fit(
    fit: Fit,
    train: Labelled,
    test: Labelled,
    synthetic: tuple[Images, Labels] | None,
    classes: int,
    config: UtilityConfig,
) -> _Result:
    rows = real_rows(train.labels, train.groups, fit.arm.share, fit.seed)
    real = (train.images[rows], train.labels[rows])
    draw = real_and_synthetic(real, synthetic, fit.arm.synthetic_share, classes, BATCH)
    training = Training(config.steps, BATCH, config.learning_rate, fit.arm.kind == "classic")
    found = probabilities(fit_classifier(draw, classes, training, fit.seed), test.images)
    return _Result(found.argmax(1), macro_auc(found, test.labels), len(rows))


def real_rows(labels: Labels, groups: NDArray[np.str_], share: float, seed: int) -> Labels:
    """The rows of a share of each class's groups, rounded up to whole groups.

    Smaller shares are subsets of larger ones with the same seed. A share of images instead would
    keep nearly every patient, and make few images look sufficient.

    Args:
        labels, groups: [N].
        share: 0 (no row) to 1 (all).
        seed: of the choice.

    Returns:
        int64, sorted.
    """
    rng = np.random.default_rng(seed)
    chosen = np.zeros(len(labels), bool)
    for label in np.unique(labels):
        own = labels == label
        names = rng.permutation(np.unique(groups[own]))
        # 0.1 * 30 is 3.0000000000000004, but means three groups.
        chosen |= own & np.isin(groups, names[: math.ceil(round(share * len(names), 9))])
    return np.flatnonzero(chosen)


# -- the figures -----------------------------------------------------------------------------------


def _seeds(results: dict[Fit, _Result], config: UtilityConfig, *of: Arm) -> tuple[int, ...]:
    """The seeds that all of these arms have run."""
    return tuple(seed for seed in config.seeds if all(Fit(arm, seed) in results for arm in of))


def _answers(arm: Arm, seeds: Sequence[int], results: dict[Fit, _Result]) -> Labels:
    return np.stack([results[Fit(arm, seed)].answers for seed in seeds])


def _score(
    arm: Arm, seeds: tuple[int, ...], results: dict[Fit, _Result], test: Labelled, draws: Resampling
) -> ArmScore:
    own, answers = [results[Fit(arm, seed)] for seed in seeds], _answers(arm, seeds, results)
    return ArmScore(
        arm=arm,
        seeds=seeds,
        real_images=tuple(result.real_images for result in own),
        by_seed=tuple(balanced_accuracy(one, test.labels) for one in answers),
        balanced_accuracy=spread(answers, draws).estimate(low=0.0),
        macro_auc=float(np.mean([result.auc for result in own])),
    )


def _contrast(
    pair: tuple[Arm, Arm],
    seeds: tuple[int, ...],
    results: dict[Fit, _Result],
    draws: Resampling,
    declared: int,
) -> Contrast:
    treated, reference = (_answers(arm, seeds, results) for arm in pair)
    difference = spread(treated, draws, reference)
    p = min(difference.p * declared, 1.0)
    claim: Claim = "better" if difference.value > 0 else "worse"
    return Contrast(
        treated=pair[0],
        reference=pair[1],
        seeds=seeds,
        difference=difference.estimate(),
        p=p,
        claim=claim if p < SIGNIFICANCE else "undecided",
    )


def _control(train: Labelled, test: Labelled, classes: int, draws: Resampling) -> Control:
    answers = fit_plain((train.images, train.labels), classes)(test.images)
    found, chance = spread(answers[None], draws, seeded=False), 1 / classes
    above = found._replace(value=found.value - chance)
    # One-sided; without variation, any value above chance counts, as this is only a warning.
    fires = above.value > 0 and (not above.error or above.p / 2 < SIGNIFICANCE)
    return Control(balanced_accuracy=found.estimate(low=0.0), chance=chance, fires=fires)


def _warnings(
    classes: Sequence[str],
    draws: Resampling,
    control: Control,
    config: UtilityConfig,
    not_run: int,
) -> list[str]:
    found = []
    if config.confounded:
        found.append(
            "Class and source are confounded in these data, as evaluate.utility.confounded says: a "
            "classifier may distinguish scanners or repositories and not findings."
        )
    if control.fires:
        found.append(
            f"Grey levels and borders alone, without any shape, reach a balanced accuracy of "
            f"{control.balanced_accuracy.value:.2f}, where guessing reaches {control.chance:.2f}: "
            "every arm may reach that much without anatomy."
        )
    if draws.alone:
        few = ", ".join(classes[label] for label in draws.alone)
        found.append(
            "No interval and no claim: each of these classes is in one test group only, or the "
            f"main class of one only, so how its patients vary is unknown: {few}."
        )
    if not_run:
        found.append(
            f"{not_run} of {len(plan(config))} fits were not run within {config.minutes:g} min. "
            "Which ones depends on the machine's speed, so this record is not repeatable; "
            "increase evaluate.utility.minutes to complete it."
        )
    return found
