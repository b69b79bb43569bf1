"""A painted finding has the shape, the contrast and the grain that it should have."""

import numpy as np
import pytest
from numpy.typing import NDArray

from bench.usefulness import pairs
from bench.usefulness.painting import contrasts, painted
from bench.usefulness.pairs import Pairs, painted_pairs
from model.layouts import Layouts, ellipse
from model.sampling import sample
from pipeline.base.errors import BadInputError
from tests.support.generators import tiny_generator

SIDE = 32
CLASSES, KINDS = ("normal", "stone"), ("cyst", "stone")
CYST, STONE = np.array([-40.0]), np.array([80.0])


def layout(*places: tuple[int, float, float, float]) -> NDArray[np.uint8]:
    """Maps of findings: kind, x, y and diameter in pixels."""
    maps = np.zeros((2, SIDE, SIDE), np.uint8)
    for kind, x, y, diameter in places:
        one = ellipse(SIDE, x / SIDE, y / SIDE, diameter / SIDE, diameter / SIDE)
        np.maximum(maps[kind], one, out=maps[kind])
    return maps


TWO = layout((0, 9.3, 10, 7), (1, 22.6, 20.2, 2.2))


def rng() -> np.random.Generator:
    return np.random.default_rng(0)


def test_a_pixel_is_changed_by_as_much_as_is_covered() -> None:
    flat = np.full((SIDE, SIDE), 100, np.uint8)
    out = painted(flat, TWO, [CYST, STONE], rng())
    expected = 100 - 40 * (TWO[0] / 255) + 80 * (TWO[1] / 255)
    assert np.abs(out - expected).max() <= 0.5
    assert (out[TWO.max(0) == 0] == 100).all()
    assert ((out > 100) & (out < 180)).any(), "an edge is soft"


def test_the_contrast_of_what_was_painted_is_found_again() -> None:
    ground = 100 + rng().normal(0, 5, (40, SIDE, SIDE))
    ground = ground.round().astype(np.uint8)
    images = np.stack([painted(one, TWO, [CYST, STONE], rng()) for one in ground])
    told = np.ones(40, np.bool_)
    told[0] = False
    cyst, stone = contrasts(images, Layouts(np.stack([TWO] * 40), told))
    assert (len(cyst), len(stone)) == (39, 39)
    assert cyst.mean() == pytest.approx(-40, abs=1.5)
    # Of a stone of two pixels, too: what is covered in part counts in part.
    assert stone.mean() == pytest.approx(80, abs=3)


def test_the_grain_is_kept_and_what_lay_there_is_not() -> None:
    slope = np.linspace(40, 160, SIDE)[None].repeat(SIDE, 0)
    noisy = (slope + rng().normal(0, 6, (SIDE, SIDE))).round().astype(np.uint8)
    maps = layout((1, 16, 16, 16))
    core = maps[1] == 255
    out = painted(noisy, maps, [CYST, STONE], rng()).astype(float)
    # The grey of a slope is gone under the finding; its noise is still there.
    assert np.polyfit(np.nonzero(core)[1], out[core], 1)[0] == pytest.approx(0, abs=0.4)
    assert 3 < out[core].std() < 7
    assert np.corrcoef(out[core], (noisy - slope)[core])[0, 1] > 0.8


def test_nothing_else_counts_as_surroundings() -> None:
    flat = np.full((SIDE, SIDE), 100, np.uint8)
    near = layout((0, 12, 16, 8), (1, 18.5, 16, 3))
    out = painted(flat, near, [CYST, STONE], rng())
    (cyst, stone) = contrasts(out[None], Layouts(near[None], np.ones(1, np.bool_)))
    assert cyst[0] == pytest.approx(-40, abs=1)
    assert stone[0] == pytest.approx(80, abs=1)
    full = np.full((1, 2, SIDE, SIDE), 255, np.uint8)
    assert [len(one) for one in contrasts(out[None], Layouts(full, np.ones(1, np.bool_)))] == [0, 0]


def real() -> Pairs:
    flat = np.full((SIDE, SIDE), 100, np.uint8)
    images = np.stack([painted(flat, TWO, [CYST, STONE], rng()) for _ in range(4)])
    return Pairs(images, np.zeros(4, np.int64), Layouts(np.stack([TWO] * 4), np.ones(4, np.bool_)))


def test_pairs_are_the_generator_s_normal_images_with_its_layouts() -> None:
    generator = tiny_generator(CLASSES, KINDS)
    made = painted_pairs(generator, CLASSES, real(), 6, seed=3)
    drawn = pairs.generated_pairs(generator, CLASSES, 6, seed=3)
    assert (made.labels == drawn.labels).all()
    assert (made.layouts.maps == drawn.layouts.maps).all()
    none = Layouts(np.zeros_like(made.layouts.maps), made.layouts.told)
    bare = sample(generator, ["normal"] * 6, 3, layouts=none)
    covered = made.layouts.maps.max(1) > 0
    assert covered.any((1, 2)).any()
    assert (made.images == bare)[~covered].all()
    assert (made.images[covered] != bare[covered]).mean() > 0.5
    again = painted_pairs(generator, CLASSES, real(), 6, seed=3)
    assert (again.images == made.images).all()


def test_a_kind_of_unknown_grey_is_refused() -> None:
    known = real()
    maps = known.layouts.maps.copy()
    maps[:, 1] = 0
    bare = known._replace(layouts=Layouts(maps, known.layouts.told))
    with pytest.raises(BadInputError, match="shows a stone with room around it"):
        painted_pairs(tiny_generator(CLASSES, KINDS), CLASSES, bare, 8, seed=0)
