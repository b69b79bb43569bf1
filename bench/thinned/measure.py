"""What generated images of a class with few patients are worth to a classifier of real ones.

After the table of Kim et al. 2022: a class is thinned 1:2, 1:5, 1:10, a generator learns from what
is left, and its images fill the class up to the former number. The generator sees no image that
was thinned out. As a control, the class is filled up by its own images, shown more often.
"""

import tempfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from model.config import TrainConfig
from model.data import balanced_draw
from model.families.base import Generator
from model.sampling import load_generator, sample
from model.section import Stored
from model.utility.classifier import Training, fit_classifier, probabilities
from model.utility.config import BATCH, UtilityConfig
from model.utility.control import fit_plain
from model.utility.intervals import Resampling, resampling, spread
from model.utility.record import Estimate
from model.utility.run import real_rows
from pipeline.base.errors import BadInputError
from pipeline.data.processed import Processed, SplitArrays
from pipeline.evaluation.score import OnProgress
from pipeline.stages.train import train

ALONE, REPEATED, GENERATED = "thinned alone", "filled by repeats", "filled by generated"

Images = NDArray[np.uint8]
Labels = NDArray[np.int64]


class Scores(Stored):
    """Of real test images: the balanced accuracy, and the recall of the thinned class."""

    balanced_accuracy: Estimate
    recall: Estimate


class Arm(Stored):
    """One way to train the classifier.

    Attributes:
        name: `ALONE`, `REPEATED` or `GENERATED`.
        scores: means over the seeds, 0 to 1.
        generated_minus: `GENERATED` minus this arm, same test groups, same seeds; None where there
            are no generated images, and of that arm itself.
    """

    name: str
    scores: Scores
    generated_minus: Scores | None = None


class Ratio(Stored):
    """One thinning of the class.

    Attributes:
        ratio: r of 1:r, one group of r is kept, rounded up to whole groups.
        images, groups: of the class that are left to train on.
        added: images by which the class is filled up to its former number.
        images_seen: by the generator in its training; 0: nothing to fill up, none was trained.
        arms: `ALONE` alone where there is nothing to fill up.
    """

    ratio: float
    images: int
    groups: int
    added: int
    images_seen: int
    arms: tuple[Arm, ...]


class Thinned(Stored):
    """The outcome of `measure_thinned`.

    Attributes:
        label: the thinned class.
        train: settings of each generator's training.
        classifier: settings of the classifiers; `kimg`, `learning_rate` and `resamples` count.
        seeds: trainings of each arm.
        train_images: real training images before thinning, by class.
        test_images, test_groups: real test images, by class, and their groups.
        view: the part of an image that is shown; "" for whole images.
        plain: balanced accuracy by grey levels and borders alone, of all training images.
        ratios: in the order asked for.
    """

    label: str
    train: TrainConfig
    classifier: UtilityConfig
    seeds: int
    train_images: dict[str, int]
    test_images: dict[str, int]
    test_groups: dict[str, int]
    view: str
    plain: Estimate
    ratios: tuple[Ratio, ...]


def measure_thinned(
    data: Processed,
    label: str,
    ratios: Sequence[float],
    config: TrainConfig,
    out: Path,
    *,
    seeds: int = 3,
    classifier: UtilityConfig | None = None,
    on_progress: OnProgress | None = None,
) -> Thinned:
    """Thin a class, train a generator on what is left, and classifiers with and without its images.

    All classifiers have as many steps. Classes are shown in the shares of their images, so that a
    thinned class is shown rarely, and nothing is selected. Of a larger ratio the groups that are
    kept are among those of a smaller one.

    Args:
        data: at least two classes.
        label: the class that is thinned.
        ratios: r of 1:r, at least 1.
        config: of each generator's training, of a family that draws. Its seed chooses the groups
            that are kept, too.
        out: folder for the weights of each generator, one folder a ratio.
        seeds: classifiers of each arm, with seeds 0, 1, ...; each has its own generated images.
        classifier: settings of the classifiers; None: those of `evaluate.utility`.
        on_progress: called with (what, done, total).

    Raises:
        BadInputError: there is no such class, it is the only one, it is not tested, a ratio keeps
            all of its groups, or the data cannot be trained on.
    """
    classifier, report = classifier or UtilityConfig(), on_progress or _nothing
    # The last weights are kept: choosing them by the validation split, which is not thinned, would
    # give the generator more patients of the class than it has.
    config = config.model_copy(update={"validation_images": 0})
    _require(data, label, ratios)
    index, test = data.classes.index(label), data.test
    own, number = test.labels == index, len(data.classes)
    every = resampling(test.labels, test.groups, number, classifier.resamples)
    of_class = resampling(test.labels[own], test.groups[own], number, classifier.resamples)

    def scores(answers: Labels, reference: Labels | None = None) -> Scores:
        low = 0.0 if reference is None else -1.0
        others = None if reference is None else reference[:, own]
        return Scores(
            balanced_accuracy=spread(answers, every, reference).estimate(low),
            recall=spread(answers[:, own], of_class, others).estimate(low),
        )

    found = []
    for ratio in ratios:
        left = thinned(data.train, index, ratio, config.seed)
        generator, seen = None, 0
        if ratio > 1:
            folder = out / f"{label}-1-in-{ratio:g}"
            generator, seen = _train(data, left, config, folder, report, f"generator 1:{ratio:g}")
        answers = _answers(data, left, index, generator, seeds, classifier, report, f"1:{ratio:g}")
        kept = left.labels == index
        found.append(
            Ratio(
                ratio=ratio,
                images=int(kept.sum()),
                groups=len(np.unique(left.groups[kept])),
                added=len(data.train.labels) - len(left.labels),
                images_seen=seen,
                arms=tuple(
                    Arm(
                        name=name,
                        scores=scores(one),
                        generated_minus=scores(answers[GENERATED], one)
                        if GENERATED in answers and name != GENERATED
                        else None,
                    )
                    for name, one in answers.items()
                ),
            )
        )
    return Thinned(
        label=label,
        train=config,
        classifier=classifier,
        seeds=seeds,
        train_images=_counts(data, data.train),
        test_images=_counts(data, test),
        test_groups={
            name: len(np.unique(test.groups[test.labels == place]))
            for place, name in enumerate(data.classes)
        },
        view=data.view,
        plain=_plain(data, every),
        ratios=tuple(found),
    )


