"""The detector learns where findings are, rare and small ones too, and says what it cannot use."""

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from model.detector import Detector, Fitting, detect, finding_loss, fit_detector

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


def phantoms(seed: int, count: int) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """Two white bones in each image; one in three also has a stone as white, one in three a tumor.

    Kinds are stone, 2 x 2 pixels, and tumor, 9 x 9 and grey.
    """
    side, rng = 32, np.random.default_rng(seed)
    images = rng.integers(60, 120, (count, side, side)).astype(np.uint8)
    maps = np.zeros((count, 2, side, side), np.uint8)
    for number in range(count):
        for column in (rng.integers(0, 8), rng.integers(18, 24)):
            row = rng.integers(0, side - 6)
            images[number, row : row + 6, column : column + 5] = 250
        if number % 3 < 2:
            size, grey = ((2, 250), (9, 170))[number % 3]
            row, column = rng.integers(4, side - 12, 2)
            images[number, row : row + size, column : column + size] = grey
            maps[number, number % 3, row : row + size, column : column + size] = 255
    return images, maps


def test_small_findings_are_learned_among_bones_as_bright_and_beside_large_ones() -> None:
    # By 1 - Dice, all probabilities of a stone are still below 0.1 after so few steps.
    network = fit_detector(*phantoms(0, 120), Fitting(steps=40))
    images, maps = phantoms(1, 60)
    found = detect(network, images)[:, 0] > 0.5
    truth = maps[:, 0] > 0
    assert 2 * (found & truth).sum() / (found.sum() + truth.sum()) > 0.3
    assert found[::3].any((1, 2)).mean() > 0.7
    assert found[1::3].any((1, 2)).mean() < 0.3


def test_a_missed_finding_weighs_as_much_when_it_is_small() -> None:
    logits = torch.full((2, 2, 16, 16), -6.0, requires_grad=True)
    maps = torch.zeros(2, 2, 16, 16)
    maps[0, 0, 4:6, 4:6] = 1
    maps[1, 1, 2:14, 2:14] = 1
    (pull,) = torch.autograd.grad(finding_loss(logits, maps), logits)
    small, large = (-(pull * maps).sum((0, 2, 3))).tolist()
    assert small == pytest.approx(large, rel=0.3)
    assert small > 0.4, "half of the loss, since there are two kinds"


def test_a_kind_that_a_batch_does_not_show_counts_in_the_cross_entropy_alone() -> None:
    logits, maps = torch.full((2, 2, 8, 8), -3.0), torch.zeros(2, 2, 8, 8)
    maps[0, 0, 2:4, 2:4] = 1
    cross_entropy = torch.nn.functional.binary_cross_entropy_with_logits(logits, maps)
    one = finding_loss(logits[:, :1], maps[:, :1])
    alone = torch.nn.functional.binary_cross_entropy_with_logits(logits[:, :1], maps[:, :1])
    torch.testing.assert_close(finding_loss(logits, maps) - cross_entropy, one - alone)
    empty = torch.zeros(2, 2, 8, 8)
    expected = torch.nn.functional.binary_cross_entropy_with_logits(logits, empty)
    torch.testing.assert_close(finding_loss(logits, empty), expected)


def test_the_network_is_small_and_takes_images_that_are_not_square() -> None:
    network = Detector(3)
    assert sum(one.numel() for one in network.parameters()) < 100_000
    assert network(torch.zeros(2, 1, 64, 48)).shape == (2, 3, 64, 48)


def test_wrong_shapes_and_bare_images_are_refused() -> None:
    images, maps = spots(0, 4)
    with pytest.raises(ValueError, match="multiple of 8"):
        fit_detector(images[:2], maps, Fitting(1))
    with pytest.raises(ValueError, match="no image has a finding"):
        fit_detector(images, np.zeros_like(maps), Fitting(1))
