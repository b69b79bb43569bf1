"""The examples of docs/library.md run, in a folder of their own."""

import os
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from tests.support.generators import SIZE, save_tiny_generator

ROOT = Path(__file__).resolve().parents[2]


def example_with(call: str) -> str:
    blocks = re.findall(
        r"```python\n(.*?)```", (ROOT / "docs" / "library.md").read_text(), re.DOTALL
    )
    (example,) = (block for block in blocks if call in block)
    return str(example)


def test_the_example_of_the_docs_runs(tmp_path: Path) -> None:
    example = example_with("fit(")
    assert len(example.strip().splitlines()) <= 10
    small = 'precision="float32", recipe={"batch": 8, "latent": 8, "widths": (12, 8, 8, 8)}'
    short, found = re.subn(r"budget_minutes=\d+", f"budget_minutes=0.01, {small}", example)
    assert found == 1
    rng = np.random.default_rng(0)
    np.save(tmp_path / "images.npy", rng.integers(0, 256, (40, 64, 64), dtype=np.uint8))
    np.save(tmp_path / "labels.npy", np.arange(40) % 2)
    code = short + "\nassert stones.shape == (16, 64, 64), stones.shape\n"
    subprocess.run(
        [sys.executable, "-c", code],
        cwd=tmp_path,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        check=True,
        timeout=120,
    )


def test_the_example_of_findings_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    save_tiny_generator(tmp_path / "generator", ("cyst", "stone"), ("cyst", "stone"))
    monkeypatch.chdir(tmp_path)
    found: dict[str, np.ndarray[tuple[int, ...], np.dtype[np.uint8]]] = {}
    exec(example_with("draw_layouts("), found)
    for name in ("images", "masks", "again"):
        assert found[name].dtype == np.uint8
        assert found[name].shape == (8, SIZE, SIZE)
    assert set(found["masks"].ravel().tolist()) == {0, 2}
