"""Count stones and cysts in real and generated images of the kidney phantom.

Only the pixels are used. The rules follow from the phantom's geometry and densities:

- The trunk, without the fat under the skin, defines a frame by its centre, half width w and tilt.
  In this frame both kidneys are within about 0.1 w of (±0.488, 0.138), whatever the body's size.
- A stone is a peak that rises from the kidney's tissue most of the way to white: 700 HU and more
  saturate if they fill a pixel, and at 64 px they fill most of one.
- Fat (-105 HU) and the back muscle (55 HU) are in every slice, so they give the grey level of water
  for any window. A cyst is a round region near that level and clearly below the kidney's.

Tumours are not counted: their density overlaps the kidney's.
"""

from collections.abc import Mapping
from math import cos, sin
from typing import Any, Literal

import numpy as np
import scipy
from numpy.typing import NDArray
from skimage.feature import peak_local_max
from skimage.morphology import disk

from model.section import Stored
from pipeline.base.errors import BadInputError
from pipeline.data.frame import Frame, hull_frame, largest
from pipeline.data.region import RegionConfig

Images = NDArray[np.uint8]
Array = NDArray[np.float64]

LEAST_SIDE = 64
"""Least height and width of an image, pixels."""
Mask = NDArray[np.bool_]
Point = tuple[float, float]
Spot = tuple[float, tuple[float, float]]  # area and centre (row, column), in pixels of the frame
Kind = Literal["stone", "cyst"]
KINDS: tuple[Kind, ...] = ("stone", "cyst")

_SIDES = (-1, 1)
_SCALE = 64  # pixels to the half width of the trunk, in the frame
_ROWS, _COLUMNS = 108, 140
_V, _U = (
    (grid - (n - 1) / 2) / _SCALE
    for grid, n in zip(np.mgrid[:_ROWS, :_COLUMNS], (_ROWS, _COLUMNS), strict=True)
)

# In units of the trunk's half width, measured on 600 slices: the kidneys' usual centre and radius,
# the largest distance of a cyst's centre from it, and the erector spinae.
_KIDNEY, _RADIUS, _CYST_REACH = (0.488, 0.138), 0.19, 0.24
_MUSCLE, _MUSCLE_RADIUS = (0.25, 0.43), 0.06

_SOFT = 75  # grey level between fat and muscle at every window of the phantom
_BRIGHTEST = 240  # tissue above this is too near white to detect a stone; no kidney is brighter
_WATER = 0.67  # grey level of water between fat (0) and muscle (1)
# Tolerance of a cyst's level around water, in the same unit, for noise and partial volume.
_BELOW, _ABOVE = 0.2, 0.2
_OPENING = 3.5  # radius of the smallest cyst distinguished from a rim, in frame pixels: 7 mm
# Share of the way from tissue to white; lower for coarse images, whose pixels a stone fills less.
_STONE_RISE, _STONE_RISE_COARSE, _COARSE = 0.9, 0.65, 96
_WHOLE = 2.75  # side of a whole slice over the trunk's half width


class Found(Stored):
    """The findings in one image.

    Attributes:
        stone, cyst: area of each, in pixels of the image; the length is the count.
        stone_at, cyst_at: centre (x, y) of each in the same order, in pixels of the image from the
            centre of its top left pixel.
        middle: x of the middle between the kidneys, in pixels; None without a body, or where a
            truth does not say.
    """

    stone: tuple[float, ...] = ()
    cyst: tuple[float, ...] = ()
    stone_at: tuple[Point, ...] = ()
    cyst_at: tuple[Point, ...] = ()
    middle: float | None = None

    def areas(self, kind: Kind) -> tuple[float, ...]:
        """The areas of a kind."""
        return self.stone if kind == "stone" else self.cyst

    def centres(self, kind: Kind) -> tuple[Point, ...]:
        """The centres of a kind."""
        return self.stone_at if kind == "stone" else self.cyst_at


