"""`medloom bench gate`: check the gate's promises by simulation, with the production code.

The gate's promises are checked on comparisons with known truth. Evaluations are simulated from
features and pixels of real images. The verdicts are from `pipeline.promotion.gate.decide`, and the
copy and diversity figures from `pipeline.evaluation`.
"""

from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np
import scipy
from numpy.typing import NDArray

from bench.gate_comparison import Sources, findings, pairs_at_margin, promotion_rates
from bench.gate_faithful import confusing, make_crowd, misplaced
from bench.gate_guards import collapsing, copying
from bench.gate_pool import SEEDS, make_pool
from bench.gate_rows import DecisionRate
from model.features import extract
from model.section import Stored
from pipeline.data.processed import SPLITS, Processed
from pipeline.data.region import RegionConfig
from pipeline.evaluation.image_set import ImageSet
from pipeline.evaluation.record import EvaluateConfig
from pipeline.phantoms.phantom import write_phantom
from pipeline.stages.prepared import CACHE, prepare

OnProgress = Callable[[str, int, int], None]

MARGINS = (0.0, 0.01)
"""Margins in kernel distance at which promotions are counted."""

PHANTOM_PATIENTS = 80

_SOURCES = 400  # images that a simulated generator draws from
_NOISE, _BLUR = 10.0, 0.7  # standard deviations, grey levels and pixels: visible damage
_TRIALS_PER_CONFUSION = 5  # a matrix of classes takes some hundredths of a second
_TRIALS_PER_COLLAPSE = 20  # MS-SSIM takes half a second


class GateBench(Stored):
    """The size of the data, and the rates found."""

    groups: int
    images: int
    rows: tuple[DecisionRate, ...]

    @property
    def broken(self) -> tuple[DecisionRate, ...]:
        """Rates whose promise is broken."""
        return tuple(row for row in self.rows if row.kept is False)


def phantom_data(cache: Path = CACHE) -> Path:
    """The folder of the built-in phantom, written once."""
    folder = cache.expanduser() / "phantom"
    write_phantom(folder, PHANTOM_PATIENTS, seed=0)
    return folder


def judge_gate(
    data: Path,
    size: int,
    trials: int,
    on_progress: OnProgress,
    cache: Path = CACHE,
    region: RegionConfig | None = None,
) -> GateBench:
    """Simulate comparisons, copies and collapses on the images of a folder.

    Args:
        data: folder of class folders of images, or what preprocess wrote.
        size: of the arrays, in pixels.
        trials: of each comparison; collapses take a twentieth of them, classes a fifth.
        on_progress: called with (what, done, total).
        cache: where arrays and features are kept.
        region: the part of the images; None: whole images, or what the arrays show.

    Raises:
        BadInputError: the folder cannot be used.
    """
    processed = Processed.load(prepare(data, size, cache, region))
    folder = cache.expanduser() / "features"
    sides = {split: _side(processed, split, folder, on_progress) for split in SPLITS}
    everyone = _joined(list(sides.values()))
    sources, damaged = make_sources(everyone, len(processed.classes), folder, on_progress)
    rows = compare_all(sources, trials, on_progress)
    config = EvaluateConfig()
    held_out = _joined([sides["val"], sides["test"]])
    rows += copying(
        sides["train"], held_out, config, trials,
        np.random.default_rng(2), partial(on_progress, "planted copies"),
    )  # fmt: skip
    rows += collapsing(
        sides["train"], sides["test"], config, processed.classes,
        max(trials // _TRIALS_PER_COLLAPSE, 1),
        np.random.default_rng(3), partial(on_progress, "collapsed generators"),
    )  # fmt: skip
    rows += misplaced(sides["train"], held_out, config, trials, np.random.default_rng(4))
    crowd = make_crowd(everyone, damaged, np.random.default_rng(5))
    rows += confusing(
        crowd, SEEDS * sources.pool.per_seed, max(trials // _TRIALS_PER_CONFUSION, 1),
        np.random.default_rng(6), partial(on_progress, "classes drawn as others"),
    )  # fmt: skip
    return GateBench(groups=len(np.unique(everyone.groups)), images=len(everyone), rows=tuple(rows))


def compare_all(sources: Sources, trials: int, on_progress: OnProgress) -> list[DecisionRate]:
    """Promotion rates at every margin, then those of planted improvements."""
    rng = np.random.default_rng(1)
    rows = []
    for margin in MARGINS:
        for pair in pairs_at_margin(sources, margin):
            tell = partial(on_progress, f"{pair.case}, margin {margin:g}")
            rows += promotion_rates(sources, pair, trials, rng, tell=tell)
    found = findings(sources, max(trials // 2, 1), rng, partial(on_progress, "improvements"))
    return rows + found


def make_sources(
    everyone: ImageSet, classes: int, cache: Path | None, on_progress: OnProgress
) -> tuple[Sources, list[ImageSet]]:
    """The source images of simulated generators: some images, clean, noised and blurred.

    Returns:
        All of them, and the noised and the blurred ones with their features.
    """
    rng = np.random.default_rng(0)
    chosen = np.sort(rng.permutation(len(everyone))[:_SOURCES])
    clean = everyone.of(chosen)
    damaged = []
    for name, damage in (("noised features", noised), ("blurred features", blurred)):
        images = damage(clean.images, rng)
        found = extract(images, cache_folder=cache, progress=partial(on_progress, name))
        damaged.append(ImageSet(images, clean.labels, clean.groups, found.astype(np.float64)))
    features = [side.features for side in (clean, *damaged)]
    names = rng.permutation(np.unique(everyone.groups))
    share = np.bincount(everyone.labels, minlength=classes) / len(everyone)
    per_seed = np.maximum((share * EvaluateConfig().n_fake / SEEDS).round().astype(np.int64), 2)
    pool = make_pool(
        everyone.features, everyone.groups, np.concatenate(features),
        np.tile(clean.labels, len(features)), per_seed,
    )  # fmt: skip
    first_half = np.isin(clean.groups, names[: len(names) // 2])
    kind = np.repeat(np.arange(len(features)), len(clean))
    return Sources(pool, kind, np.tile(first_half, len(features))), damaged


def noised(images: NDArray[np.uint8], rng: np.random.Generator) -> NDArray[np.uint8]:
    """Add white noise to every pixel."""
    return (images + rng.normal(0, _NOISE, images.shape)).round().clip(0, 255).astype(np.uint8)


def blurred(images: NDArray[np.uint8], _rng: np.random.Generator) -> NDArray[np.uint8]:
    """Apply a Gaussian filter."""
    soft: NDArray[np.float64] = scipy.ndimage.gaussian_filter(
        images.astype(np.float64), (0, _BLUR, _BLUR)
    )
    return soft.round().astype(np.uint8)


def _side(processed: Processed, split: str, cache: Path, on_progress: OnProgress) -> ImageSet:
    arrays = processed.splits[split]
    images = np.ascontiguousarray(arrays.images)
    tell = partial(on_progress, f"{split} features")
    found = extract(images, cache_folder=cache, progress=tell)
    return ImageSet(images, arrays.labels, arrays.groups, found.astype(np.float64))


def _joined(sides: list[ImageSet]) -> ImageSet:
    return ImageSet(
        np.concatenate([side.images for side in sides]),
        np.concatenate([side.labels for side in sides]),
        np.concatenate([side.groups for side in sides]),
        np.concatenate([side.features for side in sides]),
    )
