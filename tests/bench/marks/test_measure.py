"""The benchmark of the watermark on a handful of images."""

import json
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from bench.cli import bench_app
from bench.marks import measure
from bench.marks.measure import JPEG, MARK, NOISE, Marks, measure_marks
from model.families.base import Generator
from pipeline.base.errors import BadInputError
from pipeline.data.processed import SPLITS, Processed, SplitArrays
from tests.support.generators import tiny_generator

CLASSES, COUNT = ("normal", "stone"), 24


def arrays(side: int) -> Processed:
    """Discs of fine texture on black, in pairs of a group."""

    def split(seed: int) -> SplitArrays:
        rng = np.random.default_rng(seed)
        y, x = np.mgrid[:side, :side]
        disc = np.hypot(y - side / 2, x - side / 2) < rng.uniform(0.3, 0.45, (COUNT, 1, 1)) * side
        grey = disc * (120 + rng.normal(0, 12, (COUNT, side, side)))
        names = np.array([f"{seed}-{number}" for number in range(COUNT)])
        groups = np.array([f"{seed}-{number // 2}" for number in range(COUNT)])
        labels = np.arange(COUNT) // 2 % 2
        return SplitArrays(grey.clip(0, 255).astype(np.uint8), labels, names, groups)

    return Processed(CLASSES, {name: split(seed) for seed, name in enumerate(SPLITS)})


@pytest.fixture(scope="module")
def processed() -> Processed:
    return arrays(64)


def test_the_mark_costs_and_survives_and_raises_no_alarm(processed: Processed) -> None:
    whats: set[str] = set()
    found = measure_marks(
        processed, images=20, keys=2, tell=lambda what, _done, _total: whats.add(what)
    )
    assert (found.images, found.size, found.held_out, found.groups) == (20, 64, 24, 12)
    assert [cost.change for cost in found.costs] == [MARK, NOISE, JPEG]
    for cost in found.costs:
        assert cost.difference.value == pytest.approx(cost.distance - found.distance, abs=1e-9)
    mark, noise, _ = found.costs
    assert mark.likeness.psnr is not None
    assert 28 < mark.likeness.psnr < 45
    assert noise.likeness.psnr == pytest.approx(mark.likeness.psnr, abs=1), "as much energy"
    assert (found.alarms.images, found.alarms.keys, found.alarms.found) == (20, 2, 0)
    assert found.alarms.highest < 4.9
    survived = {one.change: one.found for one in found.survivals}
    assert survived["none"] == 20
    assert survived["JPEG of quality 75"] >= 18
    assert survived["mirrored"] == 0
    assert {"marking", "features", "changing marked images"} <= whats


def test_a_generator_draws_what_is_marked(processed: Processed, tmp_path: Path) -> None:
    found = measure_marks(processed, tiny_generator(CLASSES, size=64), images=20, keys=1)
    assert found.source == "images that the generator drew"
    assert found.images == 20


@pytest.mark.parametrize(
    ("side", "generator", "says"),
    [
        (32, None, "give --size 64 or more"),
        (64, tiny_generator(CLASSES), "give the data that it was trained on"),
        (64, tiny_generator(("cyst", "stone"), size=64), "give the data that it was trained on"),
    ],
)
def test_what_cannot_be_measured_is_refused(
    side: int, generator: Generator | None, says: str
) -> None:
    with pytest.raises(BadInputError, match=says):
        measure_marks(arrays(side), generator, images=20, keys=1)


def test_the_command_prints_json_or_tables(
    processed: Processed, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    processed.save(tmp_path)
    asked = ["marks", "--data", str(tmp_path), "--images", "20", "--keys", "1"]
    result = CliRunner().invoke(bench_app, [*asked, "--json"])
    assert result.exit_code == 0, result.output
    found = Marks.model_validate_json(json.dumps(json.loads(result.stdout)))
    assert found.source == "training images"
    monkeypatch.setattr(measure, "measure_marks", lambda *_, **__: found)
    result = CliRunner().invoke(bench_app, asked)
    assert result.exit_code == 0, result.output
    for words in ("what it costs", "watermark", "false alarms", "found after", "mirrored"):
        assert words in result.stdout
    result = CliRunner().invoke(bench_app, [*asked, "--models", str(tmp_path)])
    assert isinstance(result.exception, BadInputError)
