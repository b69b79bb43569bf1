"""The phantom patient without its kidneys: trunk, bones, muscles, vessels and abdominal organs.

Each function draws one region from the patient's random generator and returns its parts in
painting order. Sizes are those of adults. The left of the image is the patient's right, where the
liver is.
"""

from dataclasses import dataclass
from math import cos, pi, sin

import numpy as np

from .phantom_canvas import AIR, Outline, Part, Solid

FAT = -100.0
_MUSCLE = 55.0
_RIGHT, _LEFT = -1, 1


@dataclass(frozen=True)
class Habitus:
    """Values shared by the regions of one body.

    Attributes:
        width, depth: half axes of the muscular trunk, mm.
        fat: thickness of the fat under the skin, mm.
        wall: thickness of the muscle wall, mm.
        rise: level of the study, 0 below the liver to 1 at its dome.
        bone: scale of the skeleton.
        blood: density of the vena cava and the organs' veins, HU.
        arterial: density of the aorta, HU.
        cortex, medulla: density of the kidneys' tissues, HU.
        liver: density, HU.
        bowel: density of the gut's wall, HU.
    """

    width: float
    depth: float
    fat: float
    wall: float
    rise: float
    bone: float
    blood: float
    arterial: float
    cortex: float
    medulla: float
    liver: float
    bowel: float


def draw_habitus(rng: np.random.Generator) -> Habitus:
    """Body shape, level and contrast phase (none, arterial or portal, with a spread)."""
    width = rng.uniform(118, 150)
    phase = rng.choice(3, p=(0.3, 0.35, 0.35))
    # none, arterial, portal: (cortex, medulla, aorta, veins, liver, bowel wall)
    typical = ((40, 36, 42, 40, 58, 42), (185, 85, 270, 90, 72, 70), (165, 150, 160, 150, 108, 80))
    cortex, medulla, arterial, blood, liver, bowel = (
        level * rng.uniform(0.88, 1.12) for level in typical[phase]
    )
    return Habitus(
        width=width,
        depth=width * rng.uniform(0.64, 0.78),
        fat=5 + 30 * rng.beta(1.3, 2.0),
        wall=rng.uniform(7, 12),
        rise=rng.uniform(0, 1),
        bone=rng.uniform(0.9, 1.1),
        blood=blood,
        arterial=arterial,
        cortex=cortex,
        medulla=medulla,
        liver=liver - (rng.uniform(25, 45) if rng.random() < 0.15 else 0),  # a fatty liver
        bowel=bowel,
    )


def wobble(
    rng: np.random.Generator, size: float, harmonics: int = 3
) -> tuple[tuple[float, float], ...]:
    """Random harmonics of falling size, about `size` in the first."""
    return tuple(
        (float(rng.normal(0, size / order)), float(rng.uniform(0, 2 * pi)))
        for order in range(1, harmonics + 1)
    )


def trunk(rng: np.random.Generator, body: Habitus) -> list[Part]:
    """Skin, fat, muscle wall with the linea alba, and the cavity."""
    shape, power = wobble(rng, 0.02), rng.uniform(2.05, 2.6)

    def ring(inset: float, y: float, hu: float, fine: float, cavity: bool = False) -> Part:
        outline = Outline(0, y, body.width - inset, body.depth - inset * 0.9, 0, power, shape)
        return Part(Solid(outline), hu, fine, cavity=cavity)

    cavity = ring(body.wall, -0.06 * body.depth, FAT - 5, 6, cavity=True)
    back = Outline(0, 0.50 * body.depth, 0.72 * body.width, 0.42 * body.depth, 0, 2.5)
    linea = Outline(0, -body.depth * 1.02, rng.uniform(2, 6), body.wall * 0.9)
    return [
        ring(-body.fat - 2.5, 0.02 * body.fat, 25, 10),
        ring(-body.fat, 0, FAT, 7),
        ring(0, 0, _MUSCLE, 9),
        Part(Solid(back), _MUSCLE, 9),
        Part(Solid(linea), FAT),
        cavity,
    ]


def back_muscles(rng: np.random.Generator, body: Habitus) -> list[Part]:
    """Erector spinae, quadratus lumborum and psoas on both sides, with fat between."""
    parts = []
    bulk, s = rng.uniform(0.85, 1.15), body.bone
    psoas = (1.15 - 0.55 * body.rise) * bulk
    for side in (_RIGHT, _LEFT):
        for x, y, a, b, tilt in (
            (34, 0.66 * body.depth, 29 * bulk, 19 * bulk, 0.1),
            (57, 0.47 * body.depth, 17 * bulk, 7 * bulk, -0.5),
            (33 * s, 0.30 * body.depth, 14 * psoas, 19 * psoas, -0.3),
        ):
            shape = Outline(side * x, y, a, b, side * tilt, 2.2, wobble(rng, 0.04))
            parts.append(Part(Solid(shape).resized(1.12), FAT, 5))
            parts.append(Part(Solid(shape), _MUSCLE, 11))
    return parts


