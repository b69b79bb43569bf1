"""For phantoms: compare stones and cysts in generated slices with those of their class."""

import numpy as np
from numpy.typing import NDArray

from pipeline.data.region import RegionConfig
from pipeline.data.square import PreprocessConfig, find_crop, to_square
from pipeline.evaluation.image_set import Images
from pipeline.evaluation.record import COUNTS, PREVALENCE, SIZES, Figure
from pipeline.phantoms.phantom_study import CLASSES, make_patient
from pipeline.phantoms.recovered import Recovered, compare_recovered
from pipeline.phantoms.recovery import LEAST_SIDE, Found, found_in_truth

PATIENTS = 30
"""Phantom patients per class for the floor of the recovery, one slice of each."""
HELD_OUT_SEED = 2**31 - 1
"""Seed of those patients; no data set uses it."""


def findings(
    images: Images, labels: NDArray[np.int64], classes: tuple[str, ...], view: str = ""
) -> list[Figure]:
    """Compare findings recovered from generated slices with those recovered from phantoms.

    The recovery errs, most of all at 64 px and for cysts (docs/lab-notes.md). Its floor, the same
    figure for phantoms of known truth, says how much.

    Args:
        images: uint8 [N, S, S], generated.
        labels: class index [N].
        classes: names in label order; classes without a phantom are left out.
        view: the part of the slices that the images show, in words; "" for whole slices.

    Returns:
        By class and kind: the share of slices with a finding and its interval, and the distances
        of counts and radii from those of phantoms. Empty for images too small to show a stone.
    """
    size = images.shape[1]
    if size < LEAST_SIDE:
        return []
    known = [label for label, name in enumerate(classes) if name in CLASSES]
    region = RegionConfig.of_view(view)
    slices = [
        (*shown, label)
        for label in known
        for number in range(PATIENTS)
        if (shown := phantom_in_view(classes[label], number, size, region))
    ]
    real, truths, real_labels = zip(*slices, strict=True)
    chosen = np.isin(labels, known)
    records = compare_recovered(
        np.stack(real), np.array(real_labels), truths, images[chosen], labels[chosen], region
    )
    return [figure for record in records for figure in _figures(record, classes[record.label])]


def phantom_in_view(
    label: str, number: int, size: int, region: RegionConfig
) -> tuple[NDArray[np.uint8], Found] | None:
    """The middle slice of a held-out phantom patient as networks see it, and its findings.

    Args:
        label: class of the patient.
        number: of the patient, 0 or more.
        size: side of the image, pixels.
        region: the part of the slice.

    Returns:
        uint8 [size, size] and the findings by the truth, areas in its pixels; None if the slice
        does not have the region.
    """
    slices = make_patient(label, number, HELD_OUT_SEED)
    image, truth = slices[len(slices) // 2]
    config = PreprocessConfig(size=size, region=region)
    crop, _ = find_crop(image, config)
    if crop is None:
        return None
    return to_square(image, config, crop), found_in_truth(truth, size / (crop[2] - crop[0]))


def _figures(record: Recovered, label: str) -> list[Figure]:
    values = {
        PREVALENCE: (record.fake.share, record.real.share, record.fake.low, record.fake.high),
        COUNTS: (record.count_distance, record.count_floor, None, None),
        SIZES: (record.size_distance, record.size_floor, None, None),
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
