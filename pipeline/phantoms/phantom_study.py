"""One study of the phantom: draw the patient, paint and acquire the slices, state the truth."""

from dataclasses import dataclass, replace
from math import pi
from typing import Any

import numpy as np
import scipy
from numpy.typing import NDArray
from pydantic import Field

from model.section import Section
from pipeline.base.errors import BadInputError
from pipeline.data.findings import encode_mask

from . import phantom_body as body_parts
from .phantom_body import Habitus
from .phantom_canvas import Array, Canvas, Mask, Part, Texture, correlated
from .phantom_kidney import Kidney, Lesion, draw_kidneys, draw_lesions, parenchyma, perirenal_fat

CLASSES = ("cyst", "normal", "stone", "tumor")
KINDS = ("cyst", "stone", "tumor")

Truth = dict[str, Any]
Slice = tuple[NDArray[np.uint8], Truth]


class PhantomConfig(Section):
    """How the phantom's studies are acquired."""

    size: int = Field(default=128, ge=64, le=512, description="height and width of a slice, pixels")
    slices: int = Field(default=5, ge=1, le=32, description="neighbouring levels a patient")
    spacing_mm: float = Field(default=5.0, gt=0, le=20, description="mean distance between levels")
    noise_hu: float = Field(
        default=11.0, ge=0, le=100, description="mean standard deviation of the noise"
    )
    most_cysts: int = Field(default=3, ge=1, le=4, description="a cyst patient has 1 to this many")
    most_stones: int = Field(
        default=4, ge=1, le=6, description="a stone patient has 1 to this many"
    )


DEFAULT = PhantomConfig()


@dataclass(frozen=True)
class _Scan:
    """The patient's position in the scanner, and the image's window, blur and noise."""

    mm: float
    middle: tuple[float, float]
    window: tuple[float, float]
    blur: float
    noise: float
    table: tuple[tuple[float, float, float, float], ...]


@dataclass(frozen=True)
class _Patient:
    """Everything to paint for one patient, in painting order."""

    parts: list[Part]
    kidneys: list[Kidney]
    lesions: list[Lesion]
    texture: Texture
    scan: _Scan


def make_patient(
    label: str, number: int, seed: int, config: PhantomConfig = DEFAULT
) -> list[Slice]:
    """The slices of one phantom patient, from the first level to the last.

    A patient depends only on seed, label, number and config.

    Args:
        label: the class of the study, one of CLASSES.
        number: the patient, 0 or more.
        seed: of the whole phantom, 0 or more.
        config: how the study is acquired.

    Returns:
        For each slice, the image, uint8 [size, size], 0 black to 255 white, and its truth: what
        this slice shows, in pixels from the centre of the top left pixel.

    Raises:
        BadInputError: unknown class, or negative number or seed.
    """
    rng, patient, z = _start(label, number, seed, config)
    images, findings = _render(rng, patient, z, config)
    about = {"phantom": True, "class": label, "patient": number}
    about["pixel_mm"] = round(patient.scan.mm, 4)
    return [
        (image, about | {"slice": k, "level_mm": round(float(z[k]), 2)} | seen)
        for k, (image, seen) in enumerate(zip(images, findings, strict=True))
    ]


def densities(
    label: str, number: int, seed: int, config: PhantomConfig = DEFAULT
) -> tuple[Array, float]:
    """The slices of `make_patient` before they are acquired: without blur, noise or window.

    Returns:
        Hounsfield units, float32 [slices, size, size], and the side of a pixel in mm.

    Raises:
        BadInputError: as `make_patient`.
    """
    _, patient, z = _start(label, number, seed, config)
    canvas, _ = _paint(patient, z, config)
    return canvas.hu, patient.scan.mm


def _start(
    label: str, number: int, seed: int, config: PhantomConfig
) -> tuple[np.random.Generator, _Patient, Array]:
    """The patient, the levels of its slices in mm, and the generator that drew them."""
    if label not in CLASSES:
        raise BadInputError(f"no phantom of class {label!r}: choose one of {', '.join(CLASSES)}")
    if number < 0 or seed < 0:
        raise BadInputError(f"patient {number} of seed {seed}: both must be 0 or more")
    rng = np.random.default_rng([seed, CLASSES.index(label), number])
    spacing = config.spacing_mm * rng.uniform(0.85, 1.15)
    z = ((np.arange(config.slices) - (config.slices - 1) / 2) * spacing).astype(np.float32)
    return rng, _draw_patient(rng, label, float(z[-1] - z[0]), config), z


def _draw_patient(
    rng: np.random.Generator, label: str, span: float, config: PhantomConfig
) -> _Patient:
    body = body_parts.draw_habitus(rng)
    scan = _draw_scan(rng, body, config)
    kidneys = draw_kidneys(rng, body)
    parts = body_parts.trunk(rng, body)
    parts += body_parts.bowel(rng, body)
    parts += body_parts.solid_organs(rng, body)
    parts += [perirenal_fat(kidney) for kidney in kidneys]
    parts += body_parts.back_muscles(rng, body)
    parts += body_parts.spine(rng, body)
    parts += body_parts.ribs(rng, body)
    parts += body_parts.great_vessels(rng, body)
    for kidney in kidneys:
        parts += parenchyma(rng, body, kidney)
    lesions: list[Lesion] = []
    if label in KINDS:
        most = {"cyst": config.most_cysts, "stone": config.most_stones, "tumor": 1}[label]
        lesions = draw_lesions(rng, label, most, body=body, kidneys=kidneys, span=span)
    tilt = float(np.clip(rng.normal(0, 0.05), -0.12, 0.12))
    return _Patient(
        [part.turned(tilt) for part in parts],
        [replace(kidney, solid=kidney.solid.turned(tilt)) for kidney in kidneys],
        [lesion.turned(tilt) for lesion in lesions],
        Texture.draw(rng, config.size, scan.mm),
        scan,
    )


