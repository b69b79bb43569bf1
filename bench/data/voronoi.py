"""Voronoi images: random cells of random grey, parted by dark walls.

The sites are a Poisson process, each point of the image belongs to the nearest, and each cell has
a grey of its own (one of the stochastic image models with a known per-image truth that Kelkar et
al., Medical Physics 2023, arXiv 2204.12007, hold generators against). The four classes differ in
the mean number of sites; the truth of an image is the number of cells it shows and their areas.
"""

from math import pi, sqrt

import numpy as np
import scipy
from numpy.typing import NDArray
from pydantic import Field

from bench.data.fields import Array, FieldConfig, cut, patient_rng, pixel_centres, poisson_points
from pipeline.phantoms.files import Slice

# Mean number of sites in an image, by class.
DENSITIES = {"sites-006": 6.0, "sites-014": 14.0, "sites-030": 30.0, "sites-060": 60.0}
CLASSES = tuple(DENSITIES)

# No site within this many mean spacings of a point: once in exp(9 pi) = 2e12.
_MARGIN = 3.0


class VoronoiConfig(FieldConfig):
    """How Voronoi images are drawn."""

    wall: float = Field(
        default=0.016, ge=0, le=0.1, description="thickness of the walls, as a share of the side"
    )
    wall_grey: int = Field(default=16, ge=0, le=255, description="grey level of the walls")
    darkest: int = Field(default=64, ge=0, le=255, description="lowest grey level of a cell")
    brightest: int = Field(default=240, ge=0, le=255, description="highest grey level of a cell")


DEFAULT = VoronoiConfig()


def make_patient(
    label: str, number: int, seed: int, config: VoronoiConfig = DEFAULT
) -> list[Slice]:
    """The overlapping views of one tessellation.

    Args:
        label: one of CLASSES.
        number: the patient, 0 or more.
        seed: of the whole data set, 0 or more.
        config: how it is drawn.

    Returns:
        Per view the image, uint8 [size, size], and its truth: `counts` of the cells it shows, the
        `areas` of those in pixels, walls included, and the mean number of sites.

    Raises:
        BadInputError: on an unknown class or a negative number or seed.
    """
    rng = patient_rng(CLASSES, label, number, seed)
    density = DENSITIES[label]
    sites = poisson_points(rng, density, config.length, _MARGIN / sqrt(density))
    greys = rng.uniform(config.darkest, config.brightest, len(sites))
    cells, walls = tessellate(sites, config)
    grey = greys[cells] + walls * (config.wall_grey - greys[cells])
    strip = np.rint(grey).astype(np.uint8)
    about = {"phantom": True, "class": label, "patient": number, "mean_sites": density}
    slices: list[Slice] = []
    for k, (image, owners) in enumerate(zip(cut(strip, config), cut(cells, config), strict=True)):
        areas = np.unique(owners, return_counts=True)[1]
        seen = {"view": k, "counts": {"cells": len(areas)}, "areas": sorted(areas.tolist())}
        slices.append((image.astype(np.uint8), about | seen))
    return slices


def tessellate(sites: Array, config: VoronoiConfig) -> tuple[NDArray[np.intp], Array]:
    """Whose cell each pixel is in, and its share of wall.

    Args:
        sites: [N, (x, y)] in sides, N of 2 or more.
        config: size, views and walls.

    Returns:
        The index of the nearest site and the share of the pixel that is wall (0 to 1), both
        [size, columns].
    """
    x, y = pixel_centres(config.columns, config.size), pixel_centres(config.size, config.size)
    points = np.stack(np.meshgrid(x, y), axis=-1)
    distance, nearest = scipy.spatial.KDTree(sites).query(points, k=2)
    apart = np.linalg.norm(sites[nearest[..., 0]] - sites[nearest[..., 1]], axis=-1)
    # Distance to the line of points that are as far from one site as from the other.
    to_wall = (distance[..., 1] ** 2 - distance[..., 0] ** 2) / (2 * apart)
    # Half a pixel on either side of the edge is shared.
    walls = np.clip(0.5 + (config.wall / 2 - to_wall) * config.size, 0, 1) * (config.wall > 0)
    return nearest[..., 0], walls


def expected_cells(density: float) -> float:
    """Mean number of cells that an image shows with `density` sites a unit area.

    A stationary tessellation of convex cells, met by a convex window of area A and perimeter P,
    shows density A + density E[cell perimeter] P / (2 pi) + 1 cells (Steiner's formula), and a
    cell of the Poisson-Voronoi tessellation has a mean perimeter of 4 / sqrt(density).
    """
    return density + 8 * sqrt(density) / pi + 1
