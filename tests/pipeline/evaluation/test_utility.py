"""Utility of a generator: off by default; a record and a picture when enabled."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from model.utility.config import UtilityConfig
from pipeline.base.errors import BadInputError
from pipeline.data.processed import Processed, SplitArrays
from pipeline.evaluation.utility import UTILITY_PICTURE, measure_utility

ONCE = UtilityConfig(
    minutes=10.0,
    seeds=(0, 1),
    shares=(1.0,),
    ratios=(1.0,),
    kimg=0.08,
    synthetic=20,
    resamples=200,
)


def arrays(split: str) -> SplitArrays:
    labels = np.repeat([0, 1], 12)
    images = np.random.default_rng(len(split)).integers(0, 255, (24, 32, 32), dtype=np.uint8)
    groups = np.array([f"{split}-{place // 3}" for place in range(24)])
    return SplitArrays(images, labels, np.arange(24).astype(str), groups)


@pytest.fixture
def processed(tmp_path: Path) -> Processed:
    """Loaded as by the stage: from disk, with memory-mapped images."""
    splits = {split: arrays(split) for split in ("train", "val", "test")}
    Processed(("cyst", "stone"), splits).save(tmp_path / "processed")
    return Processed.load(tmp_path / "processed")


def noise(names: Sequence[str], seed: int) -> NDArray[np.uint8]:
    return np.random.default_rng(seed).integers(0, 255, (len(names), 32, 32), dtype=np.uint8)


def test_a_record_and_a_picture(processed: Processed, tmp_path: Path) -> None:
    told: list[tuple[str, int, int]] = []
    out = tmp_path / "reports"
    found = measure_utility(processed, noise, ONCE, out, lambda *at: told.append(at))
    assert found is not None
    assert [score.arm.kind for score in found.arms] == ["real", "classic", "synthetic", "mixed"]
    assert (found.n_train, found.n_test, found.test_groups) == (24, 24, 8)
    assert told[-1] == ("utility fits", 8, 8)
    assert (out / UTILITY_PICTURE).stat().st_size > 5000


def test_without_minutes_nothing_is_run_or_written(processed: Processed, tmp_path: Path) -> None:
    def never(names: Sequence[str], seed: int) -> NDArray[np.uint8]:
        raise AssertionError("drawn from")

    assert measure_utility(processed, never, UtilityConfig(), tmp_path / "reports") is None
    assert not (tmp_path / "reports").exists()


def test_unmeasurable_data_are_refused_with_the_reason(
    processed: Processed, tmp_path: Path
) -> None:
    def small(names: Sequence[str], seed: int) -> NDArray[np.uint8]:
        return noise(names, seed)[:, :16, :16]

    with pytest.raises(BadInputError, match=r"cannot measure utility: generated images are \(16"):
        measure_utility(processed, small, ONCE, tmp_path)
