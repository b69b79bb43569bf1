"""Layouts: what is drawn is what is asked for, measured on the maps."""

from math import pi
from typing import Any

import numpy as np
import pytest
import torch
from scipy import ndimage

from model.families.base import Generator
from model.layout_bank import PLACES, LayoutBank
from model.layout_statistics import blobs
from model.layouts import Layouts, ellipse, label_maps, layouts_of
from model.sampling import draw_layouts, interpolate, sample
from tests.support.generators import SIZE, tiny_generator

CLASSES, KINDS = ("cyst", "normal", "stone"), ("cyst", "stone")
CORNERS = np.ones((3, 3), int)


@pytest.fixture(scope="module")
def generator() -> Generator:
    return tiny_generator(CLASSES, KINDS)


def drawn(generator: Generator, labels: list[str], seed: int = 7, **options: object) -> Layouts:
    found = draw_layouts(generator, labels, seed, **options)  # type: ignore[arg-type]
    assert found is not None
    return found


# -- the shape of a finding ------------------------------------------------------------------------


@pytest.mark.parametrize("diameter", [0.8, 2.0, 5.0, 17.0, 44.0])
@pytest.mark.parametrize("uneven", [False, True])
def test_a_finding_covers_the_area_it_is_said_to(diameter: float, uneven: bool) -> None:
    rng = np.random.default_rng(3) if uneven else None
    width, height = 1.25 * diameter / 64, diameter / 1.25 / 64
    covered = ellipse(64, 0.503, 0.492, width, height, rng).astype(float).sum() / 255
    assert covered == pytest.approx(pi / 4 * diameter**2, rel=0.04)


def test_a_mask_is_as_large_as_its_finding_and_has_the_smallest() -> None:
    for diameter in (0.8, 1.5, 3.0, 6.0, 12.0):
        areas = []
        for shift in np.linspace(0, 1, 7):
            place = 0.5 + shift / 64
            map_ = ellipse(64, place, place + 0.3 / 64, diameter / 64, diameter / 64)
            areas.append(label_maps(Layouts(map_[None, None], np.ones(1, bool))).sum())
        assert min(areas) > 0 or diameter < 1
        if diameter >= 3:
            assert np.mean(areas) == pytest.approx(pi / 4 * diameter**2, rel=0.08)


def test_what_leaves_the_image_is_cut_and_nothing_else_is_lost() -> None:
    assert ellipse(32, -1, 0.5, 0.1, 0.1).sum() == 0
    half = ellipse(32, 0, 0.5, 0.5, 0.5).astype(float).sum()
    assert half == pytest.approx(ellipse(32, 0.5, 0.5, 0.5, 0.5).astype(float).sum() / 2, rel=0.01)


# -- label maps ------------------------------------------------------------------------------------


def test_label_maps_name_the_kind_and_come_back(generator: Generator) -> None:
    asked = drawn(generator, ["cyst", "stone"] * 4, findings=2)
    labels = label_maps(asked)
    assert labels.dtype == np.uint8
    assert labels.shape == (8, SIZE, SIZE)
    assert [sorted(set(one.ravel())) for one in labels] == [[0, 1], [0, 2]] * 4
    again = layouts_of(labels, len(KINDS), SIZE)
    assert again.told.all()
    assert np.array_equal(label_maps(again), labels)


def test_finer_label_maps_cover_pixels_in_part() -> None:
    fine = np.zeros((1, 8, 8), np.uint8)
    fine[0, 0, 0] = fine[0, 2:4, 2:4] = 1
    found = layouts_of(fine, 2, 4)
    assert found.maps[0, 0, 0, 0] == 64
    assert found.maps[0, 0, 1, 1] == 255
    assert found.maps.sum() == 64 + 255


