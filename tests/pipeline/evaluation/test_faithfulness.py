"""Classes as themselves, and what classifier and detector of real images see in fakes."""

import numpy as np
import pytest
from numpy.typing import NDArray

from model.layouts import Layouts
from pipeline.data.processed import Processed, SplitArrays
from pipeline.evaluation.agreement import agreement
from pipeline.evaluation.class_margin import (
    MATCHED_MOST,
    class_margins,
    matched_grey,
    reference_levels,
    some,
)
from pipeline.evaluation.copying import composition_likeness
from pipeline.evaluation.detector import detected, fit_on
from pipeline.evaluation.image_set import ImageSet
from pipeline.evaluation.record import EvaluateConfig, Evaluation, Figure

Images = NDArray[np.uint8]

SIDE = 32
CLASSES = ("normal", "stone")
CONFIG = EvaluateConfig(gan_test_kimg=4.0, detector_steps=40)


def arrays(seed: int, groups: int, bright: int = 0) -> SplitArrays:
    """Five images of each group; those of class stone have a white square where their map says."""
    rng = np.random.default_rng(seed)
    count = 5 * groups
    labels = (np.arange(count) // 5 % 2).astype(np.int64)
    images = rng.integers(60, 120, (count, SIDE, SIDE)).astype(np.uint8)
    images += (bright * labels)[:, None, None].astype(np.uint8)
    maps = np.zeros((count, 1, SIDE, SIDE), np.uint8)
    for number in np.flatnonzero(labels):
        row, column = rng.integers(4, SIDE - 8, 2)
        images[number, row : row + 4, column : column + 4] = 250
        maps[number, 0, row : row + 4, column : column + 4] = 255
    names = np.array([f"{seed}-{number // 5}" for number in range(count)])
    ids = np.arange(count).astype(str)
    return SplitArrays(images, labels, ids, names, Layouts(maps, np.ones(count, bool)))


@pytest.fixture(scope="module")
def data() -> Processed:
    splits = {"train": arrays(0, 16), "val": arrays(1, 8), "test": arrays(2, 8)}
    return Processed(CLASSES, splits, kinds=("stone",))


def named(figures: list[Figure], metric: str, label: str | None = None) -> Figure:
    (found,) = (one for one in figures if (one.metric, one.label) == (metric, label))
    return found


def test_a_classifier_of_real_images_agrees_with_right_labels_and_not_with_wrong_ones(
    data: Processed,
) -> None:
    made = arrays(3, 8)
    right = named(agreement(made.images, made.labels, data, CONFIG), "gan_test")
    wrong = named(agreement(made.images, 1 - made.labels, data, CONFIG), "gan_test")
    assert right.floor is not None
    assert right.value > 0.9
    assert right.floor > 0.9
    assert wrong.value < 0.1
    assert right.low is not None
    assert right.low < right.value
    off = CONFIG.model_copy(update={"gan_test_kimg": 0.0})
    assert agreement(made.images, made.labels, data, off) == []


def test_classes_are_read_by_findings_where_a_detector_was_trained(data: Processed) -> None:
    made, fitted = arrays(3, 8), fit_on(data, CONFIG)
    brief = CONFIG.model_copy(update={"gan_test_kimg": 0.04})  # one step: it reads nothing
    assert not [
        figure
        for figure in agreement(made.images, made.labels, data, brief)
        if figure.metric == "gan_test_findings"
    ]
    figures = agreement(made.images, made.labels, data, brief, fitted)
    found = named(figures, "gan_test_findings")
    assert found.floor is not None
    assert min(found.value, found.floor) > 0.9
    assert named(figures, "gan_test_findings", "stone").value > 0.9
    swapped = agreement(made.images, 1 - made.labels, data, brief, fitted)
    assert named(swapped, "gan_test_findings").value < 0.1


def test_the_detector_says_where_findings_are_and_whether_they_were_commanded(
    data: Processed,
) -> None:
    fitted = fit_on(data, CONFIG)
    assert fitted is not None
    assert fitted.auc["stone"] > 0.95
    made = arrays(3, 8)
    figures = detected(fitted, made.images, made.labels, data, made.layouts)
    itself = detected(fitted, made.images, made.labels, data, themselves=made.layouts)
    assert named(itself, "stone_made_dice").value == named(figures, "stone_dice").value >= 0
    assert named(figures, "stone_detected_share", "stone").value > 0.9
    assert named(figures, "stone_detected_share", "normal").value < 0.3
    assert named(figures, "stone_hit_rate").value > 0.9
    # The same images, with layouts of others: nothing is where it was commanded.
    assert made.layouts is not None
    others = Layouts(made.layouts.maps[::-1], made.layouts.told)
    wrong = detected(fitted, made.images, made.labels, data, others)
    assert named(wrong, "stone_hit_rate").value < 0.5


def test_findings_of_a_generator_are_told_by_name(data: Processed) -> None:
    """Its kinds need not be those of the data that judge it, nor in their order."""
    fitted, made = fit_on(data, CONFIG), arrays(3, 8)
    assert fitted is not None
    assert made.layouts is not None
    told, stones = made.layouts.told, made.layouts.maps[:, [data.kinds.index("stone")]]
    others = stones[::-1]  # cysts where no stone is

    def hit(kinds: tuple[str, ...], *maps: NDArray[np.uint8]) -> list[Figure]:
        given = Layouts(np.concatenate(maps, 1), told)
        found = detected(fitted, made.images, made.labels, data, given, kinds=kinds)
        return [one for one in found if one.metric == "stone_hit_rate"]

    assert hit(("cyst", "stone"), others, stones)[0].value > 0.9
    assert hit(("stone", "cyst"), stones, others)[0].value > 0.9
    assert hit(("cyst",), others) == []


def test_a_class_without_held_out_images_is_in_neither_value_nor_floor(data: Processed) -> None:
    label = np.where(np.array(data.classes) == "stone", -1, np.arange(len(data.classes)))
    fewer = Processed(
        data.classes, {**data.splits, "test": data.test.rows(label)}, data.kinds, data.view
    )
    made = arrays(3, 8)
    whole, part = (named(agreement(made.images, made.labels, one, CONFIG), "gan_test")
                   for one in (data, fewer))  # fmt: skip
    assert part.n_fake == int((made.labels != data.classes.index("stone")).sum()) < whole.n_fake
    assert part.value > 0.9


def test_without_annotations_or_steps_there_is_no_detector(data: Processed) -> None:
    assert fit_on(data, CONFIG.model_copy(update={"detector_steps": 0})) is None
    bare = {
        name: SplitArrays(one.images, one.labels, one.ids, one.groups)
        for name, one in data.splits.items()
    }
    assert fit_on(Processed(CLASSES, bare), CONFIG) is None


def as_set(split: SplitArrays, features: NDArray[np.float64]) -> ImageSet:
    return ImageSet(np.asarray(split.images), split.labels, split.groups, features)


def test_margins_are_taken_as_drawn_and_with_grey_levels_matched() -> None:
    def looked_at(images: Images, _real: bool = True) -> NDArray[np.float64]:
        """Mean grey level, and the brightest: what brightness changes, and what a stone changes."""
        flat = images.reshape(len(images), -1)
        return np.stack([flat.mean(1) / 10, flat.max(1) / 50], 1)

    sides = [as_set(one, looked_at(one.images)) for one in (arrays(n, 16, 40) for n in range(4))]
    train, test, control, fake = sides
    figures, matrices = class_margins(test, train, control, fake, CONFIG, CLASSES, looked_at)
    assert [one.grey for one in matrices] == ["as drawn", "matched"]
    for name in ("class_margin", "class_margin_matched"):
        assert named(figures, name, "stone").value > 0
    (pair,) = matrices[0].pairs
    assert (pair.first, pair.second, pair.told_apart) == ("normal", "stone", True)
    assert pair.value == pytest.approx(1.0, abs=0.2)
    assert pair.floor == pytest.approx(1.0, abs=0.2)
    assert "class_contrast_matched_normal_stone" in matrices[1].flat()
    assert class_margins(test, train, control, fake, CONFIG, ("any",), looked_at) == ([], ())


def test_matched_images_share_their_grey_levels_and_stay_black_outside() -> None:
    dark, light = (arrays(0, 2, bright).images for bright in (0, 100))
    dark[:, :4] = light[:, :4] = 0
    levels = reference_levels(light)
    made = matched_grey(dark, levels)
    assert (made[:, :4] == 0).all()
    assert abs(float(made[:, 4:].mean()) - float(levels.mean())) < 3
    black = np.zeros((1, SIDE, SIDE), np.uint8)
    np.testing.assert_array_equal(matched_grey(black, levels), black)


def test_some_images_are_the_same_every_time_and_no_more_than_asked_for() -> None:
    side = as_set(arrays(0, 120), np.zeros((600, 1)))
    rows = some(side, CONFIG)
    assert len(rows) == MATCHED_MOST
    np.testing.assert_array_equal(rows, some(side, CONFIG))
    assert np.bincount(side.labels[rows]).tolist() == [120, 120]


def test_layouts_of_other_patients_are_half_and_strange_ones_near_zero() -> None:
    rng = np.random.default_rng(0)
    groups = np.repeat([f"p{number}" for number in range(10)], 8)
    control = rng.normal(0.8, 0.05, 80)
    same = composition_likeness(rng.normal(0.8, 0.05, 200), control, groups, 500)
    assert same.low is not None
    assert same.high is not None
    assert same.low < 0.5 < same.high
    strange = composition_likeness(rng.normal(0.6, 0.05, 200), control, groups, 500)
    assert strange.high is not None
    assert strange.high < 0.1


def test_records_of_before_have_no_matrices() -> None:
    assert Evaluation.model_fields["class_matrices"].default == ()
