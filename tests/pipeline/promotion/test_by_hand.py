"""A generator in a folder is scored on a folder of images, without services."""

from pathlib import Path

import pytest
import torch

from bench.data.built_in import BUILT_IN, write_built_in
from model.families import make_generator
from model.network import NetworkConfig
from model.weights import save_generator
from pipeline.base.errors import BadInputError
from pipeline.evaluation.record import KERNEL, EvaluateConfig
from pipeline.promotion.by_hand import evaluate_folder
from pipeline.stages import prepared


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("voronoi")
    write_built_in("voronoi", folder, 8, 0, size=32)
    return folder


FEW = EvaluateConfig(n_fake=60, max_train=100, pairs=10)


@pytest.fixture(autouse=True)
def _small(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(prepared, "CACHE", tmp_path / "prepared")


def _generator(folder: Path, classes: tuple[str, ...]) -> Path:
    network = NetworkConfig(
        family="rpgan", image_size=32, classes=classes, widths=(8, 8, 8), latent=8
    )
    torch.manual_seed(0)
    save_generator(folder, make_generator(network).state_dict(), network)
    return folder


def test_weights_are_scored_on_a_folder_of_images(data: Path, tmp_path: Path) -> None:
    models = _generator(tmp_path / "models", BUILT_IN["voronoi"].classes)
    found = evaluate_folder(models, data, tmp_path / "out", FEW, tmp_path / "features")
    assert found.protocol.image_size == 32
    assert found.figure(KERNEL).value > 0.3, "an untrained generator"
    assert (tmp_path / "out" / "evaluation.json").exists()


def test_classes_that_it_cannot_draw_are_named(data: Path, tmp_path: Path) -> None:
    models = _generator(tmp_path / "models", ("normal", "stone"))
    with pytest.raises(BadInputError, match=r"the data hold .*draws normal, stone"):
        evaluate_folder(models, data, tmp_path / "out", FEW, tmp_path / "features")


def test_a_folder_without_a_generator_is_refused(data: Path, tmp_path: Path) -> None:
    with pytest.raises(BadInputError, match="cannot load the generator"):
        evaluate_folder(tmp_path, data, tmp_path / "out", FEW, tmp_path / "features")
