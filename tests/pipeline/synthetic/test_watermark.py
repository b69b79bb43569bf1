"""The watermark: how often it is found, and how often it is said to be where it is not.

The images are noise with the spectrum of images. docs/marks.md has the rates on CT slices.
"""

import io
from collections.abc import Callable

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from pipeline.synthetic.watermark import (
    FALSE_ALARMS,
    detect,
    embed,
    is_large_enough,
    statistic,
    thresholds,
)

Grey = NDArray[np.uint8]
KEY, COUNT = b"k" * 32, 40


def textured(seed: int, side: int = 64) -> Grey:
    """Noise of which amplitudes fall with frequency, within a disc on black."""
    noise = np.fft.fft2(np.random.default_rng(seed).standard_normal((side, side)))
    rows, columns = np.fft.fftfreq(side), np.fft.fftfreq(side)
    frequency = np.hypot(rows[:, None], columns[None])
    frequency[0, 0] = np.inf
    smooth = np.fft.ifft2(noise / frequency**1.3).real
    grey = 120 + 45 * smooth / smooth.std()
    at = np.linspace(-1, 1, side)
    disc = np.hypot(at[:, None], at[None]) < 0.9
    return np.asarray(np.where(disc, grey, 0).clip(0, 255).astype(np.uint8))


def jpeg(image: Grey) -> Grey:
    stream = io.BytesIO()
    Image.fromarray(image).save(stream, "JPEG", quality=75)
    return np.asarray(Image.open(stream))


def resized(image: Grey) -> Grey:
    side = len(image)
    small = Image.fromarray(image).resize((3 * side // 4,) * 2, Image.Resampling.BICUBIC)
    return np.asarray(small.resize((side, side), Image.Resampling.BICUBIC))


def cropped(image: Grey) -> Grey:
    return image[len(image) // 20 :, len(image) // 20 :][: -len(image) // 20, : -len(image) // 20]


def windowed(image: Grey) -> Grey:
    shown = (image.astype(float) - 128) * 1.25 + 138
    return np.asarray(np.rint(shown).clip(0, 255).astype(np.uint8))


def sixteen_bits(image: Grey) -> NDArray[np.uint16]:
    return image.astype(np.uint16) * 100 + 300


@pytest.mark.parametrize("change", [np.copy, jpeg, resized, cropped, windowed, sixteen_bits])
def test_it_survives_what_happens_to_images(change: Callable[[Grey], Grey]) -> None:
    found = [detect(change(embed(textured(seed), KEY)), KEY) for seed in range(COUNT)]
    assert sum(one.found for one in found) >= 0.95 * COUNT
    offsets = {one.offset for one in found if one.found}
    assert offsets == ({(3, 3)} if change is cropped else {(0, 0)})


@pytest.mark.parametrize("side", [64, 128])
def test_it_is_faint_the_same_again_and_absent_from_the_black(side: int) -> None:
    image = textured(1, side)
    marked = embed(image, KEY)
    assert np.array_equal(marked, embed(image, KEY))
    assert not np.array_equal(marked, embed(image, b"o" * 32))
    error = np.mean((marked.astype(float) - image) ** 2)
    assert 10 * np.log10(255**2 / error) > (32 if side == 64 else 38)
    assert not marked[: side // 16, : side // 16].any()


def test_without_it_the_statistic_is_standard_normal() -> None:
    images = [textured(seed) for seed in range(20)]
    z = [statistic(image, bytes([key]) * 32) for image in images for key in range(50)]
    assert abs(np.mean(z)) < 0.1
    assert abs(np.std(z) - 1) < 0.07
    found = [detect(image, bytes([key]) * 32).p for image in images for key in range(20)]
    assert np.mean(np.array(found) < 0.05) <= 0.08  # a bound, so no more than that share
    assert min(found) > FALSE_ALARMS


def test_another_key_does_not_find_it() -> None:
    marked = embed(textured(3), KEY)
    assert detect(marked, KEY).found
    assert not detect(marked, b"o" * 32).found


def test_flat_images_bear_none() -> None:
    for level in (0, 128, 255):
        assert detect(np.full((64, 64), level, np.uint8), KEY) == (0.0, 1.0, (0, 0))
    assert np.array_equal(embed(np.zeros((64, 64), np.uint8), KEY), np.zeros((64, 64)))


def test_thresholds_and_sizes() -> None:
    whole, anywhere = thresholds()
    assert (round(whole, 2), round(anywhere, 2)) == (4.89, 6.33)
    assert is_large_enough((64, 200))
    assert not is_large_enough((63, 200))
