"""A training that grows: what it learns of findings, resumed within a fade, from grown networks."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from model import progress
from model.checkpoint import Checkpoints
from model.config import TrainConfig
from model.families import make_learner
from model.families.base import Batch, Step
from model.families.pggan.learner import Learner
from model.layouts import Layouts
from model.parallel import Shard
from model.progress import Progress, Stopped
from model.runtime import Runtime
from model.sampling import build_generator, made_layouts, sample
from model.training import TrainResult, fit
from model.warm_start import Networks, begin_from

CLASSES, KINDS, SIDE = ("normal", "stone"), ("stone",), 32
RUNTIME = Runtime("cpu", "float32", True, 1, "", "", {})


@pytest.fixture(autouse=True)
def _threads_as_before() -> object:
    before = torch.get_num_threads()
    yield
    torch.set_num_threads(before)


def data(told: bool = True) -> tuple[NDArray[np.uint8], NDArray[np.int64], Layouts]:
    """Grey images; those of class stone have a white square where their map says."""
    rng = np.random.default_rng(0)
    labels = np.arange(40) % 2
    images = rng.integers(60, 120, (40, SIDE, SIDE)).astype(np.uint8)
    maps = np.zeros((40, 1, SIDE, SIDE), np.uint8)
    for number in np.flatnonzero(labels):
        row, column = rng.integers(4, SIDE - 8, 2)
        images[number, row : row + 4, column : column + 4] = 250
        maps[number, 0, row : row + 4, column : column + 4] = 255
    return images, labels, Layouts(maps, np.full(40, told))


def tiny(**recipe: Any) -> TrainConfig:
    small = {"batch": 8, "latent": 8, "widths": [12, 8, 8], **recipe}
    return TrainConfig.model_validate(
        {
            "family": "pggan", "kimg": 0.16, "snapshots": 4, "checkpoint_kimg": 0.016,
            "precision": "float32", "threads": 1, "recipe": small,
        }
    )  # fmt: skip


SHORT = tiny().model_copy(update={"kimg": 0.04})
FADING = tiny(grown_at=0.9)


def trained(config: TrainConfig, told: bool = True, **options: Any) -> TrainResult:
    images, labels, layouts = data(told)
    return fit(images, labels, CLASSES, config, kinds=KINDS, layouts=layouts, **options)


@pytest.fixture(scope="module")
def whole() -> TrainResult:
    threads = torch.get_num_threads()
    result = trained(FADING)
    torch.set_num_threads(threads)
    return result


def test_it_makes_maps_beside_images_and_snapshots_before_it_has_grown() -> None:
    result = trained(tiny(grown_at=1.0))
    assert result.network.made == KINDS
    assert result.network.given == ()
    growth = [row["growth"] for row in result.history]
    assert growth[0] == 0
    assert growth == sorted(growth)
    assert {grid.shape for grid in result.grids.values()} == {(2 * SIDE, 8 * SIDE)}
    generator = build_generator(result.network, result.weights)
    labels = ["stone", "normal", "2*stone+normal"]
    images, made = (
        sample(generator, labels, 7, start=3),
        made_layouts(generator, labels, 7, start=3),
    )
    assert images.shape == (3, SIDE, SIDE)
    assert made.maps.shape == (3, 1, SIDE, SIDE)
    assert made.told.all()
    alone = made_layouts(generator, ["normal"], 7, start=4)
    assert np.array_equal(alone.maps[0], made.maps[1])


def test_without_annotated_images_it_is_plain() -> None:
    images, labels, _ = data()
    result = fit(images, labels, CLASSES, SHORT)
    assert result.network.made == ()
    with pytest.raises(ValueError, match="makes no maps"):
        made_layouts(build_generator(result.network, result.weights), ["stone"], 0)
    plain = tiny(findings=False).model_copy(update={"kimg": 0.04})
    assert trained(plain).network.made == ()


def test_maps_of_classes_that_nobody_annotated_are_not_told() -> None:
    images, labels, layouts = data()
    layouts = Layouts(layouts.maps, labels == 1)
    result = fit(images, labels, CLASSES, SHORT, kinds=KINDS, layouts=layouts)
    generator = build_generator(result.network, result.weights)
    made = made_layouts(generator, ["normal", "stone", "normal+stone"], 0)
    assert made.told.tolist() == [False, True, False]
    assert trained(SHORT, told=False).weights["annotated"].tolist() == [False, False]


def test_the_maps_of_images_that_nobody_annotated_teach_nothing() -> None:
    config = tiny()
    learner = make_learner(config.network(SIDE, CLASSES, KINDS), config.recipe, 0)
    assert isinstance(learner, Learner)
    images, labels = torch.rand(8, 1, SIDE, SIDE) * 2 - 1, torch.arange(8) // 2 % 2
    learner.step(
        Batch(images, labels, torch.zeros(8, 2, SIDE, SIDE)), Step(0, 0, 1.0), RUNTIME, Shard()
    )
    head = dict(learner.generator.named_parameters())["heads.2.weight"].grad
    assert head is not None
    assert head[0].abs().sum() > 0
    assert head[1].abs().sum() == 0


@pytest.mark.parametrize("killed_at", [40, 72])
def test_a_training_resumed_within_a_fade_is_the_same_bit_for_bit(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, whole: TrainResult, killed_at: int
) -> None:
    monkeypatch.setattr(progress, "PROGRESS_SECONDS", 0.0)
    seen = [0]

    def note(now: Progress) -> None:
        seen.append(now.images_seen)

    with pytest.raises(Stopped):
        trained(
            FADING, checkpoint_folder=tmp_path, on_progress=note,
            should_stop=lambda: seen[-1] >= killed_at,
        )  # fmt: skip
    assert Checkpoints(tmp_path, "").files()
    again = trained(FADING, checkpoint_folder=tmp_path)
    assert again.history == whole.history
    for name, weight in whole.networks.items():
        assert torch.equal(again.networks[name], weight), name


def test_a_training_that_begins_from_grown_networks_stays_grown() -> None:
    config = SHORT
    before = trained(config)
    networks = Networks(before.network, before.networks, "s")
    learner = make_learner(before.network, config.recipe, 1)
    assert isinstance(learner, Learner)
    begin_from(learner, networks)
    images, labels = torch.zeros(8, 1, SIDE, SIDE), torch.arange(8) // 2 % 2
    report = learner.step(Batch(images, labels), Step(0, 0, 0.0), RUNTIME, Shard())
    assert report["growth"] == 2.0
    plain = make_learner(config.network(SIDE, CLASSES), config.recipe, 0)
    with pytest.raises(ValueError, match=r"made was \('stone',\) and is \(\)"):
        begin_from(plain, networks)
