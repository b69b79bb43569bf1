"""Cross-validation by groups: every group is held out once, where one test split has too few."""

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from bench.enlarge.chain import Chain, measure_chain, over_folds, train_drawer
from bench.enlarge.measure import Enlarged, OnTraining, config_of
from model.families.base import Generator
from model.progress import Progress
from model.sampling import load_generator
from model.tasks import task_of, work_of
from pipeline.base.errors import BadInputError
from pipeline.data.processed import SPLITS, Processed, SplitArrays
from pipeline.evaluation.paired import score_pairs
from pipeline.evaluation.record import EvaluateConfig
from pipeline.stages.evaluate import write_pairs
from pipeline.stages.train import train

_LEAST_SCORED = 60  # that EvaluateConfig allows; all images are scored, however few
LEAST = 3  # a fold each to learn from, to validate and to test

Images = NDArray[np.uint8]


def require_folds(count: int, *, alone: bool) -> None:
    """Check what was asked for with --folds.

    Raises:
        BadInputError: too few folds; or not `alone`, so that a figure of one test split is wanted.
    """
    if not alone:
        raise BadInputError(
            "--folds goes without --noise and --generator: these use one test split"
        )
    if count < LEAST:
        raise BadInputError(f"--folds {count}: give 1, or {LEAST} or more")


def cut(data: Processed, count: int) -> list[Processed]:
    """Deal the groups of all splits to folds, each class to about as many images a fold.

    The same groups and classes of other images are dealt alike.

    Args:
        data: its splits are joined.
        count: of folds, `LEAST` or more.

    Returns:
        [count]: part i has fold i as its test split, the next fold as its validation split, and
        the others to learn from. Each image is in exactly one test split.

    Raises:
        BadInputError: too few folds, fewer groups than folds, or a class of so few groups that a
            part has none of it to learn from.
    """
    whole = _joined([data.splits[name] for name in SPLITS])
    names, sizes = np.unique(whole.groups, return_counts=True)
    if not LEAST <= count <= len(names):
        raise BadInputError(
            f"{count} folds of {len(names)} groups: give from {LEAST} folds to one a group"
        )
    # Images by fold and class. The largest groups first, to the fold with the fewest images of
    # what they hold most of.
    images, fold = np.zeros((count, len(data.classes)), np.int64), np.zeros(len(whole.labels), int)
    for place in np.argsort(-sizes, kind="stable"):
        rows = whole.groups == names[place]
        held = np.bincount(whole.labels[rows], minlength=len(data.classes))
        chosen = np.lexsort((images.sum(1), images[:, held.argmax()]))[0]
        images[chosen] += held
        fold[rows] = chosen
    parts = [
        Processed(
            data.classes,
            {
                "train": _rows(whole, (fold != i) & (fold != (i + 1) % count)),
                "val": _rows(whole, fold == (i + 1) % count),
                "test": _rows(whole, fold == i),
            },
            view=data.view,
        )
        for i in range(count)
    ]
    for label, name in enumerate(data.classes):
        if any(label not in part.train.labels for part in parts):
            few = len(np.unique(whole.groups[whole.labels == label]))
            raise BadInputError(
                f"class {name} has images of {few} groups; {count} folds cannot share them out so "
                "that each training sees some: leave the class out of the folder, or --folds out"
            )
    return parts


