"""Edits towards each class: how many images become of it, and how much of their trunk stays."""

from collections.abc import Iterator, Sequence
from itertools import permutations
from typing import NamedTuple

import numpy as np
import scipy
from numpy.typing import NDArray
from pydantic import Field

from bench.fit import require_fit
from model.editing import require_styles
from model.families.base import Generator
from model.layouts import Layouts, masks
from model.metrics.ms_ssim import ssim_map
from model.sampling import draw_layouts, edit, sample
from model.section import Stored
from pipeline.base.errors import BadInputError
from pipeline.base.wilson import wilson
from pipeline.data.processed import Processed
from pipeline.evaluation.agreement import Reader, accuracy, class_readers
from pipeline.evaluation.detector import fit_on
from pipeline.evaluation.record import AGREEMENT, AGREEMENT_FINDINGS, EvaluateConfig
from pipeline.evaluation.score import OnProgress
from pipeline.evaluation.trials import independent_trials

Images = NDArray[np.uint8]
Mask = NDArray[np.bool_]

CONFIDENCE = 0.95
_SEED = 2**40
"""Of the images that are edited: no other part of an evaluation draws them."""
_BODY = 24
"""Grey level of 255 from which a pixel is of the body, not of the air around it."""
_NEAR = 5
"""Pixels around a finding that are left out, as many as a window of SSIM reaches."""


class Share(Stored):
    """A share with its 95 % interval; NaN of nothing.

    Images of one seed have z and noise in common, so they are no independent trials: the interval
    is Wilson's for as many independent ones as tell as much, and never for more than there are.
    """

    value: float
    low: float
    high: float
    count: int

    @classmethod
    def of(cls, hits: Mask, seeds: NDArray[np.int64]) -> "Share":
        """The share of what is true: bool [N], and the seed of each, [N]."""
        count, found = len(hits), int(hits.sum())
        value = found / count if count else float("nan")
        trials = independent_trials(hits, seeds) if count else 0.0
        low, high = wilson(value * trials, trials, CONFIDENCE)
        return cls(value=value, low=low, high=high, count=count)


class AtAmount(Stored):
    """Edits by one amount, over all pairs of classes.

    Attributes:
        flipped: of the images that were taken for their own class before, those taken for the other
            one after.
        by_towards: the same by the class that images were moved to.
        ssim: mean SSIM of before and after, over the body outside of findings.
        ssim_low: the least of a tenth of the images, 10th percentile.
    """

    amount: float
    flipped: Share
    by_towards: dict[str, Share]
    ssim: float
    ssim_low: float


class Edits(Stored):
    """What edits of a generator do.

    Attributes:
        images: of each ordered pair of classes.
        read_by: the classifier, by the name of its figure in an evaluation.
        reader: balanced share of real test images that it takes for their class.
        drawn: of generated images that were not edited, the share taken for their class.
        amounts: by amount.
        other_ssim: mean SSIM, likewise, between images of different seeds of the same class,
            outside of the findings of both: what an edit reaches that keeps nothing.
        same_seed: what asking for the other class by the same seed does, without an edit.
    """

    images: int
    read_by: str
    reader: float
    drawn: Share
    amounts: tuple[AtAmount, ...] = Field(strict=False)
    other_ssim: float
    same_seed: AtAmount


class _Pair(NamedTuple):
    """Images of one class, and the class to which they are moved."""

    label: str
    towards: str
    before: Images
    read: NDArray[np.int64]
    findings: Mask


