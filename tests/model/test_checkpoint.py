from pathlib import Path

import numpy as np
import pytest
import torch

from model.checkpoint import Checkpoints, fingerprint
from model.config import TrainConfig

STATE = {"weights": torch.arange(3.0), "seen": 3, "rows": [{"loss": 0.1}]}


def test_a_state_comes_back(tmp_path: Path) -> None:
    kept = Checkpoints(tmp_path / "new", "key")
    assert kept.load() is None
    kept.save(10, STATE)
    loaded = kept.load()
    assert loaded is not None
    assert torch.equal(loaded["weights"], STATE["weights"])  # type: ignore[arg-type]
    assert loaded["rows"] == STATE["rows"]


def test_only_the_newest_two_are_kept(tmp_path: Path) -> None:
    kept = Checkpoints(tmp_path, "key")
    for seen in (5, 1000, 20, 100_000):
        kept.save(seen, STATE | {"seen": seen})
    assert [file.name for file in kept.files()] == [
        "checkpoint-000000001000.pt",
        "checkpoint-000000100000.pt",
    ]
    kept.clear()
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("damage", ["truncated", "empty", "flipped"])
def test_a_damaged_one_gives_way_to_the_one_before(tmp_path: Path, damage: str) -> None:
    kept = Checkpoints(tmp_path, "key")
    kept.save(10, STATE | {"seen": 10})
    newest = kept.save(20, STATE | {"seen": 20})
    data = bytearray(newest.read_bytes())
    data[len(data) // 2] ^= 1
    half = data[: len(data) // 2]
    newest.write_bytes(bytes({"truncated": half, "empty": b"", "flipped": data}[damage]))
    with pytest.warns(UserWarning, match="damaged"):
        loaded = kept.load()
    assert loaded is not None
    assert loaded["seen"] == 10


def test_another_trainings_is_refused(tmp_path: Path) -> None:
    Checkpoints(tmp_path, "one").save(10, STATE)
    with pytest.raises(ValueError, match="another training"):
        Checkpoints(tmp_path, "two").load()


def test_the_fingerprint_changes_with_each_thing_that_decides_the_result() -> None:
    images, labels = np.zeros((2, 8, 8), np.uint8), np.array([0, 1])
    brighter = images + np.uint8(1)
    config = TrainConfig()
    keys = {
        fingerprint(images, labels, ("a", "b"), config),
        fingerprint(brighter, labels, ("a", "b"), config),
        fingerprint(images, labels[::-1], ("a", "b"), config),
        fingerprint(images, labels, ("a", "c"), config),
        fingerprint(images, labels, ("a", "b"), TrainConfig(seed=1)),
    }
    assert len(keys) == 5
    assert fingerprint(images.copy(), labels, ["a", "b"], TrainConfig()) in keys
