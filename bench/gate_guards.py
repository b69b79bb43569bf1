"""How often the guards reject a generator that copies, one that collapsed, or an honest one."""

import io
from collections.abc import Callable, Sequence
from functools import partial
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from bench.gate_pool import SEEDS, Array, passing_figure, simulated_protocol
from bench.gate_rows import DecisionRate
from model.metrics import kernel_distance_by_group
from pipeline.evaluation.class_record import ClassMatrix
from pipeline.evaluation.copying import copy_share, resemblance
from pipeline.evaluation.diversity import diversity, repeats, repetition
from pipeline.evaluation.image_set import ImageSet
from pipeline.evaluation.record import (
    COPIES,
    DIVERSITY,
    KERNEL,
    REPEATS,
    EvaluateConfig,
    Evaluation,
    Figure,
)
from pipeline.promotion.gate import GateConfig, decide

Images = NDArray[np.uint8]
Rows = NDArray[np.int64]
Tell = Callable[[int, int], None]
Choose = Callable[[ImageSet, int, np.random.Generator], dict[int, Rows]]

COPIED = 0.05
"""Share of the fakes that are copies of training images."""

FALSE_REFUSALS = 0.05
"""Largest share of honest generators that a guard may reject."""

FOUND = 0.95
"""Least share of copying generators that must be rejected."""

SMALL_SHARES = (0.002, 0.005, 0.01, 0.02)
"""Shares of exact copies, to find where rejection begins; no promise."""

PLANTED = 200  # training images that are copied

DISTINCT = 10
REPEATING = (20, 40, 80)
"""Distinct images of generators that repeat themselves less; no promise."""

PATIENTS = 3
"""Patients per class of a generator that draws only their images; no promise."""


# -- copies ----------------------------------------------------------------------------------------


def shifted(images: Images, down: int, right: int) -> Images:
    """Shift by pixels; the edge is repeated."""
    most = max(abs(down), abs(right))
    wide = np.pad(images, ((0, 0), (most, most), (most, most)), mode="edge")
    high, side = images.shape[1:]
    return wide[:, most - down : most - down + high, most - right : most - right + side]


def brightened(images: Images, gain: float = 1.05) -> Images:
    """Multiply every grey level by `gain`, clipped at white."""
    return (images * gain).round().clip(0, 255).astype(np.uint8)


def through_jpeg(images: Images, quality: int = 75) -> Images:
    """Encode as JPEG and decode again."""
    found = []
    for image in images:
        file = io.BytesIO()
        Image.fromarray(image).save(file, "JPEG", quality=quality)
        found.append(np.asarray(Image.open(file)))
    return np.stack(found)


DISGUISES: dict[str, Callable[[Images], Images]] = {
    "exact": lambda images: images,
    "shifted 2 px": lambda images: shifted(images, 2, -2),
    "shifted 1 px": lambda images: shifted(images, -1, 1),
    "brightened 5 %": brightened,
    "JPEG quality 75": through_jpeg,
    "all of these": lambda images: through_jpeg(brightened(shifted(images, 1, 2))),
}


def copying(
    train: ImageSet,
    held_out: ImageSet,
    config: EvaluateConfig,
    trials: int,
    rng: np.random.Generator,
    tell: Tell | None = None,
) -> list[DecisionRate]:
    """Rejection rates of generators with a share of planted copies, and of honest ones.

    In each trial the held-out groups are halved at random: the images of one half simulate an
    honest generator, those of the other are the control.
    """
    honest = resemblance(held_out.images, train.images)
    victims = train.images[np.sort(rng.permutation(len(train))[:PLANTED])]
    planted = {}
    for done, (name, disguise) in enumerate(DISGUISES.items()):
        planted[name] = resemblance(disguise(victims), train.images)
        if tell:
            tell(done + 1, len(DISGUISES))

    def refusals(copied: Array, share: float) -> int:
        count = 0
        for _ in range(trials):
            mine = half_of_groups(held_out.groups, rng)
            number = round(share * config.n_fake)
            made = np.concatenate(
                [rng.choice(honest[mine], config.n_fake - number), rng.choice(copied, number)]
            )
            figure = copy_share(made, honest[~mine], len(train), config)
            held = [one for one in passing_guards() if one.metric != COPIES]
            count += refused((*held, figure))
        return count

    rows = [
        _row(
            "copies",
            "no copies",
            refusals(honest, 0.0),
            trials,
            "at most",
            FALSE_REFUSALS,
        )
    ]
    for name, found in planted.items():
        count = refusals(found, COPIED)
        rows.append(
            _row("copies", f"{COPIED:.0%} copies, {name}", count, trials, "at least", FOUND)
        )
    for share in SMALL_SHARES:
        count = refusals(planted["exact"], share)
        rows.append(_row("copies", f"{share:.1%} copies, exact", count, trials))
    return rows