def thinned(split: SplitArrays, label: int, ratio: float, seed: int) -> SplitArrays:
    """All images of other classes, and those of one class of one group in `ratio`, rounded up."""
    own = np.flatnonzero(split.labels == label)
    kept = own[real_rows(split.labels[own], split.groups[own], 1 / ratio, seed)]
    rows = np.sort(np.r_[np.flatnonzero(split.labels != label), kept])
    return SplitArrays(
        np.asarray(split.images[rows]),
        split.labels[rows],
        split.ids[rows],
        split.groups[rows],
        None if split.layouts is None else split.layouts[rows],
        None if split.mm is None else split.mm[rows],
    )


def _require(data: Processed, label: str, ratios: Sequence[float]) -> None:
    if label not in data.classes or len(data.classes) < 2:
        raise BadInputError(
            f"--label is {label!r}; the data have the classes {', '.join(data.classes)}, of which "
            "one is thinned and at least one is left"
        )
    for name, count in _counts(data, data.test).items():
        if not count:
            raise BadInputError(f"the test split has no image of class {name}: ingest more")
    index = data.classes.index(label)
    groups = len(np.unique(data.train.groups[data.train.labels == index]))
    for ratio in ratios:
        if not ratio >= 1:
            raise BadInputError(f"--ratios has {ratio:g}; 1:r keeps one group of r, at least 1")
        left = thinned(data.train, index, ratio, 0)
        if ratio > 1 and len(np.unique(left.groups[left.labels == index])) == groups:
            raise BadInputError(
                f"1:{ratio:g} keeps all of the {groups} training groups of {label}: give a larger "
                "ratio, or a class of more groups"
            )


def _train(
    data: Processed,
    left: SplitArrays,
    config: TrainConfig,
    out: Path,
    report: OnProgress,
    what: str,
) -> tuple[Generator, int]:
    """A generator of the thinned training images, and how many it has seen."""
    splits = {**data.splits, "train": left}
    with tempfile.TemporaryDirectory(prefix="medloom-thinned-") as folder:
        Processed(data.classes, splits, data.kinds, data.view).save(Path(folder))
        seen = train(
            Path(folder),
            out,
            config,
            on_progress=lambda now: report(what, now.images_seen, now.images_total),
        ).images_seen
    return load_generator(out), seen


def _answers(
    data: Processed,
    left: SplitArrays,
    index: int,
    generator: Generator | None,
    seeds: int,
    classifier: UtilityConfig,
    report: OnProgress,
    what: str,
) -> dict[str, Labels]:
    """What the classifiers of each arm take each test image for: int64 [seeds, N]."""
    full = np.bincount(data.train.labels, minlength=len(data.classes))
    few = np.bincount(left.labels, minlength=len(data.classes))
    arms = (ALONE,) if generator is None else (ALONE, REPEATED, GENERATED)
    training = Training(classifier.steps, BATCH, classifier.learning_rate)
    found: dict[str, list[Labels]] = {arm: [] for arm in arms}
    for seed in range(seeds):
        for place, arm in enumerate(arms):
            report(f"classifiers {what}", len(arms) * seed + place, len(arms) * seeds)
            images, labels = left.images, left.labels
            if arm == GENERATED and generator is not None:
                made = sample(
                    generator, [data.classes[index]] * int(full[index] - few[index]), seed
                )
                images = np.concatenate([images, made])
                labels = np.r_[labels, np.full(len(made), index)]
            # By emphasis classes have the shares of their images; repeats are the class's own
            # images in the share that it had before.
            shares = (few if arm == ALONE else full).tolist()
            draw = balanced_draw(images, labels, len(full), BATCH, emphasis=shares)
            network = fit_classifier(draw, len(full), training, seed)
            found[arm].append(probabilities(network, data.test.images).argmax(1))
    report(f"classifiers {what}", len(arms) * seeds, len(arms) * seeds)
    return {arm: np.stack(each) for arm, each in found.items()}


def _plain(data: Processed, draws: Resampling) -> Estimate:
    learned = (np.asarray(data.train.images), data.train.labels)
    answers = fit_plain(learned, len(data.classes))(np.asarray(data.test.images))
    return spread(answers[None], draws, seeded=False).estimate(0.0)


def _counts(data: Processed, split: SplitArrays) -> dict[str, int]:
    counts = np.bincount(split.labels, minlength=len(data.classes)).tolist()
    return dict(zip(data.classes, counts, strict=True))


def _nothing(_what: str, _done: int, _total: int) -> None:
    pass
