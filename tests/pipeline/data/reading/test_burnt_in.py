"""Burnt-in text is found, and anatomy is not mistaken for it."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageDraw, ImageFont

from pipeline.data.config import IngestConfig
from pipeline.data.formats import Decoded, decode
from pipeline.data.reading.burnt_in import find_strokes, glyphs_in_a_row
from pipeline.data.reading.quality import check_burnt_in
from pipeline.data.refusal import Refused
from pipeline.phantoms.phantom import write_phantom
from tests.conftest import SHARED_DATA
from tests.support.lettering import INKS, calipers, lettered, radiograph, ultrasound
from tests.support.pictures import Grey, picture

MOST = IngestConfig().burnt_in_glyphs


def written(text: str, side: int, height: int, ink: int = 255) -> Grey:
    """A soft picture with a line of text."""
    image = Image.fromarray((picture(3, side) * 0.5).astype(np.uint8))
    draw = ImageDraw.Draw(image)
    draw.text((6, side // 3), text, fill=ink, font=ImageFont.load_default(height))
    return np.asarray(image)


@pytest.mark.parametrize("side", [256, 512])
@pytest.mark.parametrize("height", [11, 14, 20, 28])
def test_a_line_of_text_is_found(side: int, height: int) -> None:
    assert glyphs_in_a_row(written("DOE JANE 1970", side, height)) >= MOST
    assert glyphs_in_a_row(written("DOE JANE 1970", side, height).astype(np.uint16) * 90) >= MOST


@pytest.mark.parametrize("upright", [True, False])
def test_a_scale_beside_the_anatomy_is_found(upright: bool) -> None:
    pixels = np.zeros((256, 256), np.uint8)
    pixels[40:216, 60:230] = picture(3, 256)[40:216, 60:230] // 2
    for place in range(12, 240, 20):
        pixels[place : place + 2, 10:15] = 230
    shown = pixels if upright else np.ascontiguousarray(pixels.T)
    assert glyphs_in_a_row(shown) >= 8
    pixels[:, :30] = 0
    assert glyphs_in_a_row(pixels) < MOST


def test_a_picture_without_text_has_none() -> None:
    for seed in range(20):
        assert glyphs_in_a_row(picture(seed, 256)) < MOST
        noise = np.random.default_rng(seed).integers(0, 256, (256, 256), dtype=np.uint8)
        assert glyphs_in_a_row(noise) < MOST


@pytest.mark.parametrize("text", ["LT9", "RT", "rt axilla"])
@pytest.mark.parametrize("size", [10, 16, 24])
def test_short_text_is_a_place_to_read(text: str, size: int) -> None:
    pixels = lettered(ultrasound(size), text, size, ink=INKS[0], seed=size)
    assert find_strokes(pixels).places
    assert find_strokes(pixels.astype(np.uint16) * 16).places == find_strokes(pixels).places


def test_edges_of_bones_are_no_places() -> None:
    """Two or three bright spots side by side, thick, uneven, or with tissue around them."""
    pixels = np.full((128, 128), 100, np.uint8)
    pixels[40:50, 40:43] = pixels[40:50, 48:51] = 250
    pixels[80:86, 60:63] = pixels[84:92, 66:69] = 250
    assert glyphs_in_a_row(pixels) == 2
    assert not find_strokes(pixels).places


@pytest.mark.parametrize("turned", [False, True])
@pytest.mark.parametrize("arm", [3, 6, 9])
def test_drawn_crosses_are_counted(arm: int, turned: bool) -> None:
    for seed in range(3):
        assert find_strokes(calipers(ultrasound(seed), seed, arm=arm, turned=turned)).crosses == 2


def test_anatomy_has_no_crosses() -> None:
    for seed in range(3):
        for pixels in (ultrasound(seed), radiograph(seed), picture(seed, 256)):
            assert find_strokes(pixels).crosses == 0
    ring = np.hypot(*np.mgrid[-20:21, -20:21])
    pixels = np.where(abs(ring - 9) < 1, 240, 10).astype(np.uint8)
    assert find_strokes(pixels).crosses == 0
    pixels = np.full((64, 64), 10, np.uint8)
    pixels[20:31, 20] = pixels[20, 20:31] = 240  # a corner
    pixels[40, 40:51] = pixels[40:51, 45] = 240  # a T
    assert find_strokes(pixels).crosses == 0


def shares(folder: Path, pattern: str = "*") -> float:
    files = sorted(file for file in folder.rglob(pattern) if file.is_file())
    found = []
    for file in files:
        (decoded,) = decode(file.read_bytes(), IngestConfig())
        assert isinstance(decoded, Decoded)
        found.append(_is_refused(decoded))
    return float(np.mean(found))


def _is_refused(decoded: Decoded) -> bool:
    modality, captured = decoded.modality, decoded.captured
    try:
        check_burnt_in(decoded.pixels, IngestConfig(), modality=modality, captured=captured)
    except Refused:
        return True
    return False


def test_phantoms_show_no_text(tmp_path: Path) -> None:
    write_phantom(tmp_path, 3, 0)
    assert shares(tmp_path, "*.png") == 0


@pytest.mark.skipif(not SHARED_DATA.is_dir(), reason="the real images are not on this machine")
@pytest.mark.parametrize(
    ("name", "least", "most"),
    [("kidney-us-burnt-in", 0.95, 1.0), ("kidney-ct", 0.0, 0.001), ("kidney-ct-mixed", 0.0, 0.002)],
)
def test_real_images(name: str, least: float, most: float) -> None:
    assert least <= shares(SHARED_DATA / name, "*.*g") <= most
