"""What is odd about a new image beside the others of its class.

Nothing here is sure. As `ingest.checks` says, a check warns, or sets an image aside until a person
has looked.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from statistics import median

import numpy as np
from numpy.typing import NDArray

from pipeline.data.config import Check, ChecksConfig
from pipeline.data.formats.canonical import Thumbnail
from pipeline.data.ingest.grouping import normalise
from pipeline.data.ingest.resolve import NewImage
from pipeline.data.manifest import Row

LEAST_IMAGES = 50
"""Images of a class below which nothing is known of what is usual in it."""
_ALIKE = 0.9  # median of the nearest neighbours' correlation, above which a class is of one kind
_SAMPLE = 500  # images that tell how alike a class is
_LEAST_SPREAD = 0.03  # of the grey range: brightness that varies less is taken to vary so much
_ROWS_AT_ONCE = 512
_TO_DEVIATION = 1.4826  # of a normal distribution's median absolute deviation


@dataclass(frozen=True)
class Oddity:
    """One finding about one new image.

    Attributes:
        check: name of the check, a key of `ingest.checks`.
        value: what was measured.
        detail: in a sentence, which names no file.
    """

    check: str
    value: float
    detail: str


def oddities(
    new: Mapping[str, NewImage],
    rows: Sequence[Row],
    thumbnails: Mapping[str, Thumbnail],
    checks: ChecksConfig,
) -> dict[str, tuple[Oddity, ...]]:
    """What is odd about new images, by id; images about which nothing is are left out.

    Args:
        new: images that the manifest does not have.
        rows: of the manifest.
        thumbnails: of its images, by id.
        checks: limits; a check whose action is `ignore` is not made.
    """
    found: dict[str, list[Oddity]] = {}
    for label in sorted({image.label for image in new.values()}):
        mine = {id_: image for id_, image in new.items() if image.label == label}
        known = [row for row in rows if row.label == label]
        for id_, oddity in _of_class(mine, known, thumbnails, checks):
            found.setdefault(id_, []).append(oddity)
    return {id_: tuple(told) for id_, told in found.items()}


def _of_class(
    new: Mapping[str, NewImage],
    known: Sequence[Row],
    thumbnails: Mapping[str, Thumbnail],
    checks: ChecksConfig,
) -> Iterator[tuple[str, Oddity]]:
    if checks.low_information.on:
        yield from _low_information(new, checks.low_information)
    if checks.windowing.on:
        yield from _windowing(new, known, checks.windowing)
    if checks.near_duplicate.on or checks.outlier.on:
        yield from _likeness(new, known, thumbnails, checks)


def _low_information(new: Mapping[str, NewImage], check: Check) -> Iterator[tuple[str, Oddity]]:
    for id_, image in new.items():
        if (bits := image.image.bits_a_pixel) < check.limit:
            detail = f"its PNG takes {bits:.2f} bits a pixel; usual is more than {check.limit:g}"
            yield id_, Oddity("low-information", bits, detail)


def _windowing(
    new: Mapping[str, NewImage], known: Sequence[Row], check: Check
) -> Iterator[tuple[str, Oddity]]:
    """Brightness far from the class's: another window, inverted, or another kind of image."""
    earlier = [float(row.brightness) for row in known if row.brightness]
    everyone = [image.image.brightness for image in new.values()] + earlier
    if len(everyone) < LEAST_IMAGES:
        return
    usual = median(everyone)
    spread = _TO_DEVIATION * median(abs(value - usual) for value in everyone)
    for id_, image in new.items():
        away = abs(image.image.brightness - usual) / max(spread, _LEAST_SPREAD)
        if away > check.limit:
            detail = (
                f"its median brightness is {image.image.brightness:.0%} of the grey range, the "
                f"class's {usual:.0%}: {away:.1f} deviations, and up to {check.limit:g} is usual"
            )
            yield id_, Oddity("windowing", away, detail)


def _likeness(
    new: Mapping[str, NewImage],
    known: Sequence[Row],
    thumbnails: Mapping[str, Thumbnail],
    checks: ChecksConfig,
) -> Iterator[tuple[str, Oddity]]:
    """Images that are nearly another one, and images that are like no other."""
    ids = [row.id for row in known] + list(new)
    small = [thumbnails[row.id] for row in known] + [new[id_].image.thumbnail for id_ in new]
    if len(ids) < 2:
        return
    vectors = normalise(np.stack(small))
    first = len(known)
    # Of two new images that are nearly one, the second is the odd one.
    nearest, before, partner = _nearest(vectors, np.arange(first, len(ids)))
    one_kind = len(ids) >= LEAST_IMAGES and _alike(vectors) > _ALIKE
    found = zip(ids[first:], before.tolist(), partner.tolist(), nearest.tolist(), strict=True)
    for id_, likest, other, value in found:
        if checks.near_duplicate.on and likest > checks.near_duplicate.limit:
            detail = f"it is nearly image {ids[other][:12]}: correlation {likest:.5f}"
            yield id_, Oddity("near-duplicate", likest, detail)
        if checks.outlier.on and one_kind and value < checks.outlier.limit:
            detail = (
                f"it is like no other image of its class: correlation {value:.2f} with the "
                f"nearest, and {checks.outlier.limit:g} or more is usual"
            )
            yield id_, Oddity("outlier", value, detail)


def _alike(vectors: NDArray[np.float32]) -> float:
    """How near the nearest neighbour of an image usually is."""
    step = max(1, len(vectors) // _SAMPLE)
    nearest, _, _ = _nearest(vectors, np.arange(0, len(vectors), step))
    return float(np.median(nearest))


def _nearest(
    vectors: NDArray[np.float32], rows: NDArray[np.int64]
) -> tuple[NDArray[np.float32], NDArray[np.float32], NDArray[np.int64]]:
    """Highest correlation of each row with another vector, and with an earlier one; which it is."""
    nearest, before, partners = [], [], []
    for start in range(0, len(rows), _ROWS_AT_ONCE):
        block = rows[start : start + _ROWS_AT_ONCE]
        alike = vectors[block] @ vectors.T
        alike[np.arange(len(block)), block] = -1.0
        nearest.append(alike.max(axis=1))
        alike[np.arange(len(vectors)) > block[:, None]] = -1.0
        before.append(alike.max(axis=1))
        partners.append(alike.argmax(axis=1))
    return np.concatenate(nearest), np.concatenate(before), np.concatenate(partners)
