"""The drawing primitives of the kidney phantom: one shape, and a canvas of Hounsfield units.

Every organ, bone, vessel and lesion is a `Solid`: a wobbly superellipse in the axial plane that
shrinks, grows and drifts along z. One primitive keeps the phantom vectorised (each shape touches
only its bounding box) and its truth exact (the painted mask is the mask in the truth). Lengths are
in millimetres: x to the image's right (the patient's left), y downwards (posterior), z along the
table.
"""

from cmath import exp
from dataclasses import dataclass, replace
from math import cos, sin
from typing import Any

import numpy as np
import scipy
from numpy.typing import NDArray

Array = NDArray[np.float32]
Mask = NDArray[np.bool_]
Window = tuple[slice, slice, slice]
# The area of a part: a box of (levels, rows, columns), and the share (0 to 1) of each pixel in it.
Stamp = tuple[Window, Array]

AIR = -1000.0
_FINE_MM, _COARSE_MM = 2.5, 7.0
# Distance along z after which the texture is about independent.
_TEXTURE_DEPTH_MM = 18.0


@dataclass(frozen=True)
class Outline:
    """A closed curve: a superellipse |u/a|^n + |v/b|^n = 1 whose radius wobbles with the angle.

    Attributes:
        x, y: centre, mm.
        a, b: half axes, mm, before the turn by `angle` (radians, from x towards y).
        power: n above; 2 is an ellipse, 4 nearly a box.
        wobble: (amplitude, phase) of the 2nd, 3rd, … harmonic of the radius.
    """

    x: float
    y: float
    a: float
    b: float
    angle: float = 0.0
    power: float = 2.0
    wobble: tuple[tuple[float, float], ...] = ()

    @property
    def reach(self) -> float:
        """The largest distance of the curve from the centre, mm (an upper bound)."""
        corner = 2 ** (0.5 - 1 / self.power)
        return max(self.a, self.b) * corner * (1 + sum(abs(size) for size, _ in self.wobble))

    def depth(self, dx: Array, dy: Array, scale: Array) -> Array:
        """Distance inside the curve along the ray to the centre, mm; negative outside.

        `dx`, `dy` are offsets from the centre, mm; both half axes are multiplied by `scale`.
        """
        p: Array = (dx * cos(self.angle) + dy * sin(self.angle)) / (scale * self.a)
        q: Array = (dy * cos(self.angle) - dx * sin(self.angle)) / (scale * self.b)
        radius: Array = np.sqrt(p * p + q * q)
        rho: NDArray[Any] = radius
        if self.power != 2.0:
            rho = (np.abs(p) ** self.power + np.abs(q) ** self.power) ** (1 / self.power)
        bound = self._bound(p, q, radius) if self.wobble else 1.0
        millimetres = np.sqrt(dx * dx + dy * dy) / np.maximum(rho, 1e-3)
        inside: Array = (bound - rho) * np.maximum(millimetres, scale * min(self.a, self.b))
        return inside

    def _bound(self, p: Array, q: Array, radius: Array) -> Array:
        """1 + sum of size cos(order theta + phase) in the direction theta of (p, q)."""
        unit = (p + 1j * q) * (1 / np.maximum(radius, 1e-3))
        # Horner in exp(i theta) is three times as fast as an arctangent and a cosine per harmonic.
        total: NDArray[np.complex64] = np.zeros_like(unit)
        for size, phase in reversed(self.wobble):
            total = (total + np.complex64(size * exp(1j * phase))) * unit
        bound: Array = 1 + (total * unit).real
        return bound


@dataclass(frozen=True)
class Solid:
    """An outline with an extent along z.

    At z its half axes are those of `outline` times (1 - |(z - middle) / half|^flat)^(1/flat). It
    is absent where that factor is below `least`, so that no sliver is drawn or counted. Its centre
    drifts by `drift` mm per mm of z.
    """

    outline: Outline
    middle: float = 0.0
    half: float = 400.0
    flat: float = 2.0
    drift: tuple[float, float] = (0.0, 0.0)
    least: float = 0.12

    def at(self, z: Array) -> tuple[Array, Array, Array]:
        """Centre x and y (mm) and scale at each level of z (mm); the scale is 0 if absent."""
        off = z - np.float32(self.middle)
        rest = np.maximum(0, 1 - np.abs(off / self.half) ** self.flat)
        scale = rest ** (1 / self.flat)
        x, y = self.outline.x + self.drift[0] * off, self.outline.y + self.drift[1] * off
        return x, y, np.where(scale < self.least, np.float32(0), scale)

    def resized(self, factor: float, dx: float = 0.0, dy: float = 0.0) -> "Solid":
        """The same solid with other half axes, its centre moved by (dx, dy)."""
        o = self.outline
        moved = replace(o, x=o.x + dx, y=o.y + dy, a=o.a * factor, b=o.b * factor)
        return replace(self, outline=moved)

    def turned(self, angle: float) -> "Solid":
        """The same solid in a body turned on the table by `angle` radians."""
        c, s, o, (dx, dy) = cos(angle), sin(angle), self.outline, self.drift
        outline = replace(o, x=c * o.x - s * o.y, y=s * o.x + c * o.y, angle=o.angle + angle)
        return replace(self, outline=outline, drift=(c * dx - s * dy, s * dx + c * dy))


