"""Edits in W: classes, SeFa's directions, findings on the way to another class, refusals."""

import numpy as np
import pytest
import torch

from model.editing import class_direction, edit, sefa_direction, sefa_directions
from model.families.styled import StyledGenerator
from model.layouts import Layouts
from model.sampling import draw_layouts, sample
from tests.support.generators import tiny_generator

CLASSES = ("cyst", "stone")


@pytest.fixture(scope="module")
def generator() -> StyledGenerator:
    return _styled()


@pytest.fixture(scope="module")
def laid_out() -> StyledGenerator:
    return _styled(CLASSES)


def _styled(kinds: tuple[str, ...] = ()) -> StyledGenerator:
    generator = tiny_generator(CLASSES, kinds, family="style")
    assert isinstance(generator, StyledGenerator)
    return generator


def test_an_amount_of_nothing_is_the_image_itself(generator: StyledGenerator) -> None:
    labels = ["cyst", "stone", "cyst+stone"]
    images = sample(generator, labels, 7)
    assert np.array_equal(edit(generator, labels, 7, 0.0, towards="stone"), images)
    assert np.array_equal(edit(generator, labels, 7, 0.0, direction=3), images)
    later = edit(generator, labels[1:], 7, 0.0, direction=3, start=1, truncation=0.5)
    assert np.array_equal(later, sample(generator, labels[1:], 7, start=1, truncation=0.5))


def test_an_edit_moves_images_and_each_stands_alone(generator: StyledGenerator) -> None:
    moved = edit(generator, ["cyst"] * 3, 7, 1.0, towards="stone")
    assert not np.array_equal(moved, sample(generator, ["cyst"] * 3, 7))
    alone = edit(generator, ["cyst"], 7, 1.0, towards="stone", start=2)
    assert np.array_equal(moved[2:], alone)
    assert np.array_equal(
        edit(generator, ["cyst"] * 3, 7, 1.0, towards="cyst"), sample(generator, ["cyst"] * 3, 7)
    )


def test_without_variety_a_whole_step_is_the_other_class(generator: StyledGenerator) -> None:
    moved = edit(generator, ["cyst"], 7, 1.0, towards="stone", truncation=0.0)
    other = sample(generator, ["stone"], 7, truncation=0.0)
    assert np.abs(moved.astype(int) - other).max() <= 1


def test_class_directions_are_between_means(generator: StyledGenerator) -> None:
    there, back = (class_direction(generator, *pair) for pair in (CLASSES, CLASSES[::-1]))
    assert torch.equal(there, -back)
    assert torch.equal(there, generator.means[1] - generator.means[0])
    assert not class_direction(generator, "cyst", "cyst").any()


def test_directions_of_sefa_are_those_that_move_the_scales_most(generator: StyledGenerator) -> None:
    directions = sefa_directions(generator)
    weights = generator.modulation()
    torch.testing.assert_close(directions @ directions.T, torch.eye(16), atol=1e-5, rtol=0)
    strength = (weights @ directions.T).norm(dim=0)
    assert (strength.diff() < 1e-4).all()
    values = torch.linalg.svdvals(weights)
    torch.testing.assert_close(strength, values, rtol=1e-3, atol=1e-3)
    assert torch.equal(directions, sefa_directions(generator))
    assert (directions.gather(1, directions.abs().argmax(1, keepdim=True)) > 0).all()
    step = sefa_direction(generator, 0)
    torch.testing.assert_close(step / step.norm(), directions[0])


def test_findings_fade_on_the_way_to_another_class(laid_out: StyledGenerator) -> None:
    there = draw_layouts(laid_out, ["stone"], 7)
    assert there is not None
    stay = edit(laid_out, ["cyst"], 7, 1.0, towards="stone", layouts=there)
    assert np.array_equal(edit(laid_out, ["cyst"], 7, 1.0, towards="stone"), stay)
    half = edit(laid_out, ["cyst"], 7, 0.5, towards="stone")
    assert not np.array_equal(
        half, edit(laid_out, ["cyst"], 7, 0.5, towards="stone", layouts=there)
    )
    before = sample(laid_out, ["cyst"], 7)
    assert np.array_equal(edit(laid_out, ["cyst"], 7, 0.0, towards="stone"), before)


def test_what_cannot_be_edited_is_refused(generator: StyledGenerator) -> None:
    with pytest.raises(ValueError, match=r"its family, rpgan, .* choose a version of style"):
        edit(tiny_generator(CLASSES), ["cyst"], 7, 0.5, towards="stone")
    with pytest.raises(ValueError, match="unknown class lung"):
        edit(generator, ["cyst"], 7, 0.5, towards="lung")
    with pytest.raises(ValueError, match="direction is 16; allowed are 0 to 15"):
        edit(generator, ["cyst"], 7, 0.5, direction=16)
    for both in ({}, {"towards": "stone", "direction": 1}):
        with pytest.raises(ValueError, match="give one of both"):
            edit(generator, ["cyst"], 7, 0.5, **both)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="amount is nan"):
        edit(generator, ["cyst"], 7, float("nan"), direction=0)
    layouts = Layouts(np.zeros((1, 1, 32, 32), np.uint8), np.ones(1, bool))
    with pytest.raises(ValueError, match="takes no layouts"):
        edit(generator, ["cyst"], 7, 1.0, direction=0, layouts=layouts)
