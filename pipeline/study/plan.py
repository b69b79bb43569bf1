"""The plan of a study: which images are shown beside each other, fixed before anybody looks.

Pure functions of the held-out images and a seed: the same ones give the same plan again.
"""

import hashlib
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple

import numpy as np
from pydantic import BaseModel, ConfigDict, Field

from pipeline.base.errors import BadInputError

Design = Literal["pair", "single"]
DESIGNS: Mapping[str, str] = {
    "pair": "each is a real and a synthetic image of one class: which one is real?",
    "single": "each is one image: is it real or synthetic, and how sure is the reader?",
}
REAL, SYNTHETIC = "real", "synthetic"
LEFT, RIGHT = "left", "right"
CHANCE = 0.5
"""The accuracy of a reader who cannot tell."""
MOST_TRIALS = 1000
_MOST_SEED = 2**53  # a browser's largest whole number, as for every seed


class _Record(BaseModel):
    """Part of a record: fields of later versions are kept."""

    model_config = ConfigDict(frozen=True, extra="allow", strict=True)


class Trial(_Record):
    """One question to a reader.

    Attributes:
        label: class of its images.
        image: id of the real image that it shows; "" if it shows none.
        index: the synthetic image is number `index` of those that the plan's `draw_seed` draws;
            None if it shows none.
        side: where the real image is, left or right; "" in the design `single`.
    """

    label: str
    image: str = ""
    index: int | None = None
    side: str = ""

    @property
    def truth(self) -> str:
        """The right answer: the side of the real image, or whether the image is real."""
        return self.side or (REAL if self.image else SYNTHETIC)

    def shown(self, side: str) -> "Shown":
        """The image on a side of a pair, or with "" the single one."""
        real = bool(self.image) and side in ("", self.side)
        return Shown(self.image, None) if real else Shown("", self.index)


@dataclass(frozen=True)
class Shown:
    """One image of a trial: the id of a real one, or the index of a synthetic one."""

    image: str
    index: int | None


class Plan(_Record):
    """A study as it was planned.

    Attributes:
        name: of the study.
        design: `pair` or `single`.
        version: registry version that draws the synthetic images.
        weights_sha256: sha256 of its weights.
        run_key: run that trained it, whose held-out images are shown.
        data: git commit of that run's data revision.
        seed: that the plan was drawn by.
        draw_seed: seed of the synthetic images.
        classes: of the trials.
        choices: classes that readers choose from when asked what they see; empty: not asked, and
            the class is told.
        margin: readers whose accuracy is shown to be less than this far from chance are said to be
            unable to tell.
        patients: number of groups that the real images are of.
        readers: with whom it is complete; 0: it ends when somebody closes it.
        trials: in no order that a reader sees.
    """

    name: str
    design: str
    version: int
    weights_sha256: str
    run_key: str
    data: str
    seed: int
    draw_seed: int
    classes: list[str]
    choices: list[str] = Field(default=[])
    margin: float = 0.1
    patients: int = 0
    readers: int = Field(default=0, ge=0)
    trials: list[Trial]

    @property
    def answers(self) -> tuple[str, str]:
        """The two possible answers; detection is of the second one."""
        return (LEFT, RIGHT) if self.design == "pair" else (REAL, SYNTHETIC)

    @property
    def drawn_labels(self) -> list[str]:
        """The class of each synthetic image, by its index."""
        drawn = {one.index: one.label for one in self.trials if one.index is not None}
        return [drawn[index] for index in range(len(drawn))]


class HeldOut(NamedTuple):
    """A held-out image that may be shown: its id, class and group."""

    id: str
    label: str
    group: str


def draw_trials(
    pool: Sequence[HeldOut], design: Design, classes: Sequence[str], count: int, seed: int
) -> list[Trial]:
    """Draw the trials of a study, balanced by class, and by side or by real and synthetic.

    Counts of classes, and of the two answers in all and within each class, differ by at most one.
    Each real image is shown once; a second image of a group comes after one of every group.

    Args:
        pool: images that may be shown, in any order.
        design: of the study.
        classes: that take part, sorted.
        count: number of trials, at least one a class.
        seed: of the draw.

    Raises:
        BadInputError: a class has too few images; the message says how many there are.
    """
    rng = np.random.default_rng(seed)
    # Classes lie in blocks here, so that alternating answers are even within each and in all.
    labels, first = _even(classes, count, rng), int(rng.integers(2))
    blocks = [(label, bool((place + first) % 2)) for place, label in enumerate(labels)]
    needed = Counter(label for label, second in blocks if design == "pair" or not second)
    real = {label: _chosen(pool, label, needed[label], rng) for label in classes}
    _require_enough(real, needed, pool)
    trials, drawn = list[Trial](), 0
    for place in rng.permutation(count):  # so that a trial's number says nothing about it
        label, second = blocks[place]
        image = real[label].pop() if design == "pair" or not second else ""
        index = drawn if design == "pair" or second else None
        side = (RIGHT if second else LEFT) if design == "pair" else ""
        trials.append(Trial(label=label, image=image, index=index, side=side))
        drawn += index is not None
    return trials


def draw_seed(name: str, seed: int) -> int:
    """A seed of the synthetic images: no image that somebody drew by chance is in the study."""
    return _number("draw", name, str(seed)) % _MOST_SEED


def order_of(plan: Plan, reader: str) -> list[int]:
    """The numbers of the trials in the order in which a reader sees them, which is their own."""
    rng = np.random.default_rng(_number("order", plan.name, str(plan.seed), reader))
    return [int(number) for number in rng.permutation(len(plan.trials))]


def _even(classes: Sequence[str], count: int, rng: np.random.Generator) -> list[str]:
    """The class of each trial, in blocks; which classes have one more is drawn."""
    each, more = divmod(count, len(classes))
    larger = {classes[number] for number in rng.permutation(len(classes))[:more]}
    return [name for name in classes for _ in range(each + (name in larger))]


def _chosen(pool: Sequence[HeldOut], label: str, count: int, rng: np.random.Generator) -> list[str]:
    """Ids of images of a class, in a drawn order; one of each group before a second one."""
    images = sorted(one for one in pool if one.label == label)
    shuffled = [images[number] for number in rng.permutation(len(images))]
    seen = Counter[str]()
    ranked = []
    for one in shuffled:
        ranked.append((seen[one.group], one.id))
        seen[one.group] += 1
    return [id_ for _, id_ in sorted(ranked, key=lambda pair: pair[0])][:count]


def _require_enough(
    real: Mapping[str, Sequence[str]], needed: Mapping[str, int], pool: Sequence[HeldOut]
) -> None:
    if all(len(real[label]) >= needed[label] for label in real):
        return
    there = Counter(one.label for one in pool)
    listed = ", ".join(f"{label} {there[label]} of {needed[label]}" for label in real)
    raise BadInputError(
        f"there are too few held-out images: {listed} needed; give fewer --trials, or leave out a "
        "class with --classes"
    )


def _number(*texts: str) -> int:
    return int.from_bytes(hashlib.sha256("\0".join(texts).encode()).digest()[:16])