def spine(rng: np.random.Generator, body: Habitus) -> list[Part]:
    """Vertebra with cortex and marrow, canal, arch, spinous and transverse processes, disc."""
    s, y = body.bone, 0.27 * body.depth
    a, b = 24 * s, 18 * s
    marrow, level = rng.uniform(170, 300), rng.uniform(-10, 10)
    tall = {"middle": level, "half": rng.uniform(15, 19), "flat": 8.0}

    def bone(outline: Outline, rim: float, **extent: float) -> list[Part]:
        outer = Solid(outline, **(tall | extent))  # type: ignore[arg-type]
        inner = outer.resized(1 - rim / min(outline.a, outline.b))
        return [Part(outer, rng.uniform(480, 750), 30), Part(inner, marrow, 20, 30)]

    canal = y + b + 8 * s
    tip = Outline(0, canal + 20 * s, 3.4 * s, 15 * s)
    parts = [Part(Solid(Outline(0, y, a, b, 0, 2.3)), 80, 8)]  # the disc shows between vertebrae
    arch = Outline(0, canal, 15 * s, 12 * s, 0, 2.2)
    parts += [Part(Solid(arch), rng.uniform(400, 600), 40)]
    parts += bone(tip, 1.6, middle=level - 4, half=14)
    for side in (_RIGHT, _LEFT):
        lever = Outline(side * 27 * s, canal - 1, 15 * s, 3.6 * s, side * rng.uniform(0.0, 0.3))
        parts += bone(lever, 1.8, middle=level + 3, half=rng.uniform(9, 15), flat=3)
        facet = Outline(side * 13 * s, canal + 6 * s, 7 * s, 5.5 * s, side * 0.9)
        parts += bone(facet, 2.0, half=30)
    parts += bone(Outline(0, y, a, b, 0, 2.3, wobble(rng, 0.02)), 2.6)
    return [*parts, Part(Solid(Outline(0, canal, 10 * s, 8 * s, 0, 2.3)), 30, 6)]


def ribs(rng: np.random.Generator, body: Habitus) -> list[Part]:
    """Sections of ribs in the wall, more at higher levels; they move with the level."""
    parts = []
    count = int(rng.integers(1, 3)) + int(4 * body.rise)
    middle = 1 - 0.45 * body.wall / body.width
    for side in (_RIGHT, _LEFT):
        start = rng.uniform(0.75, 1.0)
        for nth in range(count):
            turn = start - nth * rng.uniform(0.36, 0.46)
            x, y = side * middle * body.width * cos(turn), middle * body.depth * sin(turn)
            along = np.arctan2(body.depth * cos(turn), -side * body.width * sin(turn))
            shape = Outline(x, y, rng.uniform(8, 14), rng.uniform(3.4, 4.6), float(along), 2.4)
            slope = rng.uniform(0.2, 0.7)
            drift = (slope * cos(along), slope * sin(along))
            outer = Solid(shape, rng.uniform(-12, 12), rng.uniform(18, 40), 4.0, drift)
            parts += [Part(outer, rng.uniform(500, 750), 30), Part(outer.resized(0.55), 200, 20)]
    return parts


def great_vessels(rng: np.random.Generator, body: Habitus) -> list[Part]:
    """Aorta, vena cava, mesenteric artery and vein, and the small vessels of the mesentery."""
    front = 0.27 * body.depth - 18 * body.bone
    r = rng.uniform(8.5, 12)
    aorta = Outline(rng.uniform(4, 12), front - r - 2, r, r)
    cava = Outline(-rng.uniform(18, 26), front - 9, rng.uniform(11, 16), rng.uniform(7, 12), 0.2)
    parts = [Part(Solid(aorta), body.arterial, 8), Part(Solid(cava), body.blood, 8)]
    for x, hu in ((6.0, body.arterial), (-9.0, body.blood)):
        r = rng.uniform(3.2, 5.5)
        shape = Outline(x + rng.uniform(-3, 3), front - rng.uniform(30, 38), r, r)
        parts.append(Part(Solid(shape, drift=(rng.normal(0, 0.2), 0)), hu))
    for _ in range(int(rng.integers(8, 22))):
        x, y = rng.uniform(-0.6, 0.6) * body.width, rng.uniform(-0.6, 0.0) * body.depth
        shape = Outline(x, y, rng.uniform(1.6, 4), rng.uniform(1.6, 2.6), rng.uniform(0, pi))
        extent = Solid(shape, rng.uniform(-15, 15), rng.uniform(6, 20), 3, (rng.normal(0, 0.5), 0))
        parts.append(Part(extent, body.blood, confined=True))
    return parts


