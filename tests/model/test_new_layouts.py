import numpy as np
import pytest
import torch
from torch import Tensor

from model.families.new_layouts import OF_A_CLASS, NewLayouts
from model.layout_bank import LayoutBank, given
from model.layouts import Layouts
from model.parallel import Draws, Shard

SIDE, CPU = 32, torch.device("cpu")


@pytest.fixture(scope="module")
def bank() -> LayoutBank:
    """Images of class 1 have two findings; nothing is known of class 0."""
    bank = LayoutBank(2, 1)
    bank.counts[1, 0, 2] = 1
    bank.sizes[0] = torch.tensor([np.log(0.1), 0, 0.1, 0.1])
    bank.places[0] = 1
    return bank


def mixed(bank: LayoutBank, labels: Tensor, share: float) -> tuple[Tensor, Tensor]:
    own = Layouts(np.full((len(labels), 1, SIDE, SIDE), 51, np.uint8), np.ones(len(labels), bool))
    before = given(own)
    draws = Draws(torch.Generator().manual_seed(0), Shard(), CPU)
    return before, NewLayouts.drawn(bank, SIDE, 3, CPU).mixed(before, labels, share, draws)


def replaced(before: Tensor, after: Tensor) -> Tensor:
    return (before != after).flatten(1).any(1)


@pytest.mark.parametrize("share", [0.0, 0.5, 1.0])
def test_a_share_is_replaced_by_layouts_of_the_bank(bank: LayoutBank, share: float) -> None:
    labels = torch.ones(200, dtype=torch.int64)
    before, after = mixed(bank, labels, share)
    new = replaced(before, after)
    assert new.float().mean() == pytest.approx(share, abs=0.1 if share == 0.5 else 0)
    drawn = given(bank.draw(torch.eye(2)[[1] * OF_A_CLASS], SIDE, 3, start=OF_A_CLASS))
    assert all((one == drawn).flatten(1).all(1).any() for one in after[new])
    assert len({one.numpy().tobytes() for one in after[new]}) >= 0.5 * share * OF_A_CLASS


def test_a_class_of_which_nothing_is_known_keeps_its_own(bank: LayoutBank) -> None:
    labels = torch.arange(40) % 2
    before, after = mixed(bank, labels, 1.0)
    assert torch.equal(replaced(before, after), labels == 1)
