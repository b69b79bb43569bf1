"""Whether findings are where they were commanded: hits, outlines, sizes and false findings.

A pure function of two stacks of maps: those that a generator was given, and those in which a finder
found something in its images. A finder errs, so each figure has the same finder's figure on real
images with their own maps as its floor.

The same figures say of a generator that makes maps itself whether its images agree with them.
"""

from collections.abc import Sequence
from math import hypot, pi, sqrt
from typing import NamedTuple

import numpy as np
import scipy
from numpy.typing import NDArray

from pipeline.evaluation.copying import binomial
from pipeline.evaluation.record import DICE, FALSE, HIT, SIZE_ERROR, Figure
from pipeline.evaluation.trials import independent_trials

Maps = NDArray[np.uint8]

MADE = "made"
"""After the kind where a generator made the maps itself: `stone_made_hit_rate` says whether its
images show what its maps say."""

_COVERED = 127  # of 255, above which a pixel belongs to a finding
_REACH = 2 / 64  # of the side, by which a centre may be outside of what was commanded
_OVERLAP = 0.1  # intersection over union that counts as a hit wherever the centre is


class Spot(NamedTuple):
    """A connected part of a map: centre and radius of the circle of equal area, in pixels."""

    x: float
    y: float
    radius: float
    part: int


class Obeyed(NamedTuple):
    """How one kind of finding was drawn.

    Attributes:
        commanded, hit: findings that were commanded, and those of them that were found.
        trials: how many independent findings the commanded ones are worth, as several of one image
            are hit or missed together; 0 without any.
        dice: 2 |A and B| / (|A| + |B|) of the commanded and found pixels, mean over images in which
            one was commanded; None without any.
        dice_interval: of 95 % over images, by their deviation; None with fewer than two.
        size_error: mean of |found radius / commanded radius - 1| over the hits; None without any.
        bare: images in which none was commanded.
        false: those of them in which one was found.
    """

    commanded: int
    hit: int
    trials: float
    dice: float | None
    dice_interval: tuple[float, float] | None
    size_error: float | None
    bare: int
    false: int


def obeyed(commanded: Maps, found: Maps) -> Obeyed:
    """Compare maps of one kind, image by image.

    A commanded finding is hit if the centre of a found one is within its radius plus 1/32 of the
    side, or if they overlap by an intersection over union of 0.1 or more.

    Args:
        commanded, found: uint8 [N, S, S], 0 to 255; what is above 127 belongs to a finding.

    Raises:
        ValueError: shapes differ.
    """
    if commanded.shape != found.shape or commanded.ndim != 3:
        raise ValueError(f"maps {commanded.shape} and {found.shape}: give two of one [N, S, S]")
    bare = false = 0
    hits: list[bool] = []
    of: list[int] = []  # the image of each commanded finding
    dices: list[float] = []
    errors: list[float] = []
    pairs = zip(commanded > _COVERED, found > _COVERED, strict=True)
    for number, (asked, seen) in enumerate(pairs):
        if not asked.any():
            bare, false = bare + 1, false + int(seen.any())
            continue
        dices.append(float(2 * (asked & seen).sum() / (asked.sum() + seen.sum())))
        asked_parts, seen_parts = (scipy.ndimage.label(one)[0] for one in (asked, seen))
        there = _spots(seen_parts)
        for spot in _spots(asked_parts):
            near = [
                other for other in there if _meets(spot, other, asked_parts, seen_parts, len(asked))
            ]
            hits.append(bool(near))
            of.append(number)
            if near:
                best = min(near, key=lambda other: hypot(other.x - spot.x, other.y - spot.y))
                errors.append(abs(best.radius / spot.radius - 1))
    return Obeyed(
        commanded=len(hits),
        hit=sum(hits),
        trials=independent_trials(np.array(hits), np.array(of)) if hits else 0.0,
        dice=float(np.mean(dices)) if dices else None,
        dice_interval=_interval(dices),
        size_error=float(np.mean(errors)) if errors else None,
        bare=bare,
        false=false,
    )


def obedience(
    made: tuple[Maps, Maps],
    real: tuple[Maps, Maps] | None,
    kinds: Sequence[str],
    finder: str,
    *,
    themselves: bool = False,
) -> list[Figure]:
    """Figures of every kind that was commanded at least once.

    Args:
        made: commanded and found maps of generated images, uint8 [N, K, S, S].
        real: annotated and found maps of real images, for the floor; None: no floor.
        kinds: names in the order of the maps.
        finder: its name, for the protocol.
        themselves: whether the generator made the first maps itself, beside its images.
    """
    figures = []
    for place, kind in enumerate(kinds):
        got = obeyed(made[0][:, place], made[1][:, place])
        floor = obeyed(real[0][:, place], real[1][:, place]) if real else None
        if got.commanded:
            figures += _figures(f"{kind}_{MADE}" if themselves else kind, got, floor, finder)
    return figures


def _spots(parts: NDArray[np.int32]) -> list[Spot]:
    spots = []
    for part in range(1, int(parts.max()) + 1):
        rows, columns = np.nonzero(parts == part)
        radius = sqrt(len(rows) / pi)
        spots.append(Spot(float(columns.mean()), float(rows.mean()), radius, part))
    return spots


def _meets(
    asked: Spot,
    seen: Spot,
    asked_parts: NDArray[np.int32],
    seen_parts: NDArray[np.int32],
    side: int,
) -> bool:
    if hypot(asked.x - seen.x, asked.y - seen.y) <= asked.radius + _REACH * side:
        return True
    one, other = asked_parts == asked.part, seen_parts == seen.part
    return bool((one & other).sum() >= _OVERLAP * (one | other).sum())


def _figures(kind: str, got: Obeyed, floor: Obeyed | None, finder: str) -> list[Figure]:
    def share(count: int, total: int, trials: float) -> tuple[float, float, float] | None:
        return (count / total, *binomial(count / total * trials, trials)) if total else None

    def hit(one: Obeyed) -> tuple[float, float, float] | None:
        return share(one.hit, one.commanded, one.trials)

    def false(one: Obeyed) -> tuple[float, float, float] | None:
        return share(one.false, one.bare, one.bare)

    values = {
        HIT: (hit(got), floor and hit(floor)),
        FALSE: (false(got), floor and false(floor)),
        DICE: (_dice(got), floor and _dice(floor)),
        SIZE_ERROR: (_alone(got.size_error), floor and _alone(floor.size_error)),
    }
    return [
        Figure(
            metric=f"{kind}_{what}",
            label=None,
            protocol=f"{kind}_{what}_{finder}",
            value=value[0],
            floor=beside[0] if beside else None,
            low=value[1],
            high=value[2],
            n_real=floor.commanded if floor else 0,
            n_fake=got.bare if what == FALSE else got.commanded,
        )
        for what, (value, beside) in values.items()
        if value is not None
    ]


def _interval(values: list[float]) -> tuple[float, float] | None:
    if len(values) < 2:
        return None
    half = 1.96 * float(np.std(values, ddof=1)) / sqrt(len(values))
    return float(np.mean(values)) - half, float(np.mean(values)) + half


def _dice(got: Obeyed) -> tuple[float, float | None, float | None] | None:
    return None if got.dice is None else (got.dice, *(got.dice_interval or (None, None)))


def _alone(value: float | None) -> tuple[float, None, None] | None:
    return None if value is None else (value, None, None)