@dataclass(frozen=True)
class Part:
    """A solid filled with a tissue.

    Attributes:
        solid: where it is.
        hu: mean density, Hounsfield units.
        fine, coarse: standard deviation of its two textures, HU.
        confined: painted only inside the cavity.
        cavity: whether this part defines the cavity.
    """

    solid: Solid
    hu: float
    fine: float = 4.0
    coarse: float = 0.0
    confined: bool = False
    cavity: bool = False

    def turned(self, angle: float) -> "Part":
        """The same part in a body turned on the table by `angle` radians."""
        return replace(self, solid=self.solid.turned(angle))


@dataclass(frozen=True)
class Texture:
    """A patient's tissue texture: two pairs of unit-variance fields, mixed by level."""

    fine: tuple[Array, Array]
    coarse: tuple[Array, Array]

    @classmethod
    def draw(cls, rng: np.random.Generator, size: int, mm: float) -> "Texture":
        """Fields of [size, size] pixels of `mm` millimetres."""
        f, c = max(_FINE_MM / mm, 0.5), max(_COARSE_MM / mm, 0.8)
        fields = [correlated(rng, (size, size), sigma) for sigma in (f, f, c, c)]
        return cls((fields[0], fields[1]), (fields[2], fields[3]))

    def at(self, z: Array) -> tuple[Array, Array]:
        """The fine and coarse field [levels, size, size]; neighbouring levels are alike."""
        turn = z[:, None, None] / np.float32(_TEXTURE_DEPTH_MM)
        c, s = np.cos(turn), np.sin(turn)
        return c * self.fine[0] + s * self.fine[1], c * self.coarse[0] + s * self.coarse[1]


def correlated(rng: np.random.Generator, shape: tuple[int, ...], sigma: float) -> Array:
    """Gaussian noise of unit variance, correlated over `sigma` pixels along the last two axes."""
    white = rng.standard_normal(shape, dtype=np.float32)
    field: Array = scipy.ndimage.gaussian_filter(
        white, sigma, mode="wrap", truncate=3.0, axes=(-2, -1)
    )
    scaled: Array = field / field.std()
    return scaled


class Canvas:
    """A patient's slices in Hounsfield units, float32 [levels, size, size], initially air.

    All levels are painted at once: most parts are small, so the overhead of numpy calls would
    otherwise dominate.
    """

    def __init__(self, size: int, mm: float, middle: tuple[float, float], z: Array) -> None:
        """Make an empty canvas.

        Args:
            size: side of the image, pixels.
            mm: side of a pixel, mm.
            middle: the body's origin relative to the image's centre, mm.
            z: the levels, float32 [levels], mm.
        """
        self.mm, self.z = mm, z
        axis = ((np.arange(size) - (size - 1) / 2) * mm).astype(np.float32)
        self.x, self.y = axis - np.float32(middle[0]), axis - np.float32(middle[1])
        self.hu: Array = np.full((len(z), size, size), AIR, np.float32)
        self._cavity: Array = np.ones_like(self.hu)

    def pixel(self, x: float, y: float) -> tuple[float, float]:
        """Column and row (fractions of a pixel) of a point in the body, mm."""
        return (x - float(self.x[0])) / self.mm, (y - float(self.y[0])) / self.mm

    def paint(self, part: Part, fine: Array, coarse: Array) -> Stamp | None:
        """Paint a part at every level; returns its area, or None if it is on no level."""
        x, y, scale = part.solid.at(self.z)
        if not scale.any():
            return None
        window = self._window(x, y, part.solid.outline.reach * float(scale.max()))
        dx = self.x[None, None, window[2]] - x[:, None, None]
        dy = self.y[None, window[1], None] - y[:, None, None]
        present = scale[:, None, None] > 0
        depth = part.solid.outline.depth(dx, dy, np.where(present, scale[:, None, None], 1))
        # Partial volume: half a pixel on either side of the edge is shared.
        share = np.minimum(np.maximum(0.5 + depth / self.mm, 0), present)
        if part.cavity:
            self._cavity = np.zeros_like(self.hu)
            self._cavity[window] = share
        if part.confined:
            share *= self._cavity[window]
        fill = part.hu + part.fine * fine[window]
        if part.coarse:
            fill += part.coarse * coarse[window]
        under = self.hu[window]
        under += share * (fill - under)
        return window, share

    def masks(self, stamp: Stamp) -> Mask:
        """The pixels [levels, size, size] that a painted part covers by more than half."""
        window, share = stamp
        mask = np.zeros(self.hu.shape, np.bool_)
        mask[window] = share > 0.5
        return mask

    def stroke(self, height: float, bend: float, thickness: float, hu: float) -> None:
        """Paint a thin arc y = height - bend x^2 across the whole image: the table's shell."""
        away = np.abs(self.y[:, None] - (height - bend * self.x[None, :] ** 2))
        share = np.clip(0.5 + (thickness / 2 - away) / self.mm, 0, 1)
        self.hu += share * (hu - self.hu)

    def _window(self, x: Array, y: Array, reach: float) -> Window:
        """The pixels that an outline of this reach can touch at any level."""

        def span(start: float, end: float) -> slice:
            first, last = int(start - reach / self.mm - 1), int(end + reach / self.mm + 3)
            # Clip at 0: a negative index would count from the end.
            return slice(max(first, 0), max(last, 0))

        left, top = self.pixel(float(x.min()), float(y.min()))
        right, bottom = self.pixel(float(x.max()), float(y.max()))
        return slice(None), span(top, bottom), span(left, right)
