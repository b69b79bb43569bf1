"""The detector learns where bright spots are, and refuses what it cannot learn from."""

import numpy as np
import pytest
from numpy.typing import NDArray

from model.detector import Fitting, detect, fit_detector

SIDE = 16


def spots(seed: int, count: int) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """Grey noise; every second image has a bright square, which its map shows."""
    rng = np.random.default_rng(seed)
    images = rng.integers(60, 120, (count, SIDE, SIDE)).astype(np.uint8)
    maps = np.zeros((count, 1, SIDE, SIDE), np.uint8)
    for number in range(0, count, 2):
        row, column = rng.integers(3, SIDE - 5, 2)
        images[number, row : row + 2, column : column + 2] = 250
        maps[number, 0, row : row + 2, column : column + 2] = 255
    return images, maps


def test_it_finds_spots_in_images_that_it_has_not_seen_and_is_repeatable() -> None:
    fitting = Fitting(steps=60)
    network = fit_detector(*spots(0, 40), fitting)
    images, maps = spots(1, 20)
    found = detect(network, images)
    assert found.shape == (20, 1, SIDE, SIDE)
    highest = found.max((1, 2, 3))
    assert highest[::2].min() > highest[1::2].max()
    shown = found[::2, 0].reshape(10, -1).argmax(1)
    assert (maps[::2, 0].reshape(10, -1)[np.arange(10), shown] == 255).mean() >= 0.9
    again = detect(fit_detector(*spots(0, 40), Fitting(steps=3)), images)
    np.testing.assert_array_equal(again, detect(fit_detector(*spots(0, 40), Fitting(3)), images))


def test_wrong_shapes_and_bare_images_are_refused() -> None:
    images, maps = spots(0, 4)
    with pytest.raises(ValueError, match="multiple of 4"):
        fit_detector(images[:2], maps, Fitting(1))
    with pytest.raises(ValueError, match="no image has a finding"):
        fit_detector(images, np.zeros_like(maps), Fitting(1))