def measure_edits(
    processed: Processed,
    generator: Generator,
    amounts: Sequence[float],
    count: int = 64,
    config: EvaluateConfig | None = None,
    on_progress: OnProgress | None = None,
) -> Edits:
    """Move images of each class towards each other class, and read and compare them.

    Args:
        processed: its training split trains the classifiers of the GAN-test, by whole images and
            by findings. The one that reads more validation images right is taken.
        generator: of a family with styles.
        amounts: of the edits.
        count: images of each ordered pair of classes.
        config: the `evaluate` section, for these classifiers.
        on_progress: called with (what, done, total).

    Raises:
        BadInputError: there are fewer than two classes, or too few images of one; the generator has
            no styles, or draws other images than these.
    """
    try:
        require_styles(generator)
    except ValueError as error:
        raise BadInputError(f"the generator cannot edit: {error}") from error
    require_fit(generator.config, processed)

    def tell(done: int, total: int) -> None:
        if on_progress:
            on_progress("detector", done, total)

    classes, config = processed.classes, config or EvaluateConfig()
    readers = class_readers(processed, config, fit_on(processed, config, tell))
    if not readers:
        raise BadInputError("edits need a GAN-test: two classes, and ten training images of each")
    read_by = max(
        (name for name in (AGREEMENT, AGREEMENT_FINDINGS) if name in readers),
        key=lambda name: accuracy(readers[name], processed.val),
    )
    reader = readers[read_by]
    befores = {name: sample(generator, [name] * count, _SEED) for name in classes}
    reads = {name: reader(images) for name, images in befores.items()}
    pairs = [
        _Pair(label, towards, befores[label], reads[label], _findings(generator, pair, count))
        for pair in permutations(classes, 2)
        for label, towards in [pair]
    ]
    steps: list[AtAmount] = []
    for done, amount in enumerate(amounts):
        if on_progress:
            on_progress("edits", done, len(amounts))
        afters = [
            edit(generator, [one.label] * count, _SEED, amount, towards=one.towards)
            for one in pairs
        ]
        steps.append(_at(amount, pairs, afters, reader, classes))
    drawn = [np.equal(reads[name], index) for index, name in enumerate(classes)]
    others = [
        _similar(
            one.before,
            np.roll(one.before, 1, 0),
            one.findings | np.roll(one.findings, 1, 0),
        )
        for one in pairs
    ]
    return Edits(
        images=count,
        read_by=read_by,
        reader=accuracy(reader, processed.test),
        drawn=Share.of(np.concatenate(drawn), np.tile(np.arange(count), len(classes))),
        amounts=tuple(steps),
        other_ssim=float(np.mean(np.concatenate(others))),
        same_seed=_at(1.0, pairs, [befores[one.towards] for one in pairs], reader, classes),
    )


def _at(
    amount: float,
    pairs: Sequence[_Pair],
    afters: Sequence[Images],
    reader: Reader,
    classes: Sequence[str],
) -> AtAmount:
    flips: list[Mask] = []
    seeds: list[NDArray[np.int64]] = []
    similar = []
    for one, after in zip(pairs, afters, strict=True):
        (own,) = np.nonzero(one.read == classes.index(one.label))
        flips.append(reader(after)[own] == classes.index(one.towards))
        seeds.append(own)
        similar.append(_similar(one.before, after, one.findings))

    def share(towards: Sequence[str]) -> Share:
        chosen = [place for place, one in enumerate(pairs) if one.towards in towards]
        hits, of = (np.concatenate([side[place] for place in chosen]) for side in (flips, seeds))
        return Share.of(hits, of)

    ssim = np.concatenate(similar)
    return AtAmount(
        amount=amount,
        flipped=share(classes),
        by_towards={name: share([name]) for name in classes},
        ssim=float(ssim.mean()),
        ssim_low=float(np.quantile(ssim, 0.1)),
    )


def _findings(generator: Generator, pair: tuple[str, str], count: int) -> Mask:
    """Where findings are before or after, with what is near: bool [N, H, W]."""
    side = generator.config.image_size
    found = np.zeros((count, side, side), bool)
    for label in pair:
        drawn = draw_layouts(generator, [label] * count, _SEED)
        for index, mask in enumerate(_masks(drawn)):
            found[index] |= scipy.ndimage.binary_dilation(mask, iterations=_NEAR)
    return found


def _masks(drawn: Layouts | None) -> Iterator[Mask]:
    if drawn is not None:
        for maps in masks(drawn.maps):
            yield maps.any(0)


def _similar(before: Images, after: Images, left_out: Mask) -> NDArray[np.float64]:
    """Mean SSIM of each pair of images over the body of either, without what is left out: [N]."""
    similarity = ssim_map(before, after)
    border = (before.shape[1] - similarity.shape[1]) // 2
    inside = (slice(border, -border), slice(border, -border))
    means = []
    for one, two, out, values in zip(before, after, left_out, similarity, strict=True):
        body = scipy.ndimage.binary_fill_holes((one > _BODY) | (two > _BODY)) & ~out
        kept = values[body[inside]]
        means.append(float(kept.mean()) if kept.size else 1.0)
    return np.array(means)
