"""Findings that a detector, trained on annotated real images, sees in generated ones.

The detector learns from the annotated training images. A threshold per kind is set on the
validation split, so that few images without a finding are called positive; how well it tells real
images apart is measured there too, and stands beside every figure that it makes.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import scipy
from numpy.typing import NDArray
from skimage.filters import apply_hysteresis_threshold

from model.detector import Detector, Fitting, detect, fit_detector
from model.layouts import Layouts
from pipeline.data.processed import Processed, SplitArrays
from pipeline.evaluation.copying import binomial
from pipeline.evaluation.image_set import Images
from pipeline.evaluation.obedience import obedience
from pipeline.evaluation.record import DETECTED, DETECTOR_AUC, EvaluateConfig, Figure

Maps = NDArray[np.uint8]

NAME = "detector2"
"""The finder, in the names of protocols; in records of before, "detector" is another one."""

_FALSE_ALARMS = 0.05  # share of validation images without a finding that may be called positive
_LEAST_SHOWN = 20  # training images with a finding of a kind that a detector needs
_LEAST_VALIDATED = 5  # validation images with, and without, a finding of a kind
_COVERED = 127
_LIKELY = 0.5  # probability of a pixel that belongs to a finding
_AT_ONCE = 128  # images whose maps are in memory
_LEAST_LIKELY = 1e-6  # probability that is told from 0 and 1, in float32


@dataclass(frozen=True)
class Fitted:
    """A trained detector with its thresholds.

    Attributes:
        network: gives one map of probabilities per kind.
        kinds: those it is trusted for, with their place among the maps.
        threshold: of the probability, by kind.
        auc: how well the highest probability in an image tells validation images with a finding
            from those without, by kind.
        validated: validation images, by kind.
    """

    network: Detector
    kinds: dict[str, int]
    threshold: dict[str, float]
    auc: dict[str, float]
    validated: dict[str, int]

    def evidence(self, images: Images) -> NDArray[np.float64]:
        """Log odds of the likeliest pixel of each trusted kind: uint8 [N, S, S] -> [N, K]."""
        trusted = list(self.kinds.values())
        # Part by part: maps of a whole training split would take gigabytes.
        parts = [
            detect(self.network, images[start : start + _AT_ONCE])[:, trusted].max((2, 3))
            for start in range(0, len(images), _AT_ONCE)
        ]
        highest = np.concatenate(parts).astype(np.float64)
        return np.asarray(scipy.special.logit(highest.clip(_LEAST_LIKELY, 1 - _LEAST_LIKELY)))

    def found(self, images: Images) -> Maps:
        """Where each kind is found: uint8 [N, K, S, S], 0 or 255, K as in `kinds`.

        A finding is what is more likely than not, around a pixel above the kind's threshold.
        """
        seen = detect(self.network, images)
        maps = np.zeros((len(seen), len(self.kinds), *seen.shape[2:]), np.uint8)
        for row, image in enumerate(seen):
            for number, (kind, place) in enumerate(self.kinds.items()):
                high = self.threshold[kind]
                found = apply_hysteresis_threshold(image[place], min(high, _LIKELY), high)
                maps[row, number][found] = 255
        return maps


def fit_on(
    processed: Processed,
    config: EvaluateConfig,
    on_progress: Callable[[int, int], None] | None = None,
) -> Fitted | None:
    """Train a detector on the annotated training images, and set its thresholds.

    Returns:
        None if no kind has 20 training images with it, and 5 validation images with and without,
        or `config.detector_steps` is 0.
    """
    learned, held_out = (_annotated(split) for split in (processed.train, processed.val))
    if not config.detector_steps or learned is None or held_out is None:
        return None
    kinds = {
        kind: place
        for place, kind in enumerate(processed.kinds)
        if _shown(learned[1])[:, place].sum() >= _LEAST_SHOWN
        and min(np.bincount(_shown(held_out[1])[:, place], minlength=2)) >= _LEAST_VALIDATED
    }
    if not kinds:
        return None
    fitting = Fitting(steps=config.detector_steps, seed=config.seed)
    network = fit_detector(*learned, fitting, on_progress)
    highest = detect(network, held_out[0]).max((2, 3))
    threshold, auc, validated = {}, {}, {}
    for kind, place in kinds.items():
        with_it = _shown(held_out[1])[:, place]
        yes, no = highest[with_it, place], highest[~with_it, place]
        threshold[kind] = float(np.quantile(no, 1 - _FALSE_ALARMS, method="higher"))
        ranks = scipy.stats.mannwhitneyu(yes, no, method="asymptotic")
        auc[kind] = float(ranks.statistic) / (len(yes) * len(no))
        validated[kind] = len(with_it)
    return Fitted(network, kinds, threshold, auc, validated)


def detected(
    fitted: Fitted,
    images: Images,
    labels: NDArray[np.int64],
    processed: Processed,
    layouts: Layouts | None = None,
    themselves: Layouts | None = None,
    kinds: Sequence[str] | None = None,
) -> list[Figure]:
    """What the detector finds in generated images, beside what it finds in held-out real ones.

    Args:
        fitted: from `fit_on`.
        images, labels: generated, uint8 [N, S, S] and class index [N].
        processed: its test split gives the floor.
        layouts: those that the generated images were given; None: findings were not commanded.
        themselves: those that the generator made beside its images; None: it makes none.
        kinds: names of the maps of both, as the generator has them; None: those of `processed`.

    Returns:
        For each kind the AUC on real images, the share of images of each class in which it is
        found, and, with layouts of it, the figures of obedience.
    """
    test = processed.test
    made, real = fitted.found(images), fitted.found(np.ascontiguousarray(test.images))
    figures = []
    for place, kind in enumerate(fitted.kinds):
        figures.append(
            Figure(
                metric=f"{kind}_{DETECTOR_AUC}",
                label=None,
                protocol=f"{kind}_{DETECTOR_AUC}_{NAME}",
                value=fitted.auc[kind],
                floor=0.5,
                n_real=fitted.validated[kind],
                n_fake=0,
            )
        )
        for label, name in enumerate(processed.classes):
            yes, there = (
                side[rows == label, place].any((1, 2))
                for side, rows in ((made, labels), (real, test.labels))
            )
            if len(yes) and len(there):
                low, high = binomial(int(yes.sum()), len(yes))
                figures.append(
                    Figure(
                        metric=f"{kind}_{DETECTED}",
                        label=name,
                        protocol=f"{kind}_{DETECTED}_{NAME}",
                        value=float(yes.mean()),
                        floor=float(there.mean()),
                        low=low,
                        high=high,
                        n_real=len(there),
                        n_fake=len(yes),
                    )
                )
    names = processed.kinds if kinds is None else tuple(kinds)
    told_of = [kind for kind in fitted.kinds if kind in names]
    beside = _told(test.layouts, processed.kinds, real, fitted, told_of)
    for where, by_itself in ((layouts, False), (themselves, True)):
        pair = _told(where, names, made, fitted, told_of)
        if pair:
            figures += obedience(pair, beside, told_of, NAME, themselves=by_itself)
    return figures


def _told(
    layouts: Layouts | None, names: Sequence[str], found: Maps, fitted: Fitted, kinds: Sequence[str]
) -> tuple[Maps, Maps] | None:
    """Of the images with a layout: its maps of these kinds, and where they are found."""
    if layouts is None or not kinds:
        return None
    wanted, seen = ([list(side).index(kind) for kind in kinds] for side in (names, fitted.kinds))
    return layouts.maps[layouts.told][:, wanted], found[layouts.told][:, seen]


def _annotated(split: SplitArrays) -> tuple[Images, Maps] | None:
    """Images and maps of the annotated images; None without any."""
    if split.layouts is None or not split.layouts.told.any():
        return None
    told = split.layouts.told
    return np.ascontiguousarray(split.images[told]), np.ascontiguousarray(split.layouts.maps[told])


def _shown(maps: Maps) -> NDArray[np.bool_]:
    """Whether each image has a finding of each kind, [N, K]."""
    there: NDArray[np.bool_] = maps.max((2, 3)) > _COVERED
    return there
