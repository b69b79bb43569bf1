"""Distances between classes: exact, blind to a common fault, and wide where little is known."""

import numpy as np
import pytest
from numpy.typing import NDArray

from model.metrics import class_matrix, kernel_distance

Array = NDArray[np.float64]

MIDDLES = np.array([[0.0, 0, 0, 0], [1.2, 0, 0, 0], [0, 1.2, 0, 0]])


def patients(seed: int, groups: int, offset: float = 0.0) -> tuple[Array, list[str], Array]:
    """Features of three classes; patients differ, and a patient's images are alike."""
    rng = np.random.default_rng(seed)
    rows, names, labels = [], [], []
    for label, middle in enumerate(MIDDLES):
        for number in range(groups):
            own = middle + rng.normal(size=4) * 0.3 + offset
            rows.append(own + rng.normal(size=(5, 4)) * 0.5)
            names += [f"{label}-{number}"] * 5
            labels += [label] * 5
    return np.concatenate(rows), names, np.array(labels)


REAL, GROUPS, LABELS = patients(0, 16)
OTHERS, _, ASKED = patients(1, 16)


def test_the_matrix_holds_the_kernel_distance_of_every_two_classes() -> None:
    found = class_matrix(REAL, GROUPS, LABELS, OTHERS, ASKED, 3)
    for row in range(3):
        for column in range(3):
            expected = kernel_distance(REAL[column == LABELS], OTHERS[row == ASKED])
            assert found.distance.value[row, column] == pytest.approx(expected)
    np.testing.assert_array_equal(found.distance.value.argmin(1), range(3))
    assert (found.margin.low > 0).all()
    assert (found.distance.low < found.distance.value).all()


def test_other_patients_show_the_whole_difference_of_two_classes() -> None:
    found = class_matrix(REAL, GROUPS, LABELS, OTHERS, ASKED, 3)
    above = np.triu_indices(3, 1)
    assert (found.contrast.low[above] < 1).all()
    assert (found.contrast.high[above] > 1).all()
    assert (found.contrast.low[above] > 0.5).all()
    assert (found.real.low[above] > 0).all()
    np.testing.assert_allclose(found.contrast.value, found.contrast.value.T)


def test_a_class_drawn_as_another_shows_none_of_it_and_exchanged_ones_the_reverse() -> None:
    drawn = np.concatenate([OTHERS[label == ASKED] for label in (0, 1, 0)])
    found = class_matrix(REAL, GROUPS, LABELS, drawn, ASKED, 3)
    assert found.margin.high[2] < 0
    assert found.nearest[2] == 0
    assert abs(found.contrast.value[0, 2]) < 0.1
    assert found.contrast.high[0, 2] < 0.5
    exchanged = np.concatenate([OTHERS[label == ASKED] for label in (0, 2, 1)])
    assert class_matrix(REAL, GROUPS, LABELS, exchanged, ASKED, 3).contrast.high[1, 2] < -0.5


def test_a_fault_of_all_classes_moves_margins_and_no_contrast() -> None:
    # All images are moved towards class 1, as by a texture that class 1 has more of.
    moved = OTHERS + np.array([0.8, 0, 0, 0])
    found = class_matrix(REAL, GROUPS, LABELS, moved, ASKED, 3)
    assert found.margin.value[0] < 0
    assert found.contrast.low[0, 1] > 0.5


def test_classes_that_are_alike_are_not_told_apart() -> None:
    alike = REAL - MIDDLES[LABELS]
    found = class_matrix(alike, GROUPS, LABELS, OTHERS, ASKED, 3)
    assert (found.real.low[np.triu_indices(3, 1)] < 0).all()


def test_what_cannot_be_computed_is_nan_and_the_rest_stays() -> None:
    few = (LABELS != 2) | (np.array(GROUPS) == "2-0")  # one patient of class 2
    found = class_matrix(
        REAL[few], np.array(GROUPS)[few], LABELS[few], OTHERS[ASKED != 1], ASKED[ASKED != 1], 3
    )
    assert np.isnan(found.real.low[0, 2])
    assert np.isnan(found.distance.value[1]).all()
    assert found.nearest[1] == -1
    assert np.isfinite(found.distance.value[0, 0])
    with pytest.raises(ValueError, match="features must be"):
        class_matrix(REAL, GROUPS, LABELS, OTHERS[:, :2], ASKED, 3)


def test_the_only_group_that_is_mostly_of_a_class_counts() -> None:
    """Such intervals held .31 of the margins of class 0 while that group counted for nothing."""
    rng = np.random.default_rng(1)
    labels = np.repeat([0, 1, 0, 1], [30, 4, 2, 6])
    groups = np.concatenate([np.repeat(np.arange(6), 5), np.arange(4), np.full(8, 6)])
    asked, found = np.repeat([0, 1], 40), []
    for _ in range(120):
        centres = 0.8 * rng.normal(size=(7, 3))[groups]
        real = centres + 0.4 * rng.normal(size=(42, 3)) + labels[:, None]
        fake = rng.normal(size=(80, 3)) + asked[:, None]
        found.append(class_matrix(real, groups, labels, fake, asked, 2).margin)
    mean = np.mean([one.value for one in found], 0)
    held = np.mean([(one.low <= mean) & (mean <= one.high) for one in found], 0)
    assert held[0] > 0.7
    assert held[1] > 0.9


def test_it_leaves_the_intervals_of_other_classes_as_they_are() -> None:
    groups = np.array(GROUPS)
    label = np.where(groups == "2-0", 3, LABELS)
    label[np.flatnonzero(groups == "1-0")[0]] = 3
    found = class_matrix(REAL, groups, label, OTHERS, ASKED, 4).distance
    rest = label != 3
    without = class_matrix(REAL[rest], groups[rest], label[rest], OTHERS, ASKED, 3).distance
    np.testing.assert_allclose(found.low[:3, :3], without.low)
    np.testing.assert_allclose(found.high[:3, :3], without.high)
