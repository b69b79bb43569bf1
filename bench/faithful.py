"""Whether a contestant's images are of their class, over its seeds.

Kernel distance and diversity say little of it: images of one class drawn as another's, without any
finding, may be near the data as a whole.
"""

from collections.abc import Collection, Iterator, Sequence
from statistics import fmean

from model.section import Stored
from pipeline.evaluation.record import (
    CLASS_MARGIN,
    COUNTS,
    COVERAGE,
    FALSE,
    HIT,
    PRECISION,
    RATE,
    Evaluation,
    Figure,
)

MARGIN, CONTRAST = "least class margin", "least contrast"

_OF_THE_CLASS = {RATE: "finding rate", COUNTS: "count distance"}
_COMMANDED = {HIT: "hits", FALSE: "false findings"}
_OVERALL = {PRECISION: "precision", COVERAGE: "coverage"}


class Faithful(Stored):
    """One figure of a contestant.

    Attributes:
        value: mean over the seeds.
        low, high: the widest interval over the seeds; None where the figure has none.
        floor: mean of what real images score in the place of generated ones.
    """

    value: float
    low: float | None = None
    high: float | None = None
    floor: float | None = None


def faithful(evaluations: Sequence[Evaluation]) -> dict[str, Faithful]:
    """The figures by name, in the order of a table; those that no seed has are left out.

    - finding rate, of each kind after which a class is named, and only for phantoms: the share of
      images of the class in which it is found less that of class normal, over the same of phantoms.
    - count distance, likewise: between findings an image in the class and in phantoms of it.
    - hits and false findings of a generator that is given layouts: commanded findings that are
      found, and images without a commanded one in which one is found. By the phantom's rule for
      phantoms, else by the detector.
    - least class margin: of the class that is least itself (`evaluation.class_margin`).
    - least contrast: of two classes, the share of their real difference that is drawn; of those
      that the features tell apart.
    - precision and coverage.
    """
    found: dict[str, list[Faithful]] = {}
    for evaluation in evaluations:
        for name, one in _figures(evaluation):
            found.setdefault(name, []).append(one)
    return {name: _over_seeds(every) for name, every in found.items()}


def _figures(evaluation: Evaluation) -> Iterator[tuple[str, Faithful]]:
    first: dict[tuple[str, str | None], Figure] = {}
    for figure in evaluation.figures:  # the phantom's rule comes before the detector
        first.setdefault((figure.metric, figure.label), figure)
    of_kinds = _OF_THE_CLASS | _COMMANDED
    for kind in sorted({kind for metric, _ in first if (kind := _kind(metric, of_kinds))}):
        for what, said in of_kinds.items():
            label = kind if what in _OF_THE_CLASS else None
            if found := first.get((f"{kind}_{what}", label)):
                yield f"{kind}: {said}", _of(found)
    margins = [figure for (metric, _), figure in first.items() if metric == CLASS_MARGIN]
    if margins:
        yield MARGIN, _of(min(margins, key=lambda figure: figure.value))
    if contrast := _least_contrast(evaluation):
        yield CONTRAST, contrast
    for metric, said in _OVERALL.items():
        if found := first.get((metric, None)):
            yield said, _of(found)


def _kind(metric: str, of_kinds: Collection[str]) -> str:
    """`stone` of `stone_hit_rate`; "" of a figure that is of no kind of finding."""
    ends = (f"_{what}" for what in of_kinds)
    return next((metric.removesuffix(end) for end in ends if metric.endswith(end)), "")


def _of(figure: Figure) -> Faithful:
    return Faithful(value=figure.value, low=figure.low, high=figure.high, floor=figure.floor)


def _least_contrast(evaluation: Evaluation) -> Faithful | None:
    """Of the images as drawn, the first matrix."""
    pairs = evaluation.class_matrices[0].pairs if evaluation.class_matrices else ()
    told = [
        Faithful(value=pair.value, low=pair.low, high=pair.high, floor=pair.floor)
        for pair in pairs
        if pair.value is not None and pair.told_apart
    ]
    return min(told, key=lambda one: one.value, default=None)


def _over_seeds(every: Sequence[Faithful]) -> Faithful:
    lows, highs, floors = (
        [value for one in every if (value := getattr(one, end)) is not None]
        for end in ("low", "high", "floor")
    )
    return Faithful(
        value=fmean(one.value for one in every),
        low=min(lows, default=None),
        high=max(highs, default=None),
        floor=fmean(floors) if floors else None,
    )
