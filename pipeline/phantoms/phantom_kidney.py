"""The phantom's kidneys, and lesions of known number and place."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from math import cos, hypot, pi, sin
from typing import Literal

import numpy as np

from .phantom_body import FAT, Habitus, wobble
from .phantom_canvas import Outline, Part, Solid

Side = Literal["right", "left"]
Kind = Literal["cyst", "stone", "tumor"]


@dataclass(frozen=True)
class Kidney:
    """One kidney; `outline.angle` points from its centre to its hilum.

    Attributes:
        side: the patient's side; the right kidney is on the left of the image.
        solid: the parenchyma, before the hilum is carved out.
    """

    side: Side
    solid: Solid

    def inside(self, turn: float, share: float) -> tuple[float, float]:
        """The point (mm) at `turn` radians from the hilum, `share` of the way to the edge."""
        o = self.solid.outline
        u, v = share * o.a * cos(turn), share * o.b * sin(turn)
        return (
            o.x + u * cos(o.angle) - v * sin(o.angle),
            o.y + u * sin(o.angle) + v * cos(o.angle),
        )


@dataclass(frozen=True)
class Lesion:
    """One finding: the part whose mask is its truth, and the parts painted over it."""

    kind: Kind
    side: Side
    part: Part
    inner: tuple[Part, ...] = ()

    def turned(self, angle: float) -> "Lesion":
        """The same finding in a body turned on the table by `angle` radians."""
        inner = tuple(part.turned(angle) for part in self.inner)
        return replace(self, part=self.part.turned(angle), inner=inner)


def draw_kidneys(rng: np.random.Generator, body: Habitus) -> tuple[Kidney, Kidney]:
    """Both kidneys, drawn independently; the right one is a little lower."""
    return _kidney(rng, body, "right"), _kidney(rng, body, "left")


def _kidney(rng: np.random.Generator, body: Habitus, side: Side) -> Kidney:
    sign = -1 if side == "right" else 1
    x = sign * (0.30 * body.width + 28 + rng.uniform(-4, 4))
    y = body.depth * rng.uniform(0.20, 0.30)
    forward = rng.uniform(0.25, 0.95)  # the hilum faces the spine and somewhat to the front
    angle = forward - pi if side == "left" else -forward
    shape = Outline(x, y, rng.uniform(21, 26), rng.uniform(26, 33), angle, 2.2, wobble(rng, 0.035))
    low = 6.0 if side == "right" else 0.0
    middle = float(np.clip(rng.normal(20 * (0.5 - body.rise) + low, 9), -24, 24))
    drift = (sign * rng.uniform(-0.05, 0.25), rng.uniform(-0.15, 0.05))
    return Kidney(side, Solid(shape, middle, rng.uniform(48, 60), 2.2, drift))


def perirenal_fat(kidney: Kidney) -> Part:
    """The fat between the kidney and other organs; painted before the muscles."""
    return Part(kidney.solid.resized(1.22), FAT, 6, confined=True)


def parenchyma(rng: np.random.Generator, body: Habitus, kidney: Kidney) -> list[Part]:
    """Renal vein, cortex, pyramids, sinus fat open to the hilum, and the renal pelvis."""
    o, middle = kidney.solid.outline, kidney.solid.middle
    drift = kidney.solid.drift

    def at(turn: float, share: float, a: float, b: float, half: float) -> Solid:
        x, y = kidney.inside(turn, share)
        outline = Outline(x, y, a * o.a, b * o.b, o.angle + turn, 2.0, wobble(rng, 0.05))
        return Solid(outline, middle, half, 2.0, drift)

    parts = [
        Part(at(0, 1.55, 0.8, 0.10, 22), body.blood),
        Part(kidney.solid, body.cortex, 7, 3),
    ]
    count = int(rng.integers(6, 9))
    for nth in range(count):
        turn = pi / 3.2 + (2 * pi - 2 * pi / 3.2) * (nth + rng.uniform(0.3, 0.7)) / count
        x, y = kidney.inside(turn, 0.58)
        pyramid = Outline(x, y, 0.24 * o.a, 0.15 * o.b, o.angle + turn, 2.5, wobble(rng, 0.08))
        extent = Solid(pyramid, middle + rng.uniform(-8, 8), rng.uniform(30, 40), 2.0, drift)
        parts.append(Part(extent, body.medulla, 6))
    fat = rng.uniform(0.85, 1.2)
    parts += [
        Part(at(0, 0.30, 0.42 * fat, 0.32 * fat, 34), FAT + 15, 12, 10),
        Part(at(0, 0.90, 0.42, 0.20 * fat, 26), FAT, 8),
        Part(at(0, rng.uniform(0.25, 0.5), 0.26, 0.13, 24), rng.uniform(5, 20), 3),
        Part(at(0.3, 0.85, 0.42, 0.07, 20), body.blood),
    ]
    return parts


def draw_lesions(
    rng: np.random.Generator,
    kind: str,
    most: int,
    *,
    body: Habitus,
    kidneys: tuple[Kidney, Kidney],
    span: float,
) -> list[Lesion]:
    """1 to `most` lesions of a kind; `span` (mm) is the distance from first to last level.

    The first lesion extends through most levels, so that most slices of a study show its finding.
    """
    if kind == "tumor":
        return [_tumor(rng, body, kidneys[int(rng.integers(2))], span)]
    count = int(rng.integers(1, most + 1))
    propose = _stones if kind == "stone" else _cysts
    gap = 10.0 if kind == "stone" else 1.0
    lesions: list[Lesion] = []
    for lesion in propose(rng, kidneys, span):
        if all(_apart(lesion, other) > gap for other in lesions):
            lesions.append(lesion)
        if len(lesions) == count:
            break
    return lesions


_TRIES = 60


def _stones(
    rng: np.random.Generator, kidneys: tuple[Kidney, Kidney], span: float
) -> Iterator[Lesion]:
    """Calculi in the calyces: 7 to 12 mm across, 700 to 1,300 HU."""
    for nth in range(_TRIES):
        kidney = kidneys[int(rng.integers(2))]
        x, y = kidney.inside(rng.uniform(0.25, 1.75) * pi, rng.uniform(0.2, 0.52))
        r = rng.uniform(4.2, 6.2)
        shape = Outline(x, y, r, r * rng.uniform(0.8, 1.0), rng.uniform(0, pi), 2, wobble(rng, 0.1))
        # `least` cuts a stone's ends: sections under two pixels could not be counted.
        solid = replace(_extent(rng, shape, rng.uniform(4, 9), span, nth == 0), least=0.75)
        yield Lesion("stone", kidney.side, Part(solid, rng.uniform(700, 1300), 20))


def _cysts(
    rng: np.random.Generator, kidneys: tuple[Kidney, Kidney], span: float
) -> Iterator[Lesion]:
    """Simple cysts: round, sharp, near water; from 12 to 40 mm across."""
    for nth in range(_TRIES):
        kidney = kidneys[int(rng.integers(2))]
        r = rng.uniform(9, 20) if nth == 0 else rng.uniform(6, 14)
        x, y = kidney.inside(rng.uniform(0.3, 1.7) * pi, rng.uniform(0.55, 0.85))
        solid = _extent(rng, Outline(x, y, r, r), r, span, nth == 0)
        yield Lesion("cyst", kidney.side, Part(solid, rng.uniform(-4, 10), 2))


def _tumor(rng: np.random.Generator, body: Habitus, kidney: Kidney, span: float) -> Lesion:
    """One solid mass: large, lobed, mottled, with a dead core, pushing the outline out."""
    r = rng.uniform(25, 41)
    x, y = kidney.inside(rng.uniform(0.6, 1.4) * pi, rng.uniform(0.55, 0.9))
    shape = Outline(
        x, y, r, r * rng.uniform(0.75, 1.0), rng.uniform(0, pi), 2.0, wobble(rng, 0.13, 5)
    )
    solid = _extent(rng, shape, r, span, True)
    enhanced = 38 + (0.62 * rng.uniform(0.6, 1.1)) * (body.cortex - 38)
    mottle = 12 + 0.22 * (enhanced - 20)
    core = solid.resized(rng.uniform(0.3, 0.6), *rng.normal(0, 0.15 * r, 2))
    rim = Part(solid, enhanced * 1.12 + 5, 12, mottle, confined=True)
    flesh = Part(solid.resized(0.86), enhanced, 12, 1.5 * mottle, confined=True)
    dead = Part(core, rng.uniform(8, 28), 6, 0.7 * mottle, confined=True)
    return Lesion("tumor", kidney.side, rim, (flesh, dead))


def _extent(
    rng: np.random.Generator, shape: Outline, half: float, span: float, through: bool
) -> Solid:
    """The lesion's solid; with `through` it is visible in at least four of five levels."""
    if through:
        return Solid(shape, rng.uniform(-0.15, 0.15) * span, max(half, 0.72 * span), 2.5, least=0.6)
    return Solid(shape, rng.uniform(-0.5, 0.5) * span, max(half, 4.0), 2.5, least=0.6)


def _apart(one: Lesion, other: Lesion) -> float:
    """Distance between two lesions' edges in the axial plane, mm."""
    p, q = one.part.solid.outline, other.part.solid.outline
    return hypot(p.x - q.x, p.y - q.y) - max(p.a, p.b) - max(q.a, q.b)