@pytest.mark.parametrize(
    ("shape", "value", "said"), [((1, 9, 9), 1, "9x9"), ((1, 8, 4), 1, "4x8"), ((1, 8, 8), 3, "3")]
)
def test_label_maps_that_do_not_fit_are_refused(
    shape: tuple[int, ...], value: int, said: str
) -> None:
    with pytest.raises(ValueError, match=said):
        layouts_of(np.full(shape, value, np.uint8), 2, 4)


# -- what is drawn is what is asked for ------------------------------------------------------------


@pytest.mark.parametrize("findings", [0, 1, 2, 4])
def test_findings_are_as_many_as_asked_apart_and_where_the_data_has_them(
    generator: Generator, findings: int
) -> None:
    bank = generator.bank
    assert bank is not None
    layouts = drawn(generator, ["stone"] * 40, findings=findings)
    assert layouts.told.all()
    assert not layouts.maps[:, 0].any(), "no cysts"
    for coverage, labels in zip(layouts.maps[:, 1], label_maps(layouts), strict=True):
        parts, count = ndimage.label(labels, CORNERS)
        assert count == findings
        assert ndimage.label(coverage > 0, CORNERS)[1] == findings
        for y, x in ndimage.center_of_mass(coverage, parts, range(1, count + 1)):
            row, column = (int((place + 0.5) / SIZE * PLACES) for place in (y, x))
            rows, columns = (slice(max(at - 4, 0), at + 5) for at in (row, column))
            near = bank.places[1, rows, columns]
            assert near.any()
        assert not coverage[[0, -1]].any()
        assert not coverage[:, [0, -1]].any()


@pytest.mark.parametrize("low_high", [(2.0, 2.0), (3.0, 6.0), (0.8, 1.2)])
def test_sizes_are_in_the_range_asked_for(
    generator: Generator, low_high: tuple[float, float]
) -> None:
    low, high = low_high
    layouts = drawn(generator, ["stone"] * 60, findings=1, diameters=low_high)
    areas = layouts.maps[:, 1].astype(float).sum((1, 2)) / 255
    diameters = np.sqrt(4 * areas / pi)
    assert diameters.min() > 0.94 * low
    assert diameters.max() < 1.06 * high
    if high > low:
        assert diameters.min() < 1.3 * low, "the whole range"
        assert diameters.max() > high / 1.3
    if low >= 3:
        measured = [blob.diameter * SIZE for one in layouts.maps[:, 1] for blob in blobs(one)]
        assert measured == pytest.approx(diameters.tolist(), rel=0.1)


def test_without_being_asked_findings_follow_the_class(generator: Generator) -> None:
    layouts = drawn(generator, ["stone"] * 60 + ["normal"] * 60)
    counts = np.array([[ndimage.label(m, CORNERS)[1] for m in one] for one in layouts.maps > 0])
    assert counts[:60, 1].tolist() == [2] * 60
    assert 0.1 < (counts[60:, 1] > 0).mean() < 0.4
    assert 0.1 < (counts[:60, 0] > 0).mean() < 0.4


def test_a_layout_is_the_same_alone_and_in_a_batch_and_start_continues(
    generator: Generator,
) -> None:
    labels = ["stone", "normal", "cyst", "stone", "3*cyst+stone"] * 2
    every: tuple[dict[str, Any], ...] = (
        {},
        {"findings": 2, "kind": "stone", "diameters": (2.0, 4.0)},
    )
    for options in every:
        together = drawn(generator, labels, **options)
        later = drawn(generator, labels[4:], start=4, **options)
        assert np.array_equal(later.maps, together.maps[4:])
        images = sample(generator, labels, 7, layouts=together)
        for index, label in enumerate(labels):
            alone = drawn(generator, [label], start=index, **options)
            assert np.array_equal(alone.maps[0], together.maps[index])
            again = sample(generator, [label], 7, start=index, layouts=alone)
            assert np.array_equal(again[0], images[index])
    assert not np.array_equal(drawn(generator, labels, seed=8).maps, drawn(generator, labels).maps)