def found_in_truth(
    truth: Mapping[str, Any], scale: float = 1.0, corner: Point = (0.0, 0.0)
) -> Found:
    """The findings by a phantom's truth, for a part of its image resized by `scale`.

    Args:
        truth: of the slice.
        scale: pixels of the part's image in one of the slice's.
        corner: left and upper edge of the part, in pixels of the slice; the slice's are 0.
    """

    def moved(place: float, edge: float) -> float:
        return (place + 0.5 - edge) * scale - 0.5

    areas: dict[str, list[float]] = {kind: [] for kind in KINDS}
    places: dict[str, list[Point]] = {kind: [] for kind in KINDS}
    for lesion in truth["lesions"]:
        if lesion["kind"] in areas:
            areas[lesion["kind"]].append(lesion["area"] * scale**2)
            x, y = moved(lesion["x"], corner[0]), moved(lesion["y"], corner[1])
            places[lesion["kind"]].append((x, y))
    kidneys = [kidney["x"] for kidney in truth.get("kidneys", ())]
    return Found(
        stone=tuple(areas["stone"]),
        cyst=tuple(areas["cyst"]),
        stone_at=tuple(places["stone"]),
        cyst_at=tuple(places["cyst"]),
        middle=moved(sum(kidneys) / len(kidneys), corner[0]) if kidneys else None,
    )


def recover(images: Images, region: RegionConfig | None = None) -> list[Found]:
    """Stones and cysts in each image, from the pixels alone.

    Args:
        images: uint8 [N, S, S], S of 64 or more, 0 black to 255 white.
        region: the part of the slices that the images show; None: whole slices.

    Returns:
        One record per image [N]; an image without a body has no findings.

    Raises:
        BadInputError: images of another shape or type.
    """
    if images.ndim != 3 or images.shape[1] != images.shape[2] or images.dtype != np.uint8:
        raise BadInputError(f"images {images.dtype} {images.shape}: give uint8 [N, S, S]")
    if images.shape[1] < LEAST_SIDE:
        raise BadInputError(
            f"images of {images.shape[1]} px: a stone needs {LEAST_SIDE} or more to be seen"
        )
    if region is None or region.whole:
        return [_recover(image, _trunk(image), len(image)) for image in images]
    frame = _frame_of(region, images.shape[1])
    whole = round(_WHOLE * frame.half_width)
    return [_recover(image, frame, whole) for image in images]


def _straighten(image: Images, frame: Frame) -> Array:
    """The image in the trunk's frame, [108, 140], 64 px to the half width."""
    c, s = cos(frame.tilt), sin(frame.tilt)
    rows = frame.y + (s * _U + c * _V) * frame.half_width
    columns = frame.x + (c * _U - s * _V) * frame.half_width
    # Linear: a cubic overshoots beside a saturated stone.
    straight: Array = scipy.ndimage.map_coordinates(
        image.astype(float), [rows, columns], order=1, mode="nearest"
    )
    return straight


def _place(frame: Frame, row: float, column: float) -> Point:
    """The point (x, y) of the image, in pixels, of a point of the straightened image."""
    u, v = (column - (_COLUMNS - 1) / 2) / _SCALE, (row - (_ROWS - 1) / 2) / _SCALE
    c, s = cos(frame.tilt), sin(frame.tilt)
    return (
        round(frame.x + (c * u - s * v) * frame.half_width, 2),
        round(frame.y + (s * u + c * v) * frame.half_width, 2),
    )


def _frame_of(region: RegionConfig, size: int) -> Frame:
    """The trunk's frame in an image that shows this region of it."""
    half_width = size / (2 * region.half_side)
    x, y = ((size - 1) / 2 - place * half_width for place in region.centre)
    return Frame(x, y, half_width, tilt=0.0, flatness=1.0)


def _recover(image: Images, frame: Frame | None, whole: int) -> Found:
    """Findings in one image; `whole`: side of a whole slice of the same resolution, pixels."""
    if frame is None:
        return Found()
    straight = _straighten(image, frame)
    rise = _STONE_RISE_COARSE if whole < _COARSE else _STONE_RISE
    stones = [spot for side in _SIDES for spot in _stones(straight, side, rise)]
    cysts = [spot for side in _SIDES for spot in _cysts(straight, side)]
    pixel = (frame.half_width / _SCALE) ** 2  # pixels of the image in one of the frame
    return Found(
        stone=tuple(round(area * pixel, 2) for area, _ in stones),
        cyst=tuple(round(area * pixel, 2) for area, _ in cysts),
        stone_at=tuple(_place(frame, *centre) for _, centre in stones),
        cyst_at=tuple(_place(frame, *centre) for _, centre in cysts),
        middle=round(frame.x, 2),
    )


