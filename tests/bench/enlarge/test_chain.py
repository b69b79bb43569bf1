"""Drawn images are enlarged by every way, and each way is compared with real images."""

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from typer.testing import CliRunner

from bench.cli import bench_app
from bench.enlarge import chain, measure
from bench.enlarge.chain import (
    BICUBIC,
    REAL,
    Chain,
    Way,
    load_drawer,
    measure_chain,
    small_images,
    train_drawer,
)
from bench.enlarge.table import chain_table
from model.bicubic import resized_pixels
from model.config import TrainConfig
from model.sampling import load_generator
from model.weights import save_generator
from pipeline.base.errors import BadInputError
from pipeline.data.config import IngestConfig
from pipeline.data.processed import Processed, SplitArrays
from pipeline.stages import prepared
from pipeline.stages.train import train
from tests.pipeline.stages.test_enlarging import CONFIG, TINY, split
from tests.support.generators import tiny_generator
from tests.support.terminals import shown_at_80

CLASSES = ("cyst", "stone")
SMALL = 32
Call = Callable[..., tuple[object, list[str], BaseException | None]]
TWICE = TINY.model_copy(update={"recipe": TINY.recipe.model_copy(update={"factor": 2})})


def arrays() -> tuple[Processed, Processed]:
    """The same discs at 64 px and at 32."""
    small = {"train": split(6, 0), "val": split(2, 1), "test": split(6, 2)}
    large = {name: larger(one, 2) for name, one in small.items()}
    return Processed(CLASSES, large), Processed(CLASSES, small)


def larger(one: SplitArrays, factor: int) -> SplitArrays:
    return replace(one, images=resized_pixels(one.images, SMALL * factor))


def drawer(folder: Path, classes: tuple[str, ...] = CLASSES, size: int = SMALL) -> Path:
    generator = tiny_generator(classes, size=size)
    save_generator(folder, generator.state_dict(), generator.config)
    return folder


def test_each_way_stands_beside_bicubic_and_the_floor(tmp_path: Path) -> None:
    large, small = arrays()
    large.save(tmp_path / "large")
    train(tmp_path / "large", tmp_path / "enlarger", TWICE)
    generator = drawer(tmp_path / "generator")
    told: list[str] = []
    found = measure_chain(
        generator,
        small,
        large,
        {"enlarge_multipath": tmp_path / "enlarger"},
        CONFIG,
        tmp_path / "out",
        told.append,
    )
    assert (found.given_size, found.image_size, found.noise) == (32, 64, 2.0)
    assert (found.n_real, found.test_groups, found.n_fake) == (24, 6, 60)
    assert found.metric == "KD-radiomics"
    floor, bicubic, enlarged = found.ways
    assert [one.name for one in found.ways] == [REAL, BICUBIC, "enlarge_multipath"]
    assert floor.value < min(bicubic.value, enlarged.value), "an untrained generator is far off"
    assert (floor.less_bicubic, bicubic.less_bicubic) == (None, None)
    assert enlarged.less_bicubic is not None
    less = enlarged.less_bicubic
    assert less.value == pytest.approx(enlarged.value - bicubic.value)
    assert less.low < less.value < less.high
    assert "enlarging by enlarge_multipath" in told
    with Image.open(tmp_path / "out" / "chain.png") as image:
        assert image.height > 3 * 64
    shown_at_80(chain_table(found), "drawn at 32 px by rpgan", "enlarge_multipath", "KD-radiomics")


def test_a_generator_of_other_images_is_refused(tmp_path: Path) -> None:
    _, small = arrays()
    with pytest.raises(BadInputError, match="cannot load the generator"):
        load_drawer(tmp_path / "nothing", small)
    with pytest.raises(BadInputError, match=r"pixels to a side: the generator has 64, the data 32"):
        load_drawer(drawer(tmp_path / "a", size=64), small)
    with pytest.raises(BadInputError, match="classes: the generator"):
        load_drawer(drawer(tmp_path / "b", classes=("cyst", "tumor")), small)
    with pytest.raises(BadInputError, match="view: the generator"):
        load_drawer(drawer(tmp_path / "c"), replace(small, view="trunk (0, 0.14) 0.72"))


