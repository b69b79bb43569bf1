"""Registered pairs of kidney phantoms: two acquisitions of one slice, and what it looks like.

Of each slice there is one truth in Hounsfield units; two acquisitions, a and b, show it through
another window, with another blur or another noise. Where a cannot show something b can, so that a
fused image has something to keep. Nothing is moved between the two.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
import scipy
from numpy.typing import NDArray
from pydantic import Field

from model.section import Section
from pipeline.data.arrive.writing import write_lists
from pipeline.data.landing.lists import COLUMNS

from .files import encode, write_file
from .phantom import PNG_TEXT
from .phantom_canvas import Array, correlated
from .phantom_study import CLASSES, DEFAULT, PhantomConfig, densities

Kind = Literal["windows", "noise", "modalities"]
KINDS: tuple[Kind, ...] = ("windows", "noise", "modalities")


class Acquisition(Section):
    """How one image of a pair is made of Hounsfield units."""

    window: tuple[float, float] = Field(description="HU that become black and white")
    blur: float = Field(ge=0, description="standard deviation of the point spread, pixels")
    noise: float = Field(ge=0, description="standard deviation of the noise, HU")
    scan: int = Field(default=0, ge=0, description="images of one scan have one noise")
    curve: tuple[tuple[float, float], ...] = Field(
        default=(), description="HU and grey, 0 to 1, between which greys are interpolated; () "
        "for the window"
    )  # fmt: skip


_T2_LIKE = (
    (-1000.0, 0.0), (-600.0, 0.05), (-150.0, 0.75), (-60.0, 0.85), (-10.0, 0.95),
    (25.0, 0.7), (60.0, 0.35), (200.0, 0.25), (500.0, 0.05), (1300.0, 0.0),
)  # fmt: skip

ACQUIRED: dict[Kind, tuple[Acquisition, Acquisition]] = {
    # Soft tissue, where bone and stone are all white; and bone, where soft tissue is one grey.
    "windows": (
        Acquisition(window=(-150, 250), blur=0.45, noise=11),
        Acquisition(window=(-700, 1300), blur=0.45, noise=11),
    ),
    # A sharp image of a low dose, and a smooth one of a high dose.
    "noise": (
        Acquisition(window=(-150, 290), blur=0.35, noise=40),
        Acquisition(window=(-150, 290), blur=1.3, noise=6, scan=1),
    ),
    # CT, and a coarser image in which water and fat are bright and bone is dark, as in MR.
    "modalities": (
        Acquisition(window=(-150, 290), blur=0.45, noise=11),
        Acquisition(window=(-1000, 1300), blur=0.9, noise=12, scan=1, curve=_T2_LIKE),
    ),
}


MODALITIES: dict[Kind, tuple[str, str]] = {
    "windows": ("SOFT", "BONE"),
    "noise": ("LOW-DOSE", "HIGH-DOSE"),
    "modalities": ("CT", "MR"),
}
"""What a list calls the two images of a pair, in the order of `ACQUIRED`."""


@dataclass(frozen=True)
class PhantomPairs:
    """Pairs of several patients, row by row.

    Attributes:
        images: uint8 [N, 2, size, size], a and b.
        clean: the same without noise and blur, uint8 [N, 2, size, size].
        labels: int64 [N], an index into `CLASSES`.
        groups: str [N], the patient.
        ids: str [N], patient and slice.
    """

    images: NDArray[np.uint8]
    clean: NDArray[np.uint8]
    labels: NDArray[np.int64]
    groups: NDArray[np.str_]
    ids: NDArray[np.str_]


def make_pairs(
    numbers: Sequence[int], seed: int, kind: Kind, config: PhantomConfig = DEFAULT
) -> PhantomPairs:
    """The pairs of some patients of every class.

    A pair depends only on class, number, seed, kind and config.

    Args:
        numbers: of the patients of each class, 0 or more.
        seed: of the whole phantom.
        kind: how the two images differ, a key of `ACQUIRED`.
        config: size, slices and levels; its noise is not used.

    Raises:
        BadInputError: a number or the seed is negative.
    """
    images, clean, labels, groups, ids = [], [], [], [], []
    for label, name in enumerate(CLASSES):
        for number in numbers:
            hu, _ = densities(name, number, seed, config)
            images.append(_acquired(hu, [seed, label, number], kind))
            clean.append(np.stack([_grey(hu, how) for how in ACQUIRED[kind]], 1))
            labels += [label] * len(hu)
            groups += [f"{name}-{number}"] * len(hu)
            ids += [f"{name}-{number}-{level}" for level in range(len(hu))]
    return PhantomPairs(
        np.concatenate(images),
        np.concatenate(clean),
        np.array(labels, np.int64),
        np.array(groups),
        np.array(ids),
    )


def write_pairs(
    folder: Path,
    patients_per_class: int,
    seed: int,
    kind: Kind,
    *,
    config: PhantomConfig = DEFAULT,
    on_progress: Callable[[int, int], None] | None = None,
) -> int:
    """Write pairs as a user gives them: two files each, named as a pair by a medloom.csv.

    The files are `folder/<class>/phantom-<number>-slice-<k>-<modality>.png`. Patients are numbered
    as by `write_patients`, and a repeated call changes nothing.

    Args:
        folder: created if missing.
        patients_per_class: number of patients of each class, 1 or more.
        seed: of the whole phantom.
        kind: how the two images differ, a key of `ACQUIRED`.
        config: size, slices and levels; its noise is not used.
        on_progress: called with (pairs done, pairs in all) after each patient.

    Returns:
        The number of images written, new or changed.
    """
    folder.mkdir(parents=True, exist_ok=True)
    written, total, lines = 0, patients_per_class * len(CLASSES), []
    for number in range(total):
        label = number % len(CLASSES)
        hu, _ = densities(CLASSES[label], number, seed, config)
        for k, pair in enumerate(_acquired(hu, [seed, label, number], kind)):
            name = f"phantom-{number:05d}-slice-{k}"
            for modality, image in zip(MODALITIES[kind], pair, strict=True):
                file = f"{CLASSES[label]}/{name}-{modality.lower()}.png"
                written += write_file(folder / file, encode(image, PNG_TEXT))
                said = {"file": file, "pair": name, "modality": modality}
                lines.append(dict.fromkeys(COLUMNS, "") | said)
        if on_progress is not None:
            on_progress((number + 1) * config.slices, total * config.slices)
    write_lists(folder, {"": lines})
    return written


def _acquired(hu: Array, key: Sequence[int], kind: Kind) -> NDArray[np.uint8]:
    """The pairs of one patient, uint8 [slices, 2, size, size]; key: seed, class and number."""
    key = [*key, KINDS.index(kind)]
    seen = [_acquire(hu, how, np.random.default_rng([*key, how.scan])) for how in ACQUIRED[kind]]
    return np.stack(seen, 1)


def _acquire(hu: Array, how: Acquisition, rng: np.random.Generator) -> NDArray[np.uint8]:
    """Point spread and noise, then grey; the noise of a curve is that of its greys in CT."""
    noise = how.noise * (
        0.8 * correlated(rng, hu.shape, 0.6) + 0.6 * correlated(rng, hu.shape, 1.3)
    )
    if how.curve:
        greys = scipy.ndimage.gaussian_filter(_curved(hu, how), how.blur, axes=(-2, -1))
        return _pixels(greys + noise / 440)
    low, high = how.window
    return _pixels(
        (scipy.ndimage.gaussian_filter(hu, how.blur, axes=(-2, -1)) + noise - low) / (high - low)
    )


def _grey(hu: Array, how: Acquisition) -> NDArray[np.uint8]:
    low, high = how.window
    return _pixels(_curved(hu, how) if how.curve else (hu - low) / (high - low))


def _curved(hu: Array, how: Acquisition) -> Array:
    where, greys = zip(*how.curve, strict=True)
    curved: Array = np.interp(hu, where, greys).astype(np.float32)
    return curved


def _pixels(grey: Array) -> NDArray[np.uint8]:
    return np.rint(255 * np.clip(grey, 0, 1)).astype(np.uint8)
