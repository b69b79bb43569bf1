from pathlib import Path

import pytest

from bench.enlarge import measure
from bench.enlarge.measure import FAMILIES, measure_enlargers
from bench.enlarge.table import enlarged_table, robust_table
from model.config import TrainConfig
from pipeline.base.terminal import Terminal
from pipeline.data.processed import Processed
from tests.pipeline.stages.test_enlarging import CONFIG, TINY, split


def tiny(given: dict[str, object]) -> TrainConfig:
    return TINY.model_copy(update={"family": given["family"]})


def test_each_family_has_a_row_beside_bicubics(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    processed = tmp_path / "processed"
    splits = {"train": split(6, 0), "val": split(2, 1), "test": split(6, 2)}
    Processed(("cyst", "stone"), splits).save(processed)
    monkeypatch.setattr(measure, "EvaluateConfig", lambda: CONFIG)
    monkeypatch.setattr(TrainConfig, "model_validate", tiny)
    found = measure_enlargers(
        processed, ("enlarge_multipath",), 4, 0.08, tmp_path, lambda _, __: None, noise=(0.0, 8.0)
    )
    assert FAMILIES == ("enlarge_multipath", "enlarge_se")
    assert found[0].images_seen == 80
    assert set(found[0].robust) == {"told", "not_told", "bicubic"}
    Terminal(width=160).print(enlarged_table(found))
    Terminal(width=160).print(robust_table(found, (0.0, 8.0)))
    printed = capsys.readouterr().out
    assert "x4 to 32 px, 24 test images of 6 groups" in printed
    assert "enlarge_multipath, not told" in printed
    assert printed.count("bicubic") == 2
