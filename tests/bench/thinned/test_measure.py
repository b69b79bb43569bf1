"""A class is thinned by groups, and filled up by repeats or by a generator that saw no more."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from typer.testing import CliRunner

from bench.cli import bench_app
from bench.thinned import measure
from bench.thinned.measure import ALONE, GENERATED, REPEATED, Thinned, measure_thinned, thinned
from bench.thinned.table import thinned_table
from model.config import TrainConfig
from model.families.base import Generator
from model.utility.config import UtilityConfig
from pipeline.base.errors import BadInputError
from pipeline.data.processed import Processed, SplitArrays
from pipeline.stages.train import train
from tests.support.generators import tiny_generator
from tests.support.terminals import shown_at_80

CLASSES, SIDE = ("normal", "stone"), 32
TINY = TrainConfig.model_validate(
    {
        "family": "style",
        "kimg": 0.008,
        "snapshots": 1,
        "precision": "float32",
        "threads": 1,
        "recipe": {"widths": (8, 8, 8, 8), "latent": 8, "batch": 8},
    }
)
QUICK = UtilityConfig(kimg=1.6, resamples=200)


def pictures(stones: np.ndarray, seed: int) -> np.ndarray:
    """Grey texture; a bright square somewhere where there is a stone."""
    rng = np.random.default_rng(seed)
    images = rng.integers(60, 100, (len(stones), SIDE, SIDE)).astype(np.uint8)
    corners = rng.integers(2, 22, (len(stones), 2))
    for image, stone, (x, y) in zip(images, stones, corners, strict=True):
        if stone:
            image[y : y + 8, x : x + 8] = 255
    return images


def split(normal: int, stone: int, seed: int) -> SplitArrays:
    """Groups of two images each."""
    labels = np.r_[np.zeros(normal, np.int64), np.ones(stone, np.int64)]
    names = np.array([f"{seed}-{row}" for row in range(len(labels))])
    groups = np.array([f"{seed}-g{row // 2}" for row in range(len(labels))])
    return SplitArrays(pictures(labels == 1, seed), labels, names, groups)


@pytest.fixture(scope="module")
def data() -> Processed:
    splits = {"train": split(120, 40, 0), "val": split(8, 8, 1), "test": split(40, 40, 2)}
    return Processed(CLASSES, splits)


def painted(stones: bool) -> Any:
    """In the place of `sample`: images with stones, or without."""

    def draw(_generator: Generator, labels: list[str], seed: int) -> np.ndarray:
        return pictures(np.full(len(labels), stones), 100 + seed)

    return draw


def by_painter(
    data: Processed, monkeypatch: pytest.MonkeyPatch, *ratios: float, stones: bool
) -> Thinned:
    monkeypatch.setattr(measure, "_train", lambda *_: (tiny_generator(CLASSES), 8))
    monkeypatch.setattr(measure, "sample", painted(stones))
    return measure_thinned(data, "stone", ratios, TINY, Path("unused"), seeds=2, classifier=QUICK)


def test_images_that_show_the_class_help_more_than_those_that_do_not(
    data: Processed, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole, thin = by_painter(data, monkeypatch, 1, 10, stones=True).ratios
    (false,) = by_painter(data, monkeypatch, 10, stones=False).ratios
    assert [arm.name for arm in whole.arms] == [ALONE]
    assert (whole.images, whole.groups, whole.added, whole.images_seen) == (40, 20, 0, 0)
    assert (thin.images, thin.groups, thin.added, thin.images_seen) == (4, 2, 36, 8)
    recalls = {arm.name: arm.scores.recall.value for arm in thin.arms}
    assert list(recalls) == [ALONE, REPEATED, GENERATED]
    assert recalls[ALONE] < 0.3, "four of 124 images are hardly ever shown"
    assert recalls[GENERATED] > 0.8
    assert false.arms[2].scores.recall.value < recalls[GENERATED] - 0.3
    for arm in thin.arms[:2]:
        less = arm.generated_minus
        assert less is not None
        assert less.recall.value == pytest.approx(recalls[GENERATED] - recalls[arm.name])
    assert thin.arms[2].generated_minus is None
    alone = thin.arms[0].generated_minus
    assert alone is not None
    assert alone.recall.low is not None
    assert alone.recall.low < alone.recall.value


def test_the_generator_sees_no_image_that_was_thinned_out(
    data: Processed, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[tuple[SplitArrays, TrainConfig]] = []

    def watched(processed: Path, out: Path, config: TrainConfig, **options: Any) -> Any:
        learned = Processed.load(processed).train
        seen.append((replace(learned, images=np.array(learned.images)), config))
        return train(processed, out, config, **options)

    monkeypatch.setattr(measure, "train", watched)
    told: list[str] = []
    found = measure_thinned(
        data,
        "stone",
        (1, 5),
        TINY,
        tmp_path,
        seeds=2,
        classifier=UtilityConfig(kimg=0.04, resamples=200),
        on_progress=lambda what, done, total: told.append(f"{what} {done}/{total}"),
    )
    ((learned, config),) = seen
    left = thinned(data.train, 1, 5, TINY.seed)
    assert learned.ids.tolist() == left.ids.tolist()
    assert np.array_equal(learned.images, left.images)
    assert config.validation_images == 0, "no weights are chosen by images of other groups"
    assert found.train == config
    assert found.ratios[1].images_seen == 8
    assert (tmp_path / "stone-1-in-5" / "generator.safetensors").exists()
    assert "classifiers 1:5 6/6" in told
    assert found.test_groups == {"normal": 20, "stone": 20}
    shown_at_80(thinned_table(found), REPEATED, GENERATED, "8 (4) + 32", "thinned by groups")


def test_whole_groups_go_and_other_classes_stay(data: Processed) -> None:
    full, few, fewer = (thinned(data.train, 1, ratio, 7) for ratio in (1, 2, 10))
    assert full.ids.tolist() == data.train.ids.tolist()
    assert (few.labels == 1).sum() == 20
    assert (fewer.labels == 1).sum() == 4
    assert (few.labels == 0).sum() == 120
    for left in (few, fewer):
        _, counts = np.unique(left.groups, return_counts=True)
        assert (counts == 2).all(), "a group is kept whole or not at all"
    assert set(fewer.groups) < set(few.groups)
    assert set(thinned(data.train, 1, 10, 8).groups) != set(fewer.groups)


def test_what_cannot_be_thinned_is_refused(data: Processed, tmp_path: Path) -> None:
    def refused(said: str, ratio: float = 2, label: str = "stone", given: Any = data) -> None:
        with pytest.raises(BadInputError, match=said):
            measure_thinned(given, label, (ratio,), TINY, tmp_path)

    refused("the classes normal, stone", label="cyst")
    refused("--label is 'stone'", given=data.only(["stone"]))
    refused("0.5; 1:r keeps", ratio=0.5)
    refused("nan; 1:r keeps", ratio=float("nan"))
    refused("1:1.01 keeps all of the 20 training groups", ratio=1.01)
    bare = data.test.rows(np.array([0, -1]))
    untested = replace(data, splits={**data.splits, "test": bare})
    refused("the test split has no image of class stone", given=untested)


def test_the_command_passes_on_what_it_is_asked(
    data: Processed, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    data.save(tmp_path / "arrays")

    def quick(config: TrainConfig) -> TrainConfig:
        return TINY.model_copy(update={"seed": config.seed})

    whole = measure.measure_thinned
    monkeypatch.setattr(
        measure,
        "measure_thinned",
        lambda data, label, ratios, config, out, **options: whole(
            data, label, ratios, quick(config), out, **options
        ),
    )
    asked = ["thinned", "--data", str(tmp_path / "arrays"), "--size", str(SIDE), "--seed", "3"]
    asked += ["--seeds", "2", "--ratios", "1,10", "-o", str(tmp_path / "out"), "--label", "stone"]
    asked += ["--classifier-kimg", "0.04"]
    result = CliRunner().invoke(bench_app, [*asked, "--json"], catch_exceptions=False)
    found = Thinned.model_validate_json(result.stdout)
    assert [one.ratio for one in found.ratios] == [1, 10]
    assert (found.label, found.seeds, found.train.seed) == ("stone", 2, 3)
    assert found.classifier.kimg == 0.04
    for options, said in (
        (("--family", "enlarge_se"), "these draw: "),
        (("--ratios", "1,two"), "give numbers"),
    ):
        fault = CliRunner().invoke(bench_app, [*asked, *options]).exception
        assert isinstance(fault, BadInputError)
        assert said in str(fault)
