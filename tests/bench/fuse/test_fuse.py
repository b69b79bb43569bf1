from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from bench.fuse import measure
from bench.fuse.measure import FAMILIES, measure_fusers, phantom_pairs
from bench.fuse.table import fused_table
from model.config import TrainConfig
from pipeline.base.terminal import Terminal
from tests.model.families.test_families import config_of


def test_each_family_has_a_row_beside_the_rules(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def tiny(given: dict[str, str]) -> TrainConfig:
        changes = {"kimg": 0.08, "precision": "float32", "threads": 1, "snapshots": 1}
        return config_of(given["family"]).model_copy(update=changes)

    monkeypatch.setattr(TrainConfig, "model_validate", tiny)
    monkeypatch.setattr(measure, "SLICES", 1)
    monkeypatch.setattr(measure, "VAL", 1)
    monkeypatch.setattr(measure, "TEST", 5)
    assert FAMILIES == ("fuse_difference", "fuse_two_critics")
    scored = list[int]()
    rule = measure.RULES["pyramid"]

    def counted(pairs: NDArray[np.uint8]) -> NDArray[np.uint8]:
        scored.append(len(pairs))
        return rule(pairs)

    monkeypatch.setitem(measure.RULES, "pyramid", counted)
    found = measure_fusers("windows", FAMILIES, 64, 2, 0.08, 0, tmp_path, lambda _, __: None)
    assert scored == [20], "once, whatever the families"
    assert found.images_seen == 80
    assert list(found.rivals) == [
        "first alone", "second alone", "average", "maximum", "pyramid"
    ]  # fmt: skip
    Terminal(width=200).print(fused_table(found))
    printed = capsys.readouterr().out
    assert "windows, 64 px, 20 test pairs of 20 phantom patients" in printed
    assert all(family in printed for family in FAMILIES)
    with Image.open(tmp_path / "fuse_difference" / "pairs.png") as image:
        assert image.height > image.width * 0.9


def test_no_patient_is_in_two_splits() -> None:
    data = phantom_pairs("noise", 64, 1, 0)
    groups = [set(split.groups) for split in data.splits.values()]
    assert not groups[0] & groups[1]
    assert not groups[1] & groups[2]
    assert len(set.union(*groups)) == sum(map(len, groups))
