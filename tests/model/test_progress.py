"""Losses stay tensors until somebody reads them, and NaN is not read over."""

import pytest
import torch
from torch import Tensor

from model.progress import Record


def _record(*losses: float) -> Record:
    record = Record()
    for step, loss in enumerate(losses):
        report: dict[str, Tensor | float] = {"loss_d": torch.tensor(loss)}
        if step % 2 == 0:
            report["penalty"] = torch.tensor(0.25 + step)
        record.add(report, batch=8)
    return record


def test_numbers_are_those_of_the_tensors_and_means_of_all_steps() -> None:
    record = _record(0.1, 0.3, 0.5)
    assert all(isinstance(one["loss_d"], Tensor) for one in record.window)
    exact = [float(torch.tensor(loss)) for loss in (0.1, 0.3, 0.5)]
    record.settle()
    assert [one["loss_d"] for one in record.window] == exact
    assert [one["penalty"] for one in record.window] == [0.25, 0.25, 2.25]
    record.close_window()
    assert record.history == [{"images_seen": 24.0, "loss_d": sum(exact) / 3, "penalty": 2.75 / 3}]
    assert record.window == [{"loss_d": exact[-1], "penalty": 2.25}]


@pytest.mark.parametrize("bad", [float("nan"), float("inf")])
def test_the_first_bad_number_is_told_with_its_images(bad: float) -> None:
    record = _record(0.1, 0.3)
    record.settle()
    for loss in (0.2, bad, bad, 0.1):
        record.add({"loss_d": torch.tensor(loss)}, batch=8)
    with pytest.raises(FloatingPointError, match="loss_d became NaN or infinite after 32 images"):
        record.close_window()
    assert record.history == [], "no mean of it is kept"