def cross_validate(
    processed: Path,
    families: Sequence[str],
    factor: int,
    kimg: float,
    out: Path,
    tell: OnTraining,
    *,
    folds: int,
    seed: int = 0,
) -> list[Enlarged]:
    """Train each family once a fold, and score every image by the enlarger that never saw it.

    Args:
        processed: output folder of preprocess; all of its splits are used.
        families: of enlargers.
        factor: how many times larger images become.
        kimg: thousands of images shown in each training.
        out: folder for the folds' arrays, for weights, evaluation and pictures.
        tell: called with a training's progress.
        folds: how many.
        seed: of each training.

    Returns:
        By family. Figures are over all groups. `images_seen` is the mean of its trainings.

    Raises:
        BadInputError: as `cut`, or a part cannot be trained on or scored.
    """
    parts, found = cut(Processed.load(processed), folds), []
    for i, part in enumerate(parts):
        part.save(out / "folds" / str(i))
    tests = [part.test for part in parts]
    whole = replace(parts[0], splits={name: _joined(tests) for name in SPLITS})
    ends = np.cumsum([len(test.labels) for test in tests])
    for family in families:
        config, trained = config_of(family, factor, kimg, seed), []
        for i in range(folds):
            at, told = out / family / str(i), partial(_tell_fold, tell, i, folds, family)
            trained.append(train(out / "folds" / str(i), at, config, on_progress=told))
        generators = [load_generator(out / family / str(i)) for i in range(folds)]
        scored = score_pairs(
            partial(_made_by_fold, generators, ends[:-1]),
            generators[0].config,
            whole,
            EvaluateConfig(n_fake=max(_LEAST_SCORED, int(ends[-1]))),
            hashlib.sha256("".join(one.sha256 for one in trained).encode()).hexdigest(),
            cache=out / "features",
        )
        write_pairs(out / family, scored.evaluation, scored.pairs, whole.classes)
        found.append(
            Enlarged(
                family=family,
                images_seen=round(float(np.mean([one.images_seen for one in trained]))),
                folds=folds,
                evaluation=scored.evaluation,
            )
        )
    return found


def cross_validated_chain(
    small: Path,
    families: Sequence[str],
    kimg: float,
    config: EvaluateConfig,
    out: Path,
    tell: OnTraining,
    *,
    folds: int,
) -> Chain:
    """Train a generator a fold, and measure its chain with the fold's enlargers and images.

    Args:
        small: the images of `cross_validate` at the side that a generator draws, arrays.
        families: of enlargers, those that `cross_validate` trained.
        kimg: thousands of images shown in each training of a generator.
        config: the `evaluate` section; each fold draws its share of the images.
        out: the folder of `cross_validate`.
        tell: called with a training's progress.
        folds: how many.

    Raises:
        BadInputError: a class has too few images in a fold.
    """
    share = config.model_copy(update={"n_fake": max(_LEAST_SCORED, config.n_fake // folds)})
    chains = []
    for i, part in enumerate(cut(Processed.load(small), folds)):
        data, at = out / "small" / str(i), out / "chain" / str(i)
        part.save(data)
        drawer = train_drawer(data, kimg, at, partial(_tell_fold, tell, i, folds))
        large = Processed.load(out / "folds" / str(i))
        trained = {family: out / family / str(i) for family in families}
        chains.append(measure_chain(drawer, part, large, trained, share, at, fold=i + 1))
    return over_folds(chains)


def _tell_fold(tell: OnTraining, fold: int, folds: int, family: str, progress: Progress) -> None:
    tell(f"{family}, fold {fold + 1} of {folds}", progress)


def _made_by_fold(
    generators: Sequence[Generator], cuts: NDArray[np.int64], given: Images
) -> Images:
    """Make rows in the order of the folds, each by the enlarger of its fold."""
    make, sides = _maker(generators), np.split(given, cuts)
    return np.concatenate([make(one, side) for one, side in zip(generators, sides, strict=True)])


def _maker(generators: Sequence[Generator]) -> Callable[[Generator, Images], Images]:
    return work_of(task_of(generators[0].config.family)).make


def _joined(splits: Sequence[SplitArrays]) -> SplitArrays:
    """Images, labels, ids and groups of several splits; an enlarger learns from nothing else."""
    return SplitArrays(
        images=np.concatenate([one.images for one in splits]),
        labels=np.concatenate([one.labels for one in splits]),
        ids=np.concatenate([one.ids for one in splits]),
        groups=np.concatenate([one.groups for one in splits]),
    )


def _rows(one: SplitArrays, kept: NDArray[np.bool_]) -> SplitArrays:
    return SplitArrays(one.images[kept], one.labels[kept], one.ids[kept], one.groups[kept])
