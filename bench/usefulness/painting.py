"""Findings painted into images by rule: the baseline that a generator has to beat.

After Hu et al. 2023, "Label-free liver tumor segmentation" (arXiv 2303.14869, section 3.2), whose
hand-made tumours train a segmentation network as well as real ones. Here a finding has the shape
that a layout gives it, the contrast to its surroundings that a real finding of its kind has, and
the grain of the image that it is painted into.
"""

from collections.abc import Iterator, Sequence

import numpy as np
import scipy
from numpy.typing import NDArray

from model.layouts import Layouts, grown

Image = NDArray[np.uint8]
Numbers = NDArray[np.float64]

_GAP, _RING = 1, 3  # pixels around a finding: blurred by it, and counted as its surroundings
_GRAIN = 1.0  # deviation, in pixels, of the blur whose rest is grain


def contrasts(images: Image, layouts: Layouts) -> list[Numbers]:
    """How much brighter than its surroundings each real finding is, by kind.

    The least-squares fit of `image = surroundings + coverage x contrast`, so that a finding that
    covers its pixels in part counts with its full contrast.

    Args:
        images: uint8 [N, S, S].
        layouts: of these images; those that are not told are passed over.

    Returns:
        One array per kind, in grey levels; a finding without room around it is left out.
    """
    found: list[list[float]] = [[] for _ in range(layouts.maps.shape[1])]
    for row in np.flatnonzero(layouts.told):
        image, maps = images[row].astype(np.float64), layouts.maps[row]
        for kind, coverage, around in _findings(maps):
            if around.any():
                above = image - image[around].mean()
                found[kind].append(float((coverage * above).sum() / (coverage**2).sum()))
    return [np.array(one) for one in found]


def painted(image: Image, maps: Image, known: Sequence[Numbers], rng: np.random.Generator) -> Image:
    """An image with the findings of a layout.

    Under a finding is the mean grey of what surrounds it, plus the contrast of a real finding of
    its kind, plus the image's own grain; at its edge as much of it as covers the pixel.

    Args:
        image: uint8 [S, S].
        maps: its layout, uint8 [K, S, S], the share of each pixel that a kind covers.
        known: from `contrasts`, one array per kind; of those that `maps` show, none is empty.
        rng: chooses the contrast of each finding.
    """
    before = image.astype(np.float64)
    grain = before - scipy.ndimage.gaussian_filter(before, _GRAIN)
    out = before.copy()
    for kind, coverage, around in _findings(maps):
        base = before[around if around.any() else coverage > 0].mean()
        inside = base + rng.choice(known[kind]) + grain
        out += coverage * (inside - out)
    return out.round().clip(0, 255).astype(np.uint8)


def _findings(maps: Image) -> Iterator[tuple[int, Numbers, NDArray[np.bool_]]]:
    """Kind, coverage from 0 to 1, and surroundings of each separate finding, each [S, S]."""
    near = maps.max(0) > 0
    for _ in range(_GAP):
        near = grown(near)
    for kind, one in enumerate(maps):
        parts, count = scipy.ndimage.label(one, np.ones((3, 3)))
        for part in range(1, count + 1):
            here = around = parts == part
            for _ in range(_RING):
                around = grown(around)
            yield kind, here * (one / 255), around & ~near