def _draw_scan(rng: np.random.Generator, body: Habitus, config: PhantomConfig) -> _Scan:
    width, depth = body.width + body.fat, body.depth + body.fat
    mm = 2 * width / rng.uniform(0.7, 0.95) / config.size
    middle = (mm * config.size * rng.uniform(-0.02, 0.02), -mm * config.size * rng.uniform(0, 0.08))
    height, bend = depth + rng.uniform(1, 9), rng.uniform(2.5e-4, 9e-4)
    shell = (height, bend, mm * rng.uniform(1.3, 1.8), rng.uniform(50, 500))
    under = (height + rng.uniform(20, 38), bend * rng.uniform(1.2, 2.2), *shell[2:])
    return _Scan(
        mm=mm,
        middle=middle,
        window=(rng.uniform(-190, -110), rng.uniform(240, 340)),
        blur=rng.uniform(0.35, 0.6),
        noise=config.noise_hu * rng.uniform(0.6, 1.4),
        table=(shell, under) if rng.random() < 0.7 else (shell,),
    )


def _paint(
    patient: _Patient, z: Array, config: PhantomConfig
) -> tuple[Canvas, list[tuple[Lesion, Mask]]]:
    """The slices at levels z in HU, and the pixels of each lesion that is on one of them."""
    canvas = Canvas(config.size, patient.scan.mm, patient.scan.middle, z)
    fine, coarse = patient.texture.at(z)
    for arc in patient.scan.table:
        canvas.stroke(*arc)
    for part in patient.parts:
        canvas.paint(part, fine, coarse)
    covered: list[tuple[Lesion, Mask]] = []
    for lesion in patient.lesions:
        stamp = canvas.paint(lesion.part, fine, coarse)
        if stamp is not None:
            covered.append((lesion, canvas.masks(stamp)))
        for part in lesion.inner:
            canvas.paint(part, fine, coarse)
    return canvas, covered


def _render(
    rng: np.random.Generator, patient: _Patient, z: Array, config: PhantomConfig
) -> tuple[NDArray[np.uint8], list[Truth]]:
    """Paint and acquire the slices at levels z; returns the images and what each shows."""
    scan = patient.scan
    canvas, covered = _paint(patient, z, config)
    images = _acquire(rng, canvas.hu, scan)
    kidneys = [_kidney_truth(kidney, canvas) for kidney in patient.kidneys]
    findings = []
    for k, image in enumerate(images):
        seen = [(lesion, masks[k]) for lesion, masks in covered if masks[k].any()]
        lesions = [_lesion_truth(lesion, mask, image, scan.mm) for lesion, mask in seen]
        counts = {kind: sum(one["kind"] == kind for one in lesions) for kind in KINDS}
        where = [places[k] for places in kidneys]
        findings.append({"counts": counts, "lesions": lesions, "kidneys": where})
    return images, findings


def _acquire(rng: np.random.Generator, hu: Array, scan: _Scan) -> NDArray[np.uint8]:
    """Apply the point spread, noise correlated by reconstruction, and the window."""
    noise = 0.8 * correlated(rng, hu.shape, 0.6) + 0.6 * correlated(rng, hu.shape, 1.3)
    seen = scipy.ndimage.gaussian_filter(hu, scan.blur, axes=(-2, -1)) + scan.noise * noise
    low, high = scan.window
    grey = np.clip((seen - low) / (high - low), 0, 1)
    pictures: NDArray[np.uint8] = np.rint(255 * grey).astype(np.uint8)
    return pictures


def _lesion_truth(lesion: Lesion, mask: Mask, image: NDArray[np.uint8], mm: float) -> Truth:
    """The painted mask, its centre, area and diameter; intensity is the mean grey value under it.

    The diameter is that of a disc of the same area; `mm` is the side of a pixel.
    """
    rows, columns = np.nonzero(mask)
    return {
        "kind": lesion.kind,
        "side": lesion.side,
        "x": round(float(columns.mean()), 2),
        "y": round(float(rows.mean()), 2),
        "radius": round(float(np.sqrt(len(rows) / pi)), 2),
        "area": len(rows),
        "diameter_mm": round(2 * mm * float(np.sqrt(len(rows) / pi)), 2),
        "intensity": round(float(image[mask].mean()), 2),
        "mask": encode_mask(mask),
    }


def _kidney_truth(kidney: Kidney, canvas: Canvas) -> list[Truth]:
    """The kidney's outline at each level, before the hilum is carved out."""
    outline = kidney.solid.outline
    radius = float(np.sqrt(outline.a * outline.b)) / canvas.mm
    places = []
    for x, y, scale in zip(*(line.tolist() for line in kidney.solid.at(canvas.z)), strict=True):
        column, row = canvas.pixel(x, y)
        place = {"x": round(column, 2), "y": round(row, 2), "radius": round(scale * radius, 2)}
        places.append({"side": kidney.side} | place)
    return places