def test_a_layout_is_part_of_the_image_and_the_drawn_one_is_the_default(
    generator: Generator,
) -> None:
    labels = ["stone"] * 3
    usual = sample(generator, labels, 7)
    assert np.array_equal(usual, sample(generator, labels, 7, layouts=drawn(generator, labels)))
    none = sample(generator, labels, 7, layouts=drawn(generator, labels, findings=0))
    assert not np.array_equal(usual, none)


def test_a_walk_takes_layouts_and_fades_from_one_to_the_next(generator: Generator) -> None:
    labels = ["stone", "stone"]
    ends = drawn(generator, labels, findings=1)
    walk = interpolate(generator, labels, 7, 4, layouts=ends)
    assert np.abs(walk[::4].astype(int) - sample(generator, labels, 7, layouts=ends)).max() <= 1
    assert not np.array_equal(walk, interpolate(generator, labels, 7, 4))


# -- what is refused -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("label", "options", "said"),
    [
        ("stone", {"findings": 7}, "7 findings; allowed are 0 to 6"),
        ("stone", {"findings": -1}, "allowed are 0 to 6"),
        ("stone", {"findings": 1, "kind": "tumor"}, "unknown kind 'tumor'.*cyst, stone"),
        ("stone", {"kind": "stone"}, "Give the number"),
        ("normal", {"findings": 1}, "normal has no kind of findings of its own.*cyst, stone"),
        ("stone", {"diameters": (0.3, 2.0)}, "0.3 to 2 px.*0.6 to 16 px"),
        ("stone", {"diameters": (4.0, 2.0)}, "4 to 2 px"),
        ("stone", {"diameters": (4.0, 20.0)}, "4 to 20 px"),
        ("stone", {"findings": 6, "diameters": (15.0, 15.0)}, "6 findings of that size do not fit"),
        ("stone", {"seed": -1}, "2\\^64"),
    ],
)
def test_what_cannot_be_drawn_is_refused(
    generator: Generator, label: str, options: dict[str, object], said: str
) -> None:
    with pytest.raises(ValueError, match=said):
        drawn(generator, [label], **options)  # type: ignore[arg-type]


def test_a_kind_that_the_data_hardly_has_is_refused() -> None:
    generator = tiny_generator(CLASSES, KINDS)
    assert generator.bank is not None
    generator.bank.sizes[0] = 0
    with pytest.raises(ValueError, match="too few findings of kind cyst"):
        drawn(generator, ["cyst"], findings=1)
    assert drawn(generator, ["cyst"], findings=0).told.all()


def test_a_class_of_which_nothing_is_known_is_told_nothing_until_it_is_asked() -> None:
    generator = tiny_generator(CLASSES, KINDS)
    assert generator.bank is not None
    generator.bank.counts[1] = 0
    assert drawn(generator, ["normal", "stone"]).told.tolist() == [False, True]
    assert drawn(generator, ["normal"], findings=1, kind="stone").told.tolist() == [True]


def test_where_there_is_no_room_the_usual_findings_are_fewer() -> None:
    bank = LayoutBank(1, 1)
    bank.counts[0, 0, 6] = 1
    bank.sizes[0] = torch.tensor([np.log(0.4), 0, 0.4, 0.4])
    bank.places[0, PLACES // 2, PLACES // 2] = 1
    found = bank.draw(torch.ones(1, 1), 32, 0)
    assert ndimage.label(found.maps[0, 0], CORNERS)[1] == 1


def test_a_generator_without_layouts_is_as_before_and_says_so() -> None:
    plain = tiny_generator(CLASSES)
    assert draw_layouts(plain, ["stone"], 7) is None
    with pytest.raises(ValueError, match="trained without findings"):
        draw_layouts(plain, ["stone"], 7, findings=1)
    layouts = layouts_of(np.zeros((1, SIZE, SIZE), np.uint8), 2, SIZE)
    with pytest.raises(ValueError, match="takes no layouts"):
        sample(plain, ["stone"], 7, layouts=layouts)
