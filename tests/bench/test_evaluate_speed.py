"""The evaluation benchmark on a handful of images: what it measures and how it is told."""

import json
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from bench import evaluate_speed
from bench.cli import bench_app
from bench.evaluate_speed import EvaluateSpeed, time_evaluation, time_extraction
from pipeline.data.processed import SPLITS, Processed, SplitArrays

SIDE = 32


def arrays(count: int) -> Processed:
    """Discs on grey noise, as many in each split."""

    def split(seed: int) -> SplitArrays:
        rng = np.random.default_rng(seed)
        y, x = np.mgrid[:SIDE, :SIDE]
        radius = rng.uniform(6, 14, (count, 1, 1))
        discs = 150.0 * (np.hypot(y - 16, x - 16) < radius) + rng.normal(40, 5, (count, SIDE, SIDE))
        images = discs.clip(0, 255).astype(np.uint8)
        names = np.array([f"{seed}-{i}" for i in range(count)])
        return SplitArrays(images, np.arange(count) % 2, names, names)

    splits = {name: split(seed) for seed, name in enumerate(SPLITS)}
    return Processed(("normal", "stone"), splits)


@pytest.fixture(scope="module")
def processed() -> Processed:
    return arrays(48)


def test_both_loops_give_the_same_numbers_and_their_speeds(processed: Processed) -> None:
    images = processed.train.images[:10].copy()
    images[5:] = 255 - images[5:]
    told: list[int] = []
    found = time_extraction(images, 2, lambda _what, done, _total: told.append(done))
    assert found.images == 10
    assert found.way == "fast"
    assert 0 < found.greatest_difference < 1e-4
    assert found.ratio == pytest.approx(found.ours / found.plain)
    assert found.distance_ours == pytest.approx(found.distance_plain, rel=1e-3)
    assert found.distance_ours > 0.1, "an image and its negative are far apart"
    assert told == [0, 1]


def test_the_second_evaluation_finds_the_real_images_features(processed: Processed) -> None:
    whats: list[str] = []
    found = time_evaluation(processed, 60, lambda what, _done, _total: whats.append(what))
    assert (found.fakes, found.real) == (60, 96)
    # 48 test images in batches of 4 when cold, one word when kept.
    assert whats.count("test features") == 12 + 1
    assert found.cached < found.cold


def test_the_command_prints_json_for_machines_and_a_table_for_people(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    arrays(20).save(tmp_path)  # an evaluation takes no fewer
    asked = ["evaluate", "--data", str(tmp_path), "--size", str(SIDE)]
    less = ["--images", "8", "--fakes", "60"]
    result = CliRunner().invoke(bench_app, [*asked, *less, "--json"])
    assert result.exit_code == 0, result.output
    found = json.loads(result.stdout)
    assert found["processor"]
    assert found["extraction"]["images"] == 8
    assert (found["whole"]["fakes"], found["whole"]["real"]) == (60, 40)
    measured = EvaluateSpeed.model_validate_json(result.stdout)
    monkeypatch.setattr(evaluate_speed, "evaluate_speed", lambda *_: measured)
    result = CliRunner().invoke(bench_app, [*asked, *less])
    assert result.exit_code == 0, result.output
    for word in ("plain loop", "medloom", "kernel distance", "nothing kept"):
        assert word in result.stdout
