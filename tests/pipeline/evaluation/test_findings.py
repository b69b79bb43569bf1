"""Stones and cysts in generated phantoms, compared with phantoms of known truth."""

import functools

import numpy as np
import pytest

from model.layouts import Layouts
from pipeline.data.square import PreprocessConfig, to_square
from pipeline.evaluation import findings as module
from pipeline.evaluation.findings import drawn_spots, findings
from pipeline.phantoms import phantom_study, recovered
from pipeline.phantoms.phantom_study import CLASSES
from tests.support.read_once import recover_once

make_patient = functools.cache(phantom_study.make_patient)


@pytest.fixture(autouse=True)
def _each_slice_is_made_and_read_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """The held-out patients are the same in every comparison."""
    monkeypatch.setattr(module, "make_patient", make_patient)
    monkeypatch.setattr(recovered, "recover", recover_once)


def test_phantoms_of_another_seed_reach_the_floor_and_empty_kidneys_do_not() -> None:
    stone, normal = CLASSES.index("stone"), CLASSES.index("normal")
    slices = {
        label: [
            to_square(make_patient(CLASSES[label], number, 77)[2][0], PreprocessConfig(size=64))
            for number in range(20)
        ]
        for label in (stone, normal)
    }
    images = np.stack(slices[stone] + slices[normal])
    labels = np.repeat([stone, normal], 20)
    wrong = np.repeat([normal, stone], 20)  # stones where none belong, and none where they do

    def share(which: np.ndarray, name: str) -> tuple[float, float]:
        classes = tuple(name if name in ("stone", "normal") else "other" for name in CLASSES)
        (figure,) = (
            one
            for one in findings(images, which, classes)
            if (one.metric, one.label) == ("stone_prevalence", name)
        )
        assert figure.floor is not None
        return figure.value, figure.floor

    value, floor = share(labels, "stone")
    assert abs(value - floor) < 0.2
    assert floor > 0.8
    value, floor = share(wrong, "stone")
    assert floor - value > 0.6
    value, floor = share(wrong, "normal")
    assert value - floor > 0.6


def test_maps_that_were_made_are_compared_with_what_the_images_show() -> None:
    square = PreprocessConfig(size=64)
    images = np.stack(
        [to_square(make_patient("stone", number, 77)[2][0], square) for number in range(8)]
    )
    labels, kinds = np.zeros(8, np.int64), ("stone", "tumor")
    there = Layouts(drawn_spots(recover_once(images), kinds, 64), np.ones(8, np.bool_))
    elsewhere = Layouts(there.maps[:, :, ::-1].copy(), there.told)

    def dice(made: Layouts) -> tuple[float, float]:
        (figure,) = (
            one
            for one in findings(images, labels, ("stone",), kinds=kinds, made=made)
            if one.metric == "stone_made_dice"
        )
        assert (figure.protocol, figure.label) == ("stone_made_dice_phantom_rule", None)
        assert figure.floor is not None
        assert figure.low is not None
        return figure.value, figure.floor

    value, floor = dice(there)
    assert value == 1.0
    assert 0.2 < floor < 1.0
    assert dice(elsewhere)[0] < 0.2
