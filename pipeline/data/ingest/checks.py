"""Compare new images with others of their class and report unusual ones.

No finding is certain. `ingest.checks` says whether a check warns, or quarantines an image until a
person has reviewed it.
"""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from statistics import median

import numpy as np
from numpy.typing import NDArray

from pipeline.data.config import CheckRule, ChecksConfig
from pipeline.data.formats.canonical import Thumbnail
from pipeline.data.ingest.grouping import normalise
from pipeline.data.ingest.resolve import NewImage
from pipeline.data.manifest import Row
from pipeline.data.refusal import Refused

LEAST_IMAGES = 50
"""Fewest images of a class from which its usual values are estimated."""
_ALIKE = 0.9  # median nearest-neighbour correlation above which a class is homogeneous
_SAMPLE = 500  # images to estimate that median from
_LEAST_SPREAD = 0.03  # of the grey range: the least spread of brightness that is assumed
_ROWS_AT_ONCE = 512
_TO_DEVIATION = 1.4826  # standard over median absolute deviation of a normal distribution


@dataclass(frozen=True)
class CheckFinding:
    """One finding about one new image.

    Attributes:
        check: name of the check, a key of `ingest.checks`.
        value: what was measured.
        detail: a sentence that names no file.
    """

    check: str
    value: float
    detail: str


def run_checks(
    new: Mapping[str, NewImage],
    rows: Sequence[Row],
    thumbnails: Mapping[str, Thumbnail],
    checks: ChecksConfig,
) -> dict[str, tuple[CheckFinding, ...]]:
    """Run the checks; returns the findings by image id, for images that have any.

    Args:
        new: images that are not in the manifest.
        rows: of the manifest.
        thumbnails: of its images, by id.
        checks: limits; a check whose action is `ignore` does not run.
    """
    found: dict[str, list[CheckFinding]] = {}
    for kind in sorted({_kind(image) for image in new.values()}):
        mine = {id_: image for id_, image in new.items() if _kind(image) == kind}
        known = [row for row in rows if _kind(row) == kind]
        for id_, oddity in _of_class(mine, known, thumbnails, checks):
            found.setdefault(id_, []).append(oddity)
    return {id_: tuple(each) for id_, each in found.items()}


def _kind(image: NewImage | Row) -> tuple[str, str]:
    """What an image is compared with: its class, and of pairs only its modality."""
    modality = image.modality if isinstance(image, Row) else image.image.modality
    return image.label, modality if image.pair else ""


def refused_by_checks(
    odd: Mapping[str, Sequence[CheckFinding]], checks: ChecksConfig, released: Collection[str]
) -> dict[str, Refused]:
    """The refusals, by image id, where a check's action is `quarantine`."""
    refused = {}
    for id_ in set(odd) - set(released):
        found = [one for one in odd[id_] if checks.by_name(one.check).action == "quarantine"]
        if found:
            refused[id_] = Refused(found[0].check, found[0].detail, id_)
    return refused


def _of_class(
    new: Mapping[str, NewImage],
    known: Sequence[Row],
    thumbnails: Mapping[str, Thumbnail],
    checks: ChecksConfig,
) -> Iterator[tuple[str, CheckFinding]]:
    if checks.low_information.on:
        yield from _low_information(new, checks.low_information)
    if checks.windowing.on:
        yield from _windowing(new, known, checks.windowing)
    if checks.near_duplicate.on or checks.outlier.on:
        yield from _likeness(new, known, thumbnails, checks)


def _low_information(
    new: Mapping[str, NewImage], check: CheckRule
) -> Iterator[tuple[str, CheckFinding]]:
    for id_, image in new.items():
        if (bits := image.image.bits_a_pixel) < check.limit:
            detail = f"its PNG takes {bits:.2f} bits per pixel; more than {check.limit:g} is usual"
            yield id_, CheckFinding("low-information", bits, detail)


def _windowing(
    new: Mapping[str, NewImage], known: Sequence[Row], check: CheckRule
) -> Iterator[tuple[str, CheckFinding]]:
    """Brightness far from the class median: another window, inverted, or another kind of image."""
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
                f"class median {usual:.0%}: {away:.1f} deviations; up to {check.limit:g} is usual"
            )
            yield id_, CheckFinding("windowing", away, detail)


def _likeness(
    new: Mapping[str, NewImage],
    known: Sequence[Row],
    thumbnails: Mapping[str, Thumbnail],
    checks: ChecksConfig,
) -> Iterator[tuple[str, CheckFinding]]:
    """Near-duplicates, and images that resemble no other."""
    ids = [row.id for row in known] + list(new)
    small = [thumbnails[row.id] for row in known] + [new[id_].image.thumbnail for id_ in new]
    if len(ids) < 2:
        return
    vectors = normalise(np.stack(small))
    first = len(known)
    # Of two near-duplicate new images the second is reported.
    nearest, before, partner = _nearest(vectors, np.arange(first, len(ids)))
    one_kind = len(ids) >= LEAST_IMAGES and _typical_correlation(vectors) > _ALIKE
    found = zip(ids[first:], before.tolist(), partner.tolist(), nearest.tolist(), strict=True)
    for id_, likest, other, value in found:
        if checks.near_duplicate.on and likest > checks.near_duplicate.limit:
            detail = f"it is nearly equal to image {ids[other][:12]}: correlation {likest:.5f}"
            yield id_, CheckFinding("near-duplicate", likest, detail)
        if checks.outlier.on and one_kind and value < checks.outlier.limit:
            detail = (
                f"it resembles no other image of its class: correlation {value:.2f} with the "
                f"nearest; {checks.outlier.limit:g} or more is usual"
            )
            yield id_, CheckFinding("outlier", value, detail)


def _typical_correlation(vectors: NDArray[np.float32]) -> float:
    """Median correlation of an image with its nearest neighbour."""
    step = max(1, len(vectors) // _SAMPLE)
    nearest, _, _ = _nearest(vectors, np.arange(0, len(vectors), step))
    return float(np.median(nearest))


def _nearest(
    vectors: NDArray[np.float32], rows: NDArray[np.int64]
) -> tuple[NDArray[np.float32], NDArray[np.float32], NDArray[np.int64]]:
    """Highest correlation of each row with any other and with an earlier one, whose index it is."""
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
