"""With folds, every group is held out once, and its images are made by who never saw them."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy import stats
from typer.testing import CliRunner

from bench.cli import bench_app
from bench.difference import Difference
from bench.enlarge import folds
from bench.enlarge.chain import (
    BICUBIC,
    REAL,
    Chain,
    Way,
    measure_chain,
    over_folds,
    require_intervals,
)
from bench.enlarge.folds import cross_validate, cross_validated_chain, cut
from bench.enlarge.table import chain_table, enlarged_table
from model.config import TrainConfig
from model.families.base import Generator
from model.sampling import load_generator
from pipeline.base.errors import BadInputError
from pipeline.data.processed import Processed, SplitArrays
from pipeline.evaluation.record import EvaluateConfig
from tests.bench.enlarge.test_chain import TWICE, drawer
from tests.bench.enlarge.test_chain import arrays as both_sizes
from tests.bench.enlarge.test_enlarge import tiny
from tests.pipeline.stages.test_enlarging import CONFIG, split
from tests.support.terminals import shown_at_80


def arrays() -> Processed:
    splits = {"train": split(6, 0), "val": split(2, 1), "test": split(4, 2)}
    return Processed(("cyst", "stone"), splits)


def test_every_group_is_tested_once_and_never_learned_from_there() -> None:
    whole = arrays()
    parts, tested = cut(whole, 4), list[str]()
    for part in parts:
        groups = [set(part.splits[name].groups) for name in ("train", "val", "test")]
        assert len(set.union(*groups)) == sum(map(len, groups)), "no group is in two splits"
        tested += part.test.ids.tolist()
    every = [one for split in whole.splits.values() for one in split.ids.tolist()]
    assert sorted(tested) == sorted(every)
    sizes = [len(part.test.labels) for part in parts]
    assert max(sizes) - min(sizes) <= len(every) / len(np.unique(whole.train.groups))


def wanted(n_fake: int) -> EvaluateConfig:
    return CONFIG.model_copy(update={"n_fake": n_fake})


@pytest.mark.parametrize("count", [2, 100])
def test_folds_that_the_groups_do_not_allow_are_refused(count: int) -> None:
    with pytest.raises(BadInputError, match=rf"{count} folds of 12 groups: give from 3 folds"):
        cut(arrays(), count)


def test_a_class_of_few_groups_is_in_every_training() -> None:
    """Of three groups in four folds; of two, one fold tests and the next one validates."""
    one, other = split(12, 3), split(3, 4)
    both = {
        "train": replace(one, labels=np.zeros(48, np.int64)),
        "val": replace(other, labels=np.ones(12, np.int64)),
        "test": replace(split(1, 5), labels=np.zeros(4, np.int64)),
    }
    for part in cut(Processed(("many", "few"), both), 4):
        assert set(part.train.labels) == {0, 1}
    one_group = replace(other, groups=np.full(12, "only"), labels=np.ones(12, np.int64))
    with pytest.raises(BadInputError, match=r"class few has images of 1 groups; 4 folds"):
        cut(Processed(("many", "few"), both | {"val": one_group}), 4)


def test_each_row_is_made_by_the_enlarger_of_its_fold(monkeypatch: pytest.MonkeyPatch) -> None:
    parts = cut(arrays(), 3)
    given = np.concatenate([part.test.images for part in parts])
    cuts = np.cumsum([len(part.test.labels) for part in parts])[:-1]
    asked: list[tuple[int, list[int]]] = []

    def make(generator: int, images: np.ndarray) -> np.ndarray:
        asked.append((generator, [int(image.sum()) for image in images]))
        return images

    monkeypatch.setattr(folds, "_maker", lambda _generators: make)
    made = folds._made_by_fold([0, 1, 2], cuts, given)  # type: ignore[list-item]
    assert np.array_equal(made, given)
    assert asked == [
        (place, [int(image.sum()) for image in part.test.images])
        for place, part in enumerate(parts)
    ]


def test_every_image_is_scored_and_each_fold_has_its_own_weights(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    replace(arrays(), view="trunk (0, 0) 1").save(tmp_path / "processed")
    monkeypatch.setattr(TrainConfig, "model_validate", tiny)
    loaded: list[str] = []

    def watched(folder: Path) -> Generator:
        loaded.append(folder.name)
        return load_generator(folder)

    monkeypatch.setattr(folds, "load_generator", watched)
    monkeypatch.setattr(
        folds,
        "EvaluateConfig",
        lambda n_fake: EvaluateConfig(n_fake=n_fake, extractor=CONFIG.extractor),
    )
    told: set[str] = set()
    (found,) = cross_validate(
        tmp_path / "processed", ["enlarge_multipath"], 4, 0.08, tmp_path / "out",
        lambda name, _: told.add(name), folds=3,
    )  # fmt: skip
    assert loaded == ["0", "1", "2"]
    assert (found.folds, found.images_seen) == (3, 80)
    assert len(found.evaluation.group_scores) == 12
    assert found.evaluation.protocol.n_real == 48
    assert found.evaluation.protocol.region == "trunk (0, 0) 1"
    assert told == {f"enlarge_multipath, fold {i} of 3" for i in (1, 2, 3)}
    assert (tmp_path / "out" / "enlarge_multipath" / "grid-cyst.png").exists()
    shown_at_80(enlarged_table([found]), "48 images of 12 groups, each held out once", "Bengio")


def test_a_fold_of_a_single_group_has_a_figure_without_an_interval(tmp_path: Path) -> None:
    large, small = both_sizes()
    alone = {name: replace(large.test, groups=np.full(24, "p")) for name in large.splits}
    one_group = replace(large, splits=alone | {"train": large.train})
    require_intervals(one_group, CONFIG, fold=2)
    one = {name: getattr(large.test, name)[:1] for name in ("images", "labels", "ids", "groups")}
    one_image = replace(large, splits={**large.splits, "test": SplitArrays(**one)})
    with pytest.raises(BadInputError, match=r"fold 2 has 1 image; .* give fewer --folds"):
        require_intervals(one_image, CONFIG, fold=2)
    found = measure_chain(drawer(tmp_path), small, one_group, {}, CONFIG, tmp_path / "out", fold=2)
    floor, bicubic = found.ways
    assert np.isfinite([floor.value, bicubic.value]).all()
    assert np.isnan([floor.low, bicubic.high]).all()


def test_each_fold_has_a_chain_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    large, small = both_sizes()
    large.save(tmp_path / "large")
    small.save(tmp_path / "small")
    monkeypatch.setattr(TrainConfig, "model_validate", lambda _: TWICE)
    monkeypatch.setattr(folds, "EvaluateConfig", wanted)
    out, learned = tmp_path / "out", list[set[str]]()

    def quick(data: Path, _kimg: float, at: Path, _tell: object) -> Path:
        learned.append(set(Processed.load(data).train.groups))
        return drawer(at / "generator")

    def watched(
        at: Path, part: Processed, big: Processed, enlargers: Any, *rest: Any, **options: Any
    ) -> Chain:
        assert set(part.test.groups) == set(big.test.groups)
        used.append((at.parent.name, enlargers["enlarge_multipath"].name))
        return measure_chain(at, part, big, enlargers, *rest, **options)

    used = list[tuple[str, str]]()
    monkeypatch.setattr(folds, "measure_chain", watched)
    monkeypatch.setattr(folds, "train_drawer", quick)
    families = ["enlarge_multipath"]
    cross_validate(tmp_path / "large", families, 2, 0.08, out, lambda *_: None, folds=3)
    found = cross_validated_chain(
        tmp_path / "small", families, 1.0, wanted(180), out, lambda *_: None, folds=3
    )
    assert used == [(str(fold), str(fold)) for fold in range(3)]
    held_out = [set(part.test.groups) for part in cut(large, 3)]
    assert all(not one & other for one, other in zip(learned, held_out, strict=True))
    every = sum(len(split.labels) for split in large.splits.values())
    assert (found.folds, found.n_real, found.test_groups, found.n_fake) == (3, every, 14, 180)
    assert [one.name for one in found.ways] == [REAL, BICUBIC, "enlarge_multipath"]
    shown_at_80(chain_table(found), "14 groups, in 3 folds", "Means over folds")


def test_the_figure_of_folds_is_their_mean() -> None:
    def one(level: float, less: float) -> Chain:
        ways = (
            Way(name=BICUBIC, value=level, low=0.0, high=1.0),
            Way(
                name="enlarge_se", value=level + less, low=0.0, high=1.0,
                less_bicubic=Difference(value=less, low=-1.0, high=1.0),
            ),
        )  # fmt: skip
        return Chain(
            family="rpgan", sha256="", given_size=32, image_size=64, noise=2.0, metric="KD",
            resize="", n_real=24, test_groups=6, n_fake=60, ways=ways,
        )  # fmt: skip

    found = over_folds([one(0.2, -0.05), one(0.4, -0.04), one(0.6, -0.06)])
    bicubic, enlarged = found.ways
    assert bicubic.value == pytest.approx(0.4)
    assert bicubic.less_bicubic is None
    less = enlarged.less_bicubic
    assert less is not None
    known = stats.ttest_1samp([-0.05, -0.04, -0.06], 0).confidence_interval(0.95)
    assert (less.value, less.low, less.high) == pytest.approx((-0.05, *known))
    assert less.high < 0
    assert bicubic.low < 0, "levels differ between folds, the difference hardly"


@pytest.mark.parametrize(
    ("options", "fault"),
    [
        (["--folds", "2"], "--folds 2: give 1, or 3 or more"),
        (["--folds", "5", "--generator", "unused"], "--folds goes without"),
        (["--folds", "5", "--noise", "2"], "--folds goes without"),
    ],
)
def test_what_folds_cannot_be_combined_with_is_told_first(options: list[str], fault: str) -> None:
    result = CliRunner().invoke(bench_app, ["enlarge", "--data", "unused", *options])
    assert isinstance(result.exception, BadInputError)
    assert fault in str(result.exception)
