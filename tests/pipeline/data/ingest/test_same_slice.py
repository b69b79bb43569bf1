"""Copies of a slice, and slices that are merely near."""

from collections.abc import Callable

import numpy as np
import pytest

from pipeline.data.formats import Pixels
from pipeline.data.ingest.same_slice import is_same_slice, prepare
from tests.support.pictures import Grey, picture, sibling
from tests.support.slices import BONE, NARROW, SOFT, WIDE, as_jpeg, body, resized, shown

PATIENTS = range(3)

COPIES: dict[str, Callable[[Grey], Pixels]] = {
    **{f"jpeg {q}": lambda a, q=q: as_jpeg(a, q) for q in (70, 85, 95)},  # type: ignore[misc]
    **{f"resized {f}": lambda a, f=f: resized(a, f) for f in (0.8, 0.9, 1.1, 1.5)},  # type: ignore[misc]
    "resized, jpeg": lambda a: as_jpeg(resized(a, 0.9), 75),
    "16 bits": lambda a: a.astype(np.uint16) * 37 + 1000,
    "brighter": lambda a: (a // 2 + 100).astype(np.uint8),
}


def same(one: Pixels, other: Pixels) -> bool:
    assert is_same_slice(prepare(one), prepare(other)) == is_same_slice(
        prepare(other), prepare(one)
    )
    return is_same_slice(prepare(one), prepare(other))


@pytest.mark.parametrize("side", [96, 160])
@pytest.mark.parametrize("how", COPIES)
def test_a_copy_is_the_same_slice(how: str, side: int) -> None:
    for seed in PATIENTS:
        grey = shown(body(seed, side=side))
        assert same(grey, COPIES[how](grey)), seed


@pytest.mark.parametrize("window", [WIDE, NARROW, BONE, (-100, 300)])
@pytest.mark.parametrize("side", [160])
def test_another_window_shows_the_same_slice(window: tuple[float, float], side: int) -> None:
    for seed in PATIENTS:
        values = body(seed, side=side)
        assert same(shown(values, SOFT), as_jpeg(shown(values, window), 85)), seed


@pytest.mark.parametrize("lesion", ["cyst", "stone"])
@pytest.mark.parametrize("how", ["as it is", "jpeg 70", "resized 0.9"])
@pytest.mark.parametrize("side", [96, 160])
def test_a_slice_with_a_lesion_more_is_another(lesion: str, how: str, side: int) -> None:
    """Even where all else, noise included, is the same."""
    for seed in PATIENTS:
        one, other = (shown(body(seed, side=side, lesion=each)) for each in ("", lesion))
        assert not same(one, COPIES[how](other) if how in COPIES else other), seed


@pytest.mark.parametrize("level", [0.0, 0.05, 0.2])
@pytest.mark.parametrize("side", [96, 160])
def test_a_neighbouring_slice_is_another(level: float, side: int) -> None:
    """Level 0 is the hardest: the same anatomy to the pixel, and other noise."""
    for seed in PATIENTS:
        one, other = (shown(body(seed, side=side, level=n * level, noise=n)) for n in (0, 1))
        assert not same(one, other), seed
        assert not same(one, as_jpeg(other, 90)), seed


def test_other_patients_and_smooth_pictures() -> None:
    for seed in PATIENTS:
        smooth = picture(seed, 96)
        assert not same(shown(body(seed)), shown(body(seed + 50)))
        assert not same(smooth, sibling(smooth, 1))
        assert not same(sibling(smooth, 1), sibling(smooth, 2))
        assert not same(smooth, picture(seed + 50, 96))
        assert same(smooth, as_jpeg(smooth, 75))


def test_an_image_without_content_is_like_no_other() -> None:
    flat, grey = np.full((64, 64), 90, np.uint8), shown(body(1))
    black = np.zeros((64, 64), np.uint8)
    assert not any(same(one, other) for one in (flat, black) for other in (flat, grey, black))
