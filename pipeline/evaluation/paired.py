"""Score results that have a truth: each made image beside the real one it was made from.

Groups count equally, as in the gate. The task's rival is measured on the same images and is the
record's baseline. Figures of copying, variety and coverage would say nothing here: a result is
meant to resemble an image of the same patient.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from model import metrics
from model.extractors import metric_name
from model.features import extract
from model.network import NetworkConfig
from model.tasks import Task, task_of, work_of
from pipeline.base.errors import BadInputError
from pipeline.data.processed import Processed, SplitArrays
from pipeline.evaluation.image_set import LEAST_IMAGES
from pipeline.evaluation.record import KERNEL, EvaluateConfig, Evaluation, Figure
from pipeline.evaluation.score import Fakes, OnProgress, protocol_of

Images = NDArray[np.uint8]
Maker = Callable[[Images], Images]
"""From what is given, uint8 [N, h, w], to what a generator makes of it, uint8 [N, H, W]."""

Values = Mapping[str, NDArray[np.float64]]
"""Each quality of a task, float64 [N]."""

_CONFIDENCE = 0.95


@dataclass(frozen=True)
class Pairs:
    """What is compared, row by row: uint8 [N, ...] each, class index [N], group [N].

    Of a task of two sources both are given and both are the truth: uint8 [N, 2, H, W].
    """

    given: Images
    rival: Images
    made: Images
    truth: Images
    labels: NDArray[np.int64]
    groups: NDArray[np.str_]


class PairsScored(NamedTuple):
    """An evaluation with the images of its pictures."""

    evaluation: Evaluation
    pairs: Pairs


class _Judged(NamedTuple):
    """What every figure of one evaluation is made of."""

    task: Task
    config: EvaluateConfig
    classes: tuple[str, ...]
    factor: int

    @property
    def way(self) -> str:
        """The end of every protocol's name: x4, or fused."""
        return "fused" if self.task.sources > 1 else f"x{self.factor}"


def score_pairs(
    make: Maker,
    network: NetworkConfig,
    processed: Processed,
    config: EvaluateConfig,
    model: str,
    *,
    cache: Path | None = None,
    on_progress: OnProgress | None = None,
) -> PairsScored:
    """Measure what a generator makes of the test split beside the truth.

    Args:
        make: the generator.
        network: its config.
        processed: the real images.
        config: the `evaluate` section; at most `n_fake` images are used, evenly spaced.
        model: identity of the generator, for the record.
        cache: folder that caches features of real images by content.
        on_progress: called as (what, done, total).

    Raises:
        BadInputError: sizes differ, or the test split is too small.
    """
    report = on_progress or (lambda _what, _done, _total: None)
    task = task_of(network.family)
    work, test = work_of(task), _chosen(processed.test, config.n_fake)
    _check(test, network)
    truth = np.array(test.images)
    given = work.given(truth, network)
    report("what the generator makes", 0, len(truth))
    made, beside = make(given), work.rival(given, network)
    report("what the generator makes", len(truth), len(truth))
    pairs = Pairs(given, beside, made, truth, test.labels, test.groups)
    judged = _Judged(task, config, processed.classes, network.factor)
    distances: list[list[Figure]] = [[], []]
    if task.sources == 1:  # a fused image has no counterpart among real images
        real = extract(truth, config.extractor, cache_folder=cache).astype(np.float64)
        distances = [
            _distance(real, _features(side, config), pairs, judged) for side in (made, beside)
        ]
    fakes = Fakes(made, test.labels, np.zeros(len(made), np.int64))
    protocol = protocol_of(fakes, processed, 0, config).model_copy(
        update={
            "task": task.name,
            "factor": network.factor,
            "n_real": len(truth),
            "seeds": (),
        }
    )
    measured = [work.measure(side, given, truth) for side in (made, beside)]
    ours, rivals = (
        Evaluation(
            model=identity,
            protocol=protocol,
            figures=(*_qualities(values, pairs, judged), *distance),
            group_scores=_scores(values, pairs.groups, task),
            fake_variance=0.0,
            classes_drawn=tuple(processed.classes[label] for label in np.unique(test.labels)),
        )
        for identity, values, distance in zip((model, task.rival), measured, distances, strict=True)
    )
    gains = _gains(measured[0], measured[1], pairs, judged)
    evaluation = ours.model_copy(
        update={
            "figures": (*ours.figures, *gains),
            "baseline_family": task.rival,
            "baseline": rivals,
        }
    )
    report("metrics", 1, 1)
    return PairsScored(evaluation, pairs)


def rows_of(pairs: Pairs, chosen: NDArray[np.int64]) -> list[Images]:
    """Rows of a picture: given (pixels repeated), rival, made and real; uint8 [n, H, W] each.

    Of a task of two sources: a, b, rival and made.
    """
    if pairs.given.ndim == 4:
        a, b = pairs.given[chosen].swapaxes(0, 1)
        return [a, b, pairs.rival[chosen], pairs.made[chosen]]
    repeat = pairs.truth.shape[-1] // pairs.given.shape[-1]
    large = pairs.given[chosen].repeat(repeat, axis=1).repeat(repeat, axis=2)
    return [large, pairs.rival[chosen], pairs.made[chosen], pairs.truth[chosen]]