def half_of_groups(groups: NDArray[np.str_], rng: np.random.Generator) -> NDArray[np.bool_]:
    """The images of a random half of the groups, [N]."""
    names = rng.permutation(np.unique(groups))
    return np.isin(groups, names[: len(names) // 2])


# -- collapse --------------------------------------------------------------------------------------


def collapsing(
    train: ImageSet,
    held_out: ImageSet,
    config: EvaluateConfig,
    classes: tuple[str, ...],
    trials: int,
    rng: np.random.Generator,
    tell: Tell | None = None,
) -> list[DecisionRate]:
    """Rejection rates of generators that repeat few images or lack a class, and of honest ones.

    The copy guard is left out: it would reject them all, and a generator can collapse without
    copying. Cases without a promise take a fifth of the trials.
    """
    labels = len(classes)
    few = max(trials // 5, 1)
    cases: list[tuple[str, Choose, int, Literal["at most", "at least"] | None, float]] = [
        ("all patients", _patients, trials, "at most", FALSE_REFUSALS),
        (f"{DISTINCT} distinct images", partial(_distinct, number=DISTINCT), trials, "at least", 1),
        ("a class missing", _without_one, trials, "at least", 1),
        *((f"{n} distinct images", partial(_distinct, number=n), few, None, 0) for n in REPEATING),
        ("half of the patients", partial(_patients, share=0.5), few, None, 0),
        (f"{PATIENTS} patients a class", partial(_patients, most=PATIENTS), few, None, 0),
    ]
    real, at_floor = repetition(train, config), _distance(train, held_out)
    control = train.of(rng.permutation(len(train))[: config.n_fake])
    rows = []
    for done, (case, choose, number, bound, stated) in enumerate(cases):
        count = 0
        for _ in range(number):
            fake = _drawn(train, choose(train, labels, rng), config.n_fake, rng)
            excess = _distance(fake, held_out) - at_floor
            figures = [
                passing_figure(KERNEL).model_copy(update={"value": excess}),
                *diversity(train, fake, config, classes, real),
                repeats(control, fake, np.arange(len(fake)) % SEEDS, config),
                passing_figure(COPIES),
            ]
            drawn = tuple(classes[label] for label in np.unique(fake.labels))
            count += refused(figures, classes, drawn)
        rows.append(_row("collapse", case, count, number, bound, stated))
        if tell:
            tell(done + 1, len(cases))
    return rows


def _distance(side: ImageSet, held_out: ImageSet) -> float:
    """Kernel distance to the held-out images, up to a constant."""
    one_group = np.zeros(len(held_out), np.int64)
    (score,) = kernel_distance_by_group(held_out.features, one_group, side.features).values()
    return score


def _drawn(
    train: ImageSet, sources: dict[int, Rows], n_fake: int, rng: np.random.Generator
) -> ImageSet:
    """Fakes drawn from the source rows of each class, in the training split's class mix."""
    wanted = np.bincount(train.labels, minlength=max(sources) + 1) / len(train) * n_fake
    rows = {
        label: rng.choice(found, max(round(wanted[label]), 2)) for label, found in sources.items()
    }
    labels = np.repeat(list(rows), [len(found) for found in rows.values()])
    fake = train.of(np.concatenate(list(rows.values())))
    return ImageSet(fake.images, labels, fake.groups, fake.features)


def _everything(train: ImageSet, labels: int) -> dict[int, Rows]:
    return {label: np.flatnonzero(train.labels == label) for label in range(labels)}


def _distinct(
    train: ImageSet, labels: int, rng: np.random.Generator, number: int
) -> dict[int, Rows]:
    """`number` images in all, divided among the classes as evenly as possible."""
    sizes = np.full(labels, number // labels)
    sizes[rng.permutation(labels)[: number % labels]] += 1
    return {
        label: rng.choice(members, sizes[label], replace=False)
        for label, members in _everything(train, labels).items()
    }


def _patients(
    train: ImageSet,
    labels: int,
    rng: np.random.Generator,
    share: float = 1.0,
    most: int | None = None,
) -> dict[int, Rows]:
    """All images of a share of each class's patients, or of `most` of them."""
    chosen = {}
    for label, members in _everything(train, labels).items():
        names = rng.permutation(np.unique(train.groups[members]))
        kept = names[: most or max(round(share * len(names)), 1)]
        chosen[label] = members[np.isin(train.groups[members], kept)]
    return chosen


def _without_one(train: ImageSet, labels: int, rng: np.random.Generator) -> dict[int, Rows]:
    """Every image, but one class is never drawn."""
    lacking = rng.integers(labels)
    return {label: rows for label, rows in _everything(train, labels).items() if label != lacking}


# -- the decision ----------------------------------------------------------------------------------


def passing_guards() -> tuple[Figure, ...]:
    """Figures at their floors, with which every guard passes."""
    return (
        passing_figure(KERNEL),
        passing_figure(DIVERSITY, "any"),
        passing_figure(REPEATS),
        passing_figure(COPIES),
    )


def refused(
    figures: Sequence[Figure],
    classes: tuple[str, ...] = ("any",),
    drawn: tuple[str, ...] = ("any",),
    matrices: tuple[ClassMatrix, ...] = (),
) -> bool:
    """Whether the gate rejects a first model with these figures."""
    candidate = Evaluation(
        model="candidate",
        protocol=simulated_protocol(classes, np.ones(len(classes), np.int64)),
        figures=tuple(figures),
        group_scores={},
        fake_variance=0.0,
        classes_drawn=drawn,
        class_matrices=matrices,
    )
    return decide(candidate, None, GateConfig()).outcome == "rejected"


def _row(
    part: Literal["copies", "collapse"],
    case: str,
    count: int,
    trials: int,
    bound: Literal["at most", "at least"] | None = None,
    stated: float = 0.0,
) -> DecisionRate:
    return DecisionRate(
        part=part, case=case, counted="refused", count=count, trials=trials, bound=bound,
        stated=float(stated),
    )  # fmt: skip
