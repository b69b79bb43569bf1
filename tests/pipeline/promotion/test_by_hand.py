"""A generator in a folder is scored on a folder of images, without services."""

from pathlib import Path

import pytest
import yaml

from bench.data.built_in import BUILT_IN, write_built_in
from pipeline.base.errors import BadInputError
from pipeline.base.project import Project
from pipeline.evaluation.record import KERNEL, EvaluateConfig
from pipeline.promotion.by_hand import evaluate_folder, evaluate_version
from pipeline.registry.registry import Registry
from pipeline.stages import prepared
from tests.support.generators import register_generator, save_tiny_generator


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("voronoi")
    write_built_in("voronoi", folder, 8, 0, size=32)
    return folder


FEW = EvaluateConfig(n_fake=60, max_train=100, pairs=10, gan_test_kimg=0.2, detector_steps=10)


@pytest.fixture(autouse=True)
def _small(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(prepared, "CACHE", tmp_path / "prepared")


def test_weights_are_scored_on_a_folder_of_images(data: Path, tmp_path: Path) -> None:
    models = tmp_path / "models"
    save_tiny_generator(models, BUILT_IN["voronoi"].classes)
    found = evaluate_folder(models, data, tmp_path / "out", FEW, tmp_path / "features")
    assert found.protocol.image_size == 32
    assert found.figure(KERNEL).value > 0.3, "an untrained generator"
    assert (tmp_path / "out" / "evaluation.json").exists()


def test_a_version_is_scored_without_a_consumer(
    data: Path, project: Project, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    known = register_generator(project, tmp_path, BUILT_IN["voronoi"].classes)
    project.state.mkdir(parents=True, exist_ok=True)
    project.params_file.write_text(yaml.safe_dump({"evaluate": FEW.model_dump(mode="json")}))
    monkeypatch.setattr(Registry, "draw", None)
    number, found = evaluate_version(known, "1", data, tmp_path / "out")
    assert number == 1
    assert found.model == save_tiny_generator(tmp_path / "same", BUILT_IN["voronoi"].classes)
    assert (tmp_path / "out" / "evaluation.json").exists()


def test_classes_that_it_cannot_draw_are_named(data: Path, tmp_path: Path) -> None:
    models = tmp_path / "models"
    save_tiny_generator(models, ("normal", "stone"))
    with pytest.raises(BadInputError, match=r"the data have .*draws only normal, stone"):
        evaluate_folder(models, data, tmp_path / "out", FEW, tmp_path / "features")


def test_a_folder_without_a_generator_is_refused(data: Path, tmp_path: Path) -> None:
    with pytest.raises(BadInputError, match="cannot load the generator"):
        evaluate_folder(tmp_path, data, tmp_path / "out", FEW, tmp_path / "features")