def _chosen(split: SplitArrays, most: int) -> SplitArrays:
    count = len(split.labels)
    kept = np.zeros(count, np.int64) - 1
    kept[np.unique(np.linspace(0, count - 1, min(count, most)).astype(int))] = 0
    rows = kept >= 0
    return SplitArrays(
        np.array(split.images[rows]), split.labels[rows], split.ids[rows], split.groups[rows]
    )


def _check(test: SplitArrays, network: NetworkConfig) -> None:
    side, groups = test.images.shape[-1], len(np.unique(test.groups))
    if side != network.image_size:
        raise BadInputError(
            f"the generator makes images of {network.image_size} px, the test split's are {side}"
        )
    if len(test.labels) < LEAST_IMAGES or groups < 2:
        raise BadInputError(
            f"the test split has {len(test.labels)} images of {groups} groups; at least "
            f"{LEAST_IMAGES} images of 2 groups are needed: ingest more patients"
        )


def _by_group(values: NDArray[np.float64], groups: NDArray[np.str_]) -> NDArray[np.float64]:
    """The mean of each group, by sorted name: float64 [G]."""
    return np.array([values[groups == group].mean() for group in np.unique(groups)])


def _interval(means: NDArray[np.float64]) -> tuple[float, float] | tuple[None, None]:
    """Two-sided interval of the mean over groups: Student's t on G - 1 degrees of freedom."""
    from scipy import stats

    if len(means) < 2:
        return None, None
    half = stats.t.ppf((1 + _CONFIDENCE) / 2, len(means) - 1) * means.std(ddof=1)
    half /= np.sqrt(len(means))
    return float(means.mean() - half), float(means.mean() + half)


def _scores(values: Values, groups: NDArray[np.str_], task: Task) -> dict[str, tuple[float, ...]]:
    """The task's score of each test group; lower is better."""
    means = _by_group(values[task.decides], groups)
    names = np.unique(groups).tolist()
    return {name: (task.scored(float(mean)),) for name, mean in zip(names, means, strict=True)}


def _qualities(values: Values, pairs: Pairs, judged: _Judged) -> list[Figure]:
    """Each quality over all groups, then by class."""
    every = np.ones(len(pairs.labels), bool)
    subsets: list[tuple[str | None, NDArray[np.bool_]]] = [(None, every)]
    subsets += [(name, pairs.labels == label) for label, name in enumerate(judged.classes)]
    return [
        _figure(quality.name, label, values[quality.name][rows], pairs.groups[rows], judged)
        for quality in judged.task.qualities
        for label, rows in subsets
        if rows.any()
    ]


def _gains(
    ours: Values,
    rivals: Values,
    pairs: Pairs,
    judged: _Judged,
) -> list[Figure]:
    """By how much each quality is better than the rival's, image by image."""
    return [
        _figure(
            quality.gain,
            None,
            (ours[quality.name] - rivals[quality.name]) * (1 if quality.higher else -1),
            pairs.groups,
            judged,
        )
        for quality in judged.task.qualities
    ]


def _figure(
    metric: str,
    label: str | None,
    values: NDArray[np.float64],
    groups: NDArray[np.str_],
    judged: _Judged,
) -> Figure:
    means = _by_group(values, groups)
    low, high = _interval(means)
    return Figure(
        metric=metric,
        label=label,
        protocol=f"{metric}_{judged.way}",
        value=float(means.mean()),
        low=low,
        high=high,
        n_real=len(values),
        n_fake=len(values),
    )


def _features(images: Images, config: EvaluateConfig) -> NDArray[np.float64]:
    return extract(images, config.extractor).astype(np.float64)


def _distance(
    real: NDArray[np.float64], made: NDArray[np.float64], pairs: Pairs, judged: _Judged
) -> list[Figure]:
    """Kernel distance to the same images' truth; a jackknife that leaves out a group of both."""
    groups = np.unique(pairs.groups)
    value = metrics.kernel_distance(real, made)
    left_out = np.array(
        [metrics.kernel_distance(real[rows], made[rows])
         for rows in (pairs.groups != group for group in groups) if rows.sum() >= 2]
    )  # fmt: skip
    low = high = None
    if len(left_out) == len(groups) >= 2:
        from scipy import stats

        count = len(groups)
        error = np.sqrt((count - 1) / count * np.square(left_out - left_out.mean()).sum())
        half = float(stats.t.ppf((1 + _CONFIDENCE) / 2, count - 1) * error)
        low, high = value - half, value + half
    prefix = metric_name("kd", judged.config.extractor).prefix
    return [
        Figure(
            metric=KERNEL,
            label=None,
            protocol=f"{prefix}_{judged.way}_n{len(made)}",
            value=value,
            low=low,
            high=high,
            n_real=len(real),
            n_fake=len(made),
        )
    ]