def _trunk(image: Images) -> Frame | None:
    """The hull of muscle, bone and organs, by its moments; None without a body."""
    step = len(image) // 64
    # Air is 0 and fat is not; the opening drops the table, which is thinner.
    body = scipy.ndimage.binary_opening(
        scipy.ndimage.binary_closing(image > 0), np.ones((4 * step + 1,) * 2)
    )
    body = scipy.ndimage.binary_fill_holes(largest(body))
    # This opening drops the skin.
    soft = scipy.ndimage.binary_opening((image > _SOFT) & body, np.ones((step + 1, step + 1)))
    return None if soft.sum() < image.size / 100 else hull_frame(soft)


def _away(side: int, centre: tuple[float, float]) -> Array:
    """Distance of each frame pixel to a point; `side`: -1 left of the image, 1 right."""
    distance: Array = np.hypot(_U - side * centre[0], _V - centre[1])
    return distance


def _tissue(straight: Array, side: int, percentile: float) -> float:
    return float(np.percentile(straight[_away(side, _KIDNEY) < _RADIUS], percentile))


def _stones(straight: Array, side: int, rise: float) -> list[Spot]:
    """The stones of one kidney."""
    # A high percentile, because the lower half of a kidney's disc is sinus and outer fat.
    tissue = _tissue(straight, side, 85)
    if tissue > _BRIGHTEST:
        return []
    risen = (straight - tissue) / (255 - tissue)
    # One peak on a saturated plateau, not many.
    smooth = scipy.ndimage.gaussian_filter(straight, 0.6)
    peaks = smooth == scipy.ndimage.maximum_filter(smooth, 5)
    peaks &= (risen > rise) & (_away(side, _KIDNEY) < _RADIUS)
    # A stone ends where its rise falls by a quarter; each pixel belongs to its nearest peak.
    where = np.argwhere(peaks)
    return _shares(where, (risen > 0.75 * rise) & (_away(side, _KIDNEY) < 1.5 * _RADIUS))


def _cysts(straight: Array, side: int) -> list[Spot]:
    """The cysts of one kidney."""
    muscle = np.median(straight[np.minimum(*(_away(s, _MUSCLE) for s in _SIDES)) < _MUSCLE_RADIUS])
    around = np.minimum(*(_away(s, _KIDNEY) for s in _SIDES)) < _CYST_REACH + 0.02
    fat = np.percentile(straight[around], 8)
    unit = max(muscle - fat, 20)
    water = fat + _WATER * unit
    highest = min((water + _tissue(straight, side, 75)) / 2, water + _ABOVE * unit)
    smooth = scipy.ndimage.gaussian_filter(straight, 0.7)
    near = _away(side, _KIDNEY)
    fluid = (smooth > water - _BELOW * unit) & (smooth < highest) & (near < _CYST_REACH + 0.06)
    # The edge between fat and tissue has water's grey level; the opening removes this rim.
    fluid = scipy.ndimage.binary_opening(fluid, disk(_OPENING))
    depth = scipy.ndimage.distance_transform_edt(fluid)
    centres = peak_local_max(
        scipy.ndimage.gaussian_filter(depth, 1),
        min_distance=5,
        threshold_abs=1.0,
        exclude_border=False,
    )
    return _shares(centres[near[tuple(centres.T)] < _CYST_REACH], fluid)


def _shares(centres: NDArray[np.intp], mask: Mask) -> list[Spot]:
    """Number of mask pixels connected and nearest to each centre [N, (row, column)], if any."""
    parts, _ = scipy.ndimage.label(mask)
    areas = [0.0] * len(centres)
    for part in set(parts[tuple(centres.T)].tolist()) - {0}:
        inside = [k for k, centre in enumerate(centres) if parts[tuple(centre)] == part]
        pixels = np.argwhere(parts == part)
        apart = np.linalg.norm(pixels[:, None] - centres[inside][None], axis=-1)
        for k, share in zip(
            inside, np.bincount(apart.argmin(1), minlength=len(inside)), strict=True
        ):
            areas[k] = float(share)
    return [
        (area, (float(row), float(column)))
        for area, (row, column) in zip(areas, centres, strict=True)
        if area
    ]
