"""Computed ultrasound, radiographs and CT-like slices, and text of known size written on them."""

from pathlib import Path
from typing import Literal

import matplotlib
import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFilter, ImageFont

from tests.support.pictures import Grey

FONTS = ("DejaVuSans.ttf", "DejaVuSans-Bold.ttf", "DejaVuSansMono.ttf", "")
"""Of matplotlib; the empty one is Pillow's own."""
Ink = Literal["bright on dark", "dark on bright", "on texture"]
INKS: tuple[Ink, ...] = ("bright on dark", "dark on bright", "on texture")


def smooth_noise(seed: int, side: int, cells: int) -> NDArray[np.float64]:
    """Soft random values float64 [side, side] between 0 and 1, with `cells` bumps a side."""
    coarse = np.random.default_rng(seed).integers(0, 256, (cells, cells), dtype=np.uint8)
    soft = Image.fromarray(coarse).resize((side, side), Image.Resampling.BICUBIC)
    return np.asarray(soft) / 255.0


def ultrasound(seed: int, side: int = 384) -> Grey:
    """A sector of speckle on black: Rayleigh noise, smeared sideways, over soft layers."""
    rng = np.random.default_rng(seed)
    rows, columns = np.mgrid[:side, :side] / side
    speckle = rng.rayleigh(0.5, (side, side))
    speckle = (speckle + np.roll(speckle, 1, 1) + np.roll(speckle, 2, 1)) / 3
    level = 0.15 + 0.55 * smooth_noise(seed, side, 7) * np.exp(-0.7 * rows)
    angle = np.arctan2(columns - 0.5, rows + 0.25)
    inside = (abs(angle) < 0.55) & (np.hypot(columns - 0.5, rows + 0.25) < 1.1) & (rows > 0.08)
    grey: Grey = (255 * np.clip(speckle * level * inside, 0, 1)).astype(np.uint8)
    return grey


def radiograph(seed: int, side: int = 512) -> Grey:
    """Soft shadows with ribs: thin bright arcs, and fine noise."""
    rows, columns = np.mgrid[:side, :side] / side
    level = 0.25 + 0.5 * smooth_noise(seed, side, 5)
    for rib in range(7):
        middle = 0.12 + 0.12 * rib + 0.25 * (columns - 0.5) ** 2 * (1 if rib % 2 else 1.6)
        level += 0.12 * np.exp(-(((rows - middle) / 0.012) ** 2))
    noise = np.random.default_rng(seed).normal(0, 0.015, (side, side))
    grey: Grey = (255 * np.clip(0.8 * level + noise, 0, 0.85)).astype(np.uint8)
    return grey


def lettered(
    pixels: Grey, text: str, size: int, *, ink: Ink, font: str = "", seed: int = 0
) -> Grey:
    """The picture with a line of text.

    Args:
        pixels: uint8 [H, W].
        text: the line.
        size: of the font, in pixels; capitals are about 0.7 of it.
        ink: white in a dark margin, black in a bright band, or white on the picture itself.
        font: one of `FONTS`.
        seed: of the place and, within a fifth, of the brightness.
    """
    left, top, _, bottom = place_of(pixels, text, size, ink=ink, font=font, seed=seed)
    image = Image.fromarray(pixels)
    draw = ImageDraw.Draw(image)
    if ink != "on texture":
        paper = 4 if ink == "bright on dark" else 235
        draw.rectangle((0, top - 4, image.width, bottom + 4), fill=paper)
    rng = np.random.default_rng([seed, 1])
    level = int(rng.integers(0, 40) if ink == "dark on bright" else rng.integers(205, 256))
    face = _face(font, size)
    x, y, *_ = draw.textbbox((0, 0), text, font=face)
    draw.text((left - x, top - y), text, fill=level, font=face)
    return np.asarray(image)


def place_of(
    pixels: Grey, text: str, size: int, *, ink: Ink, font: str = "", seed: int = 0
) -> tuple[int, int, int, int]:
    """Left, top, right and bottom of the text that `lettered` writes with the same arguments."""
    height, width = pixels.shape
    rng = np.random.default_rng([seed, 0])
    left, top, right, bottom = (round(one) for one in _face(font, size).getbbox(text))
    wide, tall = right - left, bottom - top
    x = int(rng.integers(3, max(4, width - wide - 3)))
    y = int(rng.integers(5, max(6, height - tall - 5)))
    if ink != "on texture":
        y = int(rng.choice([5, height - tall - 5]))
    return x, y, x + wide, y + tall


def _face(font: str, size: int) -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    if not font:
        return ImageFont.load_default(size)
    file = Path(matplotlib.get_data_path()) / "fonts" / "ttf" / font
    return ImageFont.truetype(str(file), size)


def calipers(pixels: Grey, seed: int = 0, *, arm: int = 5, turned: bool = False) -> Grey:
    """The picture with two crosses, + or x, and dots on the line between them."""
    rng = np.random.default_rng(seed)
    image = Image.fromarray(pixels)
    draw = ImageDraw.Draw(image)
    side = min(image.size)
    ends = [(int(rng.integers(side // 5, side // 2)), int(rng.integers(side // 4, side // 2)))]
    ends.append((ends[0][0] + side // 3, ends[0][1] + int(rng.integers(0, side // 3))))
    for x, y in ends:
        draw.ellipse((x - arm - 3, y - arm - 3, x + arm + 3, y + arm + 3), fill=20)
        lean = arm if turned else 0
        draw.line((x - arm, y - lean, x + arm, y + lean), fill=250)
        draw.line((x - lean, y + arm, x + lean, y - arm), fill=250)
    steps = side // 18
    for step in range(2, steps - 1):
        x, y = (round(a + (b - a) * step / steps) for a, b in zip(*ends, strict=True))
        draw.point([(x, y), (x + 1, y), (x, y + 1), (x + 1, y + 1)], fill=240)
    return np.asarray(image)


def blurred(pixels: Grey, radius: float) -> Grey:
    """As a picture that was resampled, or stored as a JPEG, shows it."""
    return np.asarray(Image.fromarray(pixels).filter(ImageFilter.GaussianBlur(radius)))