def test_the_default_family_is_trained_on_the_small_images(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _, small = arrays()
    small.save(tmp_path / "small")
    given: list[TrainConfig] = []

    def quick(_processed: Path, out: Path, config: TrainConfig, **_options: object) -> None:
        given.append(config)
        drawer(out)

    monkeypatch.setattr(chain, "train", quick)
    folder = train_drawer(tmp_path / "small", 0.5, tmp_path / "out", lambda _, __: None, seed=3)
    assert (given[0].family, given[0].kimg, given[0].seed) == (TrainConfig().family, 0.5, 3)
    assert load_drawer(folder, small).config == load_generator(folder).config


def test_both_sizes_are_of_the_same_images(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _, small = arrays()
    big = {name: larger(one, 4) for name, one in small.splits.items()}
    Processed(CLASSES, big).save(tmp_path / "large")
    other = {**small.splits, "test": replace(small.test, groups=small.test.groups[::-1])}
    small.save(tmp_path / "small")
    Processed(CLASSES, other).save(tmp_path / "other")
    data, at, ingested = tmp_path / "data", tmp_path / "large", IngestConfig()
    with pytest.raises(BadInputError, match="holds arrays of 128 px; the chain makes arrays of 32"):
        small_images(at, at, 4, ingested)
    with pytest.raises(BadInputError, match=r"begins at 16 px.*give --size 256"):
        small_images(data, at, 8, ingested)
    asked: list[int] = []

    def prepared(_data: Path, size: int, **_options: object) -> Path:
        asked.append(size)
        return tmp_path / ("small" if len(asked) == 1 else "other")

    monkeypatch.setattr(chain, "prepare", prepared)
    assert small_images(data, at, 4, ingested) == tmp_path / "small"
    with pytest.raises(BadInputError, match=r"the test split of .* has other images or groups"):
        small_images(data, at, 4, ingested)
    assert asked == [32, 32]


@pytest.fixture
def command(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Call:
    """`bench enlarge` with one family, of arrays that lie ready; `calls` are its trainings."""
    large, small = arrays()
    large.save(tmp_path / "large")
    small.save(tmp_path / "small")
    calls: list[str] = []

    def trained(*_given: object, **_options: object) -> list[object]:
        calls.append("enlargers")
        return []

    def drawn(_small: Path, kimg: float, out: Path, _tell: object) -> Path:
        calls.append(f"generator {kimg:g}")
        return drawer(out / "generator")

    def chained(generator: Path, *_given: object) -> Chain:
        calls.append(f"chain {generator.name}")
        way = Way(name=BICUBIC, value=0.2, low=0.1, high=0.3)
        return Chain(
            family="rpgan", sha256="", given_size=32, image_size=64, noise=2.0, metric="KD",
            resize="", n_real=24, test_groups=6, n_fake=60, ways=(way,),
        )  # fmt: skip

    monkeypatch.setattr(prepared, "prepare", lambda *_, **__: tmp_path / "large")
    monkeypatch.setattr(chain, "small_images", lambda *_: tmp_path / "small")
    monkeypatch.setattr(chain, "train_drawer", drawn)
    monkeypatch.setattr(chain, "measure_chain", chained)
    monkeypatch.setattr(measure, "measure_enlargers", trained)

    def call(*options: str) -> tuple[object, list[str], BaseException | None]:
        calls.clear()
        asked = ["enlarge", "--data", "unused", "-o", str(tmp_path / "out"), "--json"]
        result = CliRunner().invoke(bench_app, [*asked, *options])
        return (
            (json.loads(result.stdout) if not result.exception else None),
            calls,
            result.exception,
        )

    return call


def test_the_command_trains_a_generator_or_takes_one(command: Call, tmp_path: Path) -> None:
    assert command() == ([], ["enlargers"], None)
    said, calls, _ = command("--chain-kimg", "2")
    assert isinstance(said, dict)
    assert list(said) == ["enlargers", "chain"]
    assert said["chain"]["ways"][0]["name"] == BICUBIC
    assert calls == ["generator 2", "enlargers", "chain generator"]
    given = drawer(tmp_path / "given")
    assert command("--generator", str(given))[1] == ["enlargers", "chain given"]


def test_too_few_images_for_intervals_are_told_before_the_trainings(
    command: Call, tmp_path: Path
) -> None:
    large, _ = arrays()
    labels = np.zeros(24, np.int64)
    labels[0] = 1
    one_stone = {**large.splits, "train": replace(large.train, labels=labels)}
    one_group = {**large.splits, "test": replace(large.test, groups=np.full(24, "p"))}
    for splits, said in (
        (one_stone, "class stone has 1 of the 24 training images"),
        (one_group, "24 images of 1 groups"),
    ):
        Processed(CLASSES, splits).save(tmp_path / "large")
        _, calls, fault = command("--chain-kimg", "1")
        assert isinstance(fault, BadInputError)
        assert said in str(fault)
        assert calls == []


def test_a_fault_is_told_before_the_trainings(command: Call, tmp_path: Path) -> None:
    wrong = str(drawer(tmp_path / "wrong", size=64))
    for options, said in (
        (("--generator", wrong), "pixels to a side"),
        (("--generator", wrong, "--chain-kimg", "1"), "give one"),
    ):
        _, calls, fault = command(*options)
        assert isinstance(fault, BadInputError)
        assert said in str(fault)
        assert calls == []
