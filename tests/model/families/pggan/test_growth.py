"""The schedule of growth, and real images reduced as the networks make theirs."""

from itertools import pairwise

import pytest
import torch

from model.families.pggan.growth import enlarged, growth_at, reduced, stage_of


def test_growth_is_held_and_faded_in_turn_and_ends_at_full_size() -> None:
    # Four stages: 8 px held, 16 faded in and held, 32 and 64 likewise; six parts in all.
    grown = [growth_at(part / 12, 4, 0.5) for part in range(7)]
    assert grown == pytest.approx([0, 0, 1, 1, 2, 2, 3])
    assert growth_at(1.5 / 12, 4, 0.5) == pytest.approx(0.5)
    assert growth_at(0.9, 4, 0.5) == growth_at(1.0, 4, 1.0) == 3
    steps = [growth_at(step / 1000, 4, 0.7) for step in range(1001)]
    assert all(before <= after for before, after in pairwise(steps))


def test_a_stage_is_faded_in() -> None:
    assert stage_of(0.0) == (0, 1.0)
    assert stage_of(1.25) == (2, 0.25)
    assert stage_of(2.0) == (2, 1.0)


def test_real_images_are_reduced_and_faded_like_made_ones() -> None:
    images = torch.rand(2, 3, 32, 32, generator=torch.Generator().manual_seed(0))
    assert torch.equal(reduced(images, 2.0), images)
    whole, coarse = reduced(images, 1.0), reduced(images, 0.0)
    assert (whole.shape[-1], coarse.shape[-1]) == (16, 8)
    between = reduced(images, 0.25)
    torch.testing.assert_close(between, 0.75 * enlarged(coarse) + 0.25 * whole)
    torch.testing.assert_close(between.mean(), images.mean())
