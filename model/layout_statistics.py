"""Fill a bank of layouts from the annotated training images."""

from dataclasses import dataclass

import numpy as np
import scipy
import torch
from numpy.typing import NDArray

from .layout_bank import MOST, PLACES, LayoutBank
from .layouts import Layouts

LEAST_IMAGES = 5
"""Annotated images of a class below which nothing is said about its findings."""
LEAST_FINDINGS = 5
"""Findings of a kind below which none is drawn: fewer would be those of single patients."""

_BLUR = 1 / 64
"""Deviation of the blur of the map of places, in shares of the side. A generator does not draw a
finding where no image had one, such as beside the kidney: with three times this blur it missed
three of four stones that lay more than 3 px of 64 from those of training (docs/lab-notes.md)."""
_LOW, _HIGH = 0.05, 0.95  # quantiles of the diameters that are drawn


@dataclass(frozen=True)
class Blob:
    """One finding of a map: the ellipse of its area and its box's proportions.

    Attributes:
        x, y, width, height: centre and axes, in shares of the image's side.
    """

    x: float
    y: float
    width: float
    height: float

    @property
    def diameter(self) -> float:
        """Of the circle of the same area, as a share of the side."""
        return float(np.sqrt(self.width * self.height))


def blobs(coverage: NDArray[np.uint8]) -> list[Blob]:
    """The separate findings of one map, uint8 [S, S]; findings that touch count as one."""
    side = len(coverage)
    parts, count = scipy.ndimage.label(coverage >= 64)
    found = []
    for part, (rows, columns) in enumerate(scipy.ndimage.find_objects(parts, count), 1):
        inside = (parts[rows, columns] == part) * (coverage[rows, columns] / 255)
        height, width = inside.shape
        if inside.sum() <= 0:
            continue
        y, x = (
            np.array(scipy.ndimage.center_of_mass(inside)) + 0.5 + (rows.start, columns.start)
        ) / side
        scale = np.sqrt(4 * inside.sum() / np.pi / (height * width)) / side
        found.append(Blob(float(x), float(y), width * scale, height * scale))
    return found


def layout_bank(
    layouts: Layouts, labels: NDArray[np.int64], classes: int, mm: float = 0.0
) -> LayoutBank:
    """The statistics of training layouts.

    Args:
        layouts: of the training images.
        labels: class index [N].
        classes: number of classes.
        mm: millimetres to the image's side; 0: unknown.
    """
    kinds = layouts.maps.shape[1]
    bank = LayoutBank(classes, kinds)
    bank.mm.fill_(mm)
    rows = np.flatnonzero(layouts.told)
    found = [[blobs(one) for one in layouts.maps[row]] for row in rows]
    for label in range(classes):
        mine = [image for image, row in zip(found, rows, strict=True) if labels[row] == label]
        if len(mine) < LEAST_IMAGES:
            continue
        for kind in range(kinds):
            counts = np.bincount(
                [min(len(image[kind]), MOST) for image in mine], minlength=MOST + 1
            )
            bank.counts[label, kind] = torch.from_numpy(counts / len(mine)).float()
    for kind in range(kinds):
        every = [blob for image in found for blob in image[kind]]
        if len(every) < LEAST_FINDINGS:
            bank.counts[:, kind] = 0.0
            bank.counts[bank.counts.any(2).any(1), kind, 0] = 1.0
            continue
        diameters = np.array([blob.diameter for blob in every])
        logs = np.log(diameters)
        stretch = np.log([blob.width / blob.height for blob in every])
        bank.sizes[kind] = torch.tensor(
            [logs.mean(), logs.std(), *np.quantile(diameters, [_LOW, _HIGH])]
        )
        bank.shapes[kind] = torch.tensor([stretch.mean(), stretch.std()])
        bank.places[kind] = torch.from_numpy(_places(every)).float()
    return bank


def _places(found: list[Blob]) -> NDArray[np.float64]:
    """The share of findings by place, blurred."""
    y, x = ([getattr(blob, axis) for blob in found] for axis in ("y", "x"))
    counts, _, _ = np.histogram2d(y, x, bins=PLACES, range=[[0, 1], [0, 1]])
    smooth: NDArray[np.float64] = scipy.ndimage.gaussian_filter(
        counts, _BLUR * PLACES, mode="constant"
    )
    smooth /= smooth.sum()
    return smooth
