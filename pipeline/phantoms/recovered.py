"""Compare the stones and cysts counted in generated images with those in real phantoms.

Image scores compare populations. This compares what recovery.py finds image by image, to show
whether a generator learned the content of single images. The recovery makes errors. On real
phantoms the truth is known, so each figure comes with the recovery's figure on real images (its
floor).
"""

from collections.abc import Sequence
from math import pi, sqrt

import numpy as np
import scipy
from numpy.typing import NDArray

from model.section import Stored
from pipeline.base.errors import BadInputError
from pipeline.data.region import RegionConfig
from pipeline.phantoms.recovery import KINDS, Found, Images, Kind, recover


class Prevalence(Stored):
    """Share of images that show at least one, with its 95 % Clopper-Pearson interval.

    The interval assumes independent images. Generated images are independent; slices of one
    phantom patient are not, so the interval of real images is too narrow unless each patient has
    one slice.
    """

    share: float
    low: float
    high: float
    images: int


class Recovered(Stored):
    """One finding in the images of one class.

    Attributes:
        label: class index.
        kind: stone or cyst.
        truth: share of real images with at least one, by the truth.
        real: the same by recovery: the floor of `fake`.
        fake: share of generated images, by recovery.
        count_distance: total variation distance between the recovered counts per image of fakes
            and of real images; 0 equal, 1 disjoint.
        count_floor: the same between the recovered real counts and the truth.
        size_distance: Wasserstein distance between the recovered radii of equal area, pixels;
            None if either side shows none.
        size_floor: the same between the recovered real radii and the truth.
        radius, radius_floor: mean recovered radius in fakes and in real images, pixels; None where
            none was recovered.
        rarer, rarer_floor: share of the recovered findings that are in the kidney with fewer of
            them, left or right, 0 to 0.5; None where none was recovered. Near 0: always one side.
    """

    label: int
    kind: Kind
    truth: Prevalence
    real: Prevalence
    fake: Prevalence
    count_distance: float
    count_floor: float
    size_distance: float | None
    size_floor: float | None
    radius: float | None = None
    radius_floor: float | None = None
    rarer: float | None = None
    rarer_floor: float | None = None


def compare_recovered(
    real_images: Images,
    real_labels: NDArray[np.int64],
    real_truth: Sequence[Found],
    fake_images: Images,
    fake_labels: NDArray[np.int64],
    region: RegionConfig | None = None,
) -> list[Recovered]:
    """Compare findings in generated images and held-out real phantoms, by class and kind.

    Args:
        real_images: uint8 [N, S, S], phantoms that the generator was not trained on.
        real_labels: class index [N].
        real_truth: [N], by `found_in_truth` at the images' scale.
        fake_images: uint8 [M, S, S].
        fake_labels: class index [M].
        region: the part of the slices that all images show; None: whole slices.

    Returns:
        One record per class and kind, in order.

    Raises:
        BadInputError: lengths differ, or a class has no real or no generated images.
    """
    if not len(real_images) == len(real_labels) == len(real_truth):
        raise BadInputError("real images, labels and truths differ in number")
    if len(fake_images) != len(fake_labels):
        raise BadInputError("generated images and labels differ in number")
    classes = sorted({*real_labels.tolist(), *fake_labels.tolist()})
    for label in classes:
        if label not in real_labels or label not in fake_labels:
            raise BadInputError(f"class {label} lacks real or generated images: both are needed")
    real, fake = recover(real_images, region), recover(fake_images, region)
    records = []
    for label in classes:
        mine = np.flatnonzero(real_labels == label).tolist()
        of_truth, of_real = [real_truth[i] for i in mine], [real[i] for i in mine]
        of_fake = [fake[i] for i in np.flatnonzero(fake_labels == label).tolist()]
        records += [_compare(label, kind, of_truth, of_real, of_fake) for kind in KINDS]
    return records


def _compare(
    label: int, kind: Kind, truth: list[Found], real: list[Found], fake: list[Found]
) -> Recovered:
    t, r, f = ([found.areas(kind) for found in side] for side in (truth, real, fake))
    return Recovered(
        label=label,
        kind=kind,
        truth=_prevalence(t),
        real=_prevalence(r),
        fake=_prevalence(f),
        count_distance=count_distance(r, f),
        count_floor=count_distance(t, r),
        size_distance=size_distance(r, f),
        size_floor=size_distance(t, r),
        radius=mean_radius(f),
        radius_floor=mean_radius(r),
        rarer=rarer_side(fake, kind),
        rarer_floor=rarer_side(real, kind),
    )


def mean_radius(found: list[tuple[float, ...]]) -> float | None:
    """Mean radius of circles of these areas, pixels; None without any."""
    radii = [sqrt(area / pi) for areas in found for area in areas]
    return sum(radii) / len(radii) if radii else None


def rarer_side(found: Sequence[Found], kind: Kind) -> float | None:
    """Share of the findings on the side of the body with fewer of them; None without any.

    Sides are told by the middle between the kidneys; findings of images without one are left out.
    """
    left = [x < one.middle for one in found if one.middle is not None for x, _ in one.centres(kind)]
    return min(sum(left), len(left) - sum(left)) / len(left) if left else None


def count_distance(one: list[tuple[float, ...]], other: list[tuple[float, ...]]) -> float:
    """Total variation: half the sum over k of |P(count = k) - Q(count = k)|, 0 to 1."""
    counts = [[len(areas) for areas in side] for side in (one, other)]
    bins = max(map(max, counts)) + 1
    p, q = (np.bincount(side, minlength=bins) / len(side) for side in counts)
    return float(np.abs(p - q).sum() / 2)


def size_distance(one: list[tuple[float, ...]], other: list[tuple[float, ...]]) -> float | None:
    """Wasserstein distance between the radii of circles of these areas; None if a side is empty."""
    radii = [[sqrt(area / pi) for areas in side for area in areas] for side in (one, other)]
    return float(scipy.stats.wasserstein_distance(*radii)) if all(radii) else None


def _prevalence(areas: list[tuple[float, ...]]) -> Prevalence:
    shown = sum(bool(each) for each in areas)
    interval = scipy.stats.binomtest(shown, len(areas)).proportion_ci(0.95, "exact")
    return Prevalence(
        share=shown / len(areas),
        low=float(interval.low),
        high=float(interval.high),
        images=len(areas),
    )