def solid_organs(rng: np.random.Generator, body: Habitus) -> list[Part]:
    """Liver with vessels, gallbladder, spleen and pancreas, as large as the level allows."""
    w, d, rise = body.width, body.depth, body.rise
    a, b = w * (0.20 + 0.38 * rise), d * (0.48 + 0.30 * rise)
    liver = Outline(-w * (0.86 - 0.24 * rise), -0.22 * d, a, b, 0.25, 2.3, wobble(rng, 0.06))
    grow = -0.004
    parts = [Part(Solid(liver, drift=(grow * a, 0)), body.liver, 6, 4, confined=True)]
    for _ in range(int(3 + 9 * rise)):
        x, y = liver.x + rng.uniform(-0.5, 0.75) * a, liver.y + rng.uniform(-0.6, 0.6) * b
        vein = Outline(x, y, rng.uniform(2, 7), rng.uniform(1.6, 3), rng.uniform(0, pi))
        extent = Solid(vein, rng.uniform(-15, 15), rng.uniform(8, 20), 3)
        parts.append(Part(extent, 0.4 * body.liver + 0.6 * body.blood, confined=True))
    if rng.random() < 0.55:
        bladder = Outline(liver.x + 0.75 * a, -0.42 * d, rng.uniform(9, 15), rng.uniform(12, 20))
        parts.append(Part(Solid(bladder, rng.uniform(-10, 10), 28), 12, 3, confined=True))
    if rise > 0.3:
        spleen = Outline(0.84 * w, 0.05 * d, 22 + 12 * rise, 30 + 18 * rise, 0.2, 2.2)
        extent = Solid(spleen, -12, 20 + 40 * rise)
        parts.append(Part(extent, 0.8 * body.liver + 0.25 * body.blood, 7, confined=True))
    lobe = Outline(rng.uniform(-12, 18), -0.22 * d, rng.uniform(32, 52), rng.uniform(8, 12), -0.3)
    pancreas = Solid(lobe, 20 * rise - 5, 26)
    return [*parts, Part(pancreas, 0.85 * body.liver, 14, 10, confined=True)]


def bowel(rng: np.random.Generator, body: Habitus) -> list[Part]:
    """Colon on both flanks, stomach in high levels, and loops of small bowel that do not touch."""
    w, d = body.width, body.depth
    loops = [(0.80 * w, -0.05 * d, rng.uniform(13, 20)), (0.50 * w, -0.62 * d, rng.uniform(13, 22))]
    if body.rise < 0.6:
        loops.append((-0.72 * w, rng.uniform(-0.1, 0.15) * d, rng.uniform(16, 25)))
    if body.rise > 0.55:
        loops.append((0.30 * w, -0.48 * d, rng.uniform(28, 40)))
    for _ in range(140):
        r = rng.uniform(8, 19)
        x, y = rng.uniform(-0.75, 0.85) * w, rng.uniform(-0.78, 0.0) * d
        clear = all(np.hypot(x - u, y - v) > 0.9 * (r + q) for u, v, q in loops)
        if clear and len(loops) < 18 - 8 * body.rise:
            loops.append((x, y, r))
    return [part for x, y, r in loops for part in _loop(rng, body, x, y, r)]


def _loop(rng: np.random.Generator, body: Habitus, x: float, y: float, r: float) -> list[Part]:
    """One section of gut: wall, contents, and perhaps gas that rises to the front."""
    turn = rng.uniform(0, pi)
    shape = Outline(x, y, r * rng.uniform(0.9, 1.6), r * 0.8, turn, 2.0, wobble(rng, 0.16, 4))
    drift = (float(rng.normal(0, 0.25)), float(rng.normal(0, 0.25)))
    solid = Solid(shape, rng.uniform(-14, 14), rng.uniform(24, 60), 2.0, drift)
    parts = [
        Part(solid, body.bowel, 10, 6, confined=True),
        Part(solid.resized(1 - 3.2 / r), rng.uniform(5, 45), 8, 14, confined=True),
    ]
    if rng.random() < 0.28:
        gas = solid.resized(rng.uniform(0.3, 0.65), dy=-0.25 * r)
        parts.append(Part(gas, AIR + 60, 20, confined=True))
    elif rng.random() < 0.25:  # faeces: gas and matter mixed
        parts.append(Part(solid.resized(0.7), -150, 60, 120, confined=True))
    return parts
