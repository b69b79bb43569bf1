"""For phantoms: compare stones and cysts in generated slices with those of their class."""

from collections.abc import Sequence
from math import pi, sqrt
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from model.layouts import Layouts
from pipeline.data.square import PreprocessConfig, find_crop, to_square
from pipeline.evaluation.image_set import Images
from pipeline.evaluation.obedience import Maps, obedience
from pipeline.evaluation.record import COUNTS, PREVALENCE, RADIUS, RARER, RATE, SIZES, Figure
from pipeline.phantoms.phantom_study import CLASSES, make_patient
from pipeline.phantoms.recovered import Recovered, compare_recovered
from pipeline.phantoms.recovery import KINDS, LEAST_SIDE, Found, found_in_truth, recover

PATIENTS = 30
"""Phantom patients per class for the floor of the recovery, one slice of each."""
HELD_OUT_SEED = 2**31 - 1
"""Seed of those patients; no data set uses it."""
BARE = "normal"
"""The class without findings, against which finding rates are taken."""
FINDER = "phantom_rule"

_LEAST_DIFFERENCE = 0.1  # of real phantoms' shares, below which there is no rate


class Slices(NamedTuple):
    """Held-out phantom slices: images, class indices and what each shows by its truth."""

    images: Images
    labels: NDArray[np.int64]
    truths: list[Found]


def findings(
    images: Images,
    labels: NDArray[np.int64],
    classes: tuple[str, ...],
    square: PreprocessConfig | None = None,
    layouts: Layouts | None = None,
    kinds: Sequence[str] = (),
    made: Layouts | None = None,
) -> list[Figure]:
    """Compare findings recovered from generated slices with those recovered from phantoms.

    The recovery errs, most of all at 64 px and for cysts (docs/lab-notes.md). Its floor, the same
    figure for phantoms of known truth, says how much.

    Args:
        images: uint8 [N, S, S], generated.
        labels: class index [N].
        classes: names in label order; classes without a phantom are left out.
        square: how the slices were made squares; None: whole slices.
        layouts: those that the images were given, with maps of `kinds`; None: nothing was
            commanded.
        kinds: names of the layouts' maps.
        made: layouts that the generator made itself, beside its images; None: it makes none.

    Returns:
        By class and kind: the share of slices with a finding and its interval, distances of counts
        and radii from those of phantoms, mean radius, and the share in the kidney with fewer
        findings; for a class named after a kind its finding rate; with layouts, whether findings
        are where they were commanded; with layouts made, whether they are where these say. Empty
        for images too small to show a stone.
    """
    size = images.shape[1]
    if size < LEAST_SIDE:
        return []
    square = (square or PreprocessConfig()).model_copy(update={"size": size})
    known = [label for label, name in enumerate(classes) if name in CLASSES]
    real = _held_out(known, classes, square)
    chosen = np.isin(labels, known)
    records = compare_recovered(*real, images[chosen], labels[chosen], square.region)
    figures = [figure for record in records for figure in _figures(record, classes[record.label])]
    figures += _rates(records, classes)
    for where, themselves in ((layouts, False), (made, True)):
        if where is not None and where.told.any():
            figures += _obedience(images, where, kinds, real, square, themselves=themselves)
    return figures


def _held_out(known: list[int], classes: tuple[str, ...], square: PreprocessConfig) -> Slices:
    """One slice of each held-out phantom patient that has the region of `square`."""
    images, labels, truths = [], [], []
    for label in known:
        for number in range(PATIENTS):
            slices = make_patient(classes[label], number, HELD_OUT_SEED)
            image, truth = slices[len(slices) // 2]
            crop, _ = find_crop(image, square)
            if crop is not None:
                images.append(to_square(image, square, crop))
                labels.append(label)
                scale = square.size / (crop[2] - crop[0])
                truths.append(found_in_truth(truth, scale, crop[:2]))
    return Slices(np.stack(images), np.array(labels), truths)


def _figures(record: Recovered, label: str) -> list[Figure]:
    values = {
        PREVALENCE: (record.fake.share, record.real.share, record.fake.low, record.fake.high),
        COUNTS: (record.count_distance, record.count_floor, None, None),
        SIZES: (record.size_distance, record.size_floor, None, None),
        RADIUS: (record.radius, record.radius_floor, None, None),
        RARER: (record.rarer, record.rarer_floor, None, None),
    }
    return [
        Figure(
            metric=f"{record.kind}_{what}",
            label=label,
            protocol=f"{record.kind}_{what}_phantom{PATIENTS}",
            value=value,
            floor=floor,
            low=low,
            high=high,
            n_real=record.real.images,
            n_fake=record.fake.images,
        )
        for what, (value, floor, low, high) in values.items()
        if value is not None
    ]


def _rates(records: list[Recovered], classes: tuple[str, ...]) -> list[Figure]:
    """Share found in a class less that found in class normal, over the same of real phantoms."""
    if BARE not in classes:
        return []
    found = {(record.kind, classes[record.label]): record for record in records}
    figures = []
    for kind in KINDS:
        mine, bare = found.get((kind, kind)), found.get((kind, BARE))
        if mine is None or bare is None:
            continue
        real = mine.real.share - bare.real.share
        if real < _LEAST_DIFFERENCE:
            continue
        half = 1.96 * sqrt(sum(_variance(one.fake.share, one.fake.images) for one in (mine, bare)))
        value = mine.fake.share - bare.fake.share
        figures.append(
            Figure(
                metric=f"{kind}_{RATE}",
                label=kind,
                protocol=f"{kind}_{RATE}_phantom{PATIENTS}",
                value=value / real,
                floor=1.0,
                low=(value - half) / real,
                high=(value + half) / real,
                n_real=mine.real.images,
                n_fake=mine.fake.images,
            )
        )
    return figures


def _variance(share: float, images: int) -> float:
    """Of a share of independent images; never 0, as the true share is not known to be 0 or 1."""
    likely = (share * images + 0.5) / (images + 1)
    return likely * (1 - likely) / images


def _obedience(
    images: Images,
    layouts: Layouts,
    kinds: Sequence[str],
    real: Slices,
    square: PreprocessConfig,
    *,
    themselves: bool,
) -> list[Figure]:
    looked = [kind for kind in kinds if kind in KINDS]
    places = [list(kinds).index(kind) for kind in looked]
    asked = layouts.maps[layouts.told][:, places]
    side = square.size
    seen, known = (
        drawn_spots(recover(one, square.region), looked, side)
        for one in (images[layouts.told], real.images)
    )
    truth = drawn_spots(real.truths, looked, side)
    return obedience((asked, seen), (truth, known), looked, FINDER, themselves=themselves)


def drawn_spots(found: Sequence[Found], kinds: Sequence[str], side: int) -> Maps:
    """What the phantom's rule found, as discs of the same area: uint8 [N, K, side, side].

    Kinds that the rule does not look for stay empty.
    """
    maps = np.zeros((len(found), len(kinds), side, side), np.uint8)
    rows, columns = np.mgrid[:side, :side]
    for image, one in zip(maps, found, strict=True):
        for kind in KINDS:
            if kind in kinds:
                disc = image[list(kinds).index(kind)]
                for area, (x, y) in zip(one.areas(kind), one.centres(kind), strict=True):
                    reach = max(sqrt(area / pi), sqrt(0.5))  # the pixel of the centre at least
                    disc[np.hypot(columns - x, rows - y) <= reach] = 255
    return maps
