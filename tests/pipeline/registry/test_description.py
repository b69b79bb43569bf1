"""What MLflow's pages say about versions: it runs as written, and its figures are the record's."""

import logging
import os
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from mlflow import MlflowClient
from scipy import ndimage

from pipeline.base.project import Project
from pipeline.evaluation import record
from pipeline.evaluation.record import Evaluation
from pipeline.registry import description
from pipeline.registry.aliases import JournalPosition, Projection
from pipeline.registry.description import (
    MARK,
    VersionFacts,
    merged,
    model_description,
    version_description,
)
from pipeline.registry.output_spec import OutputSpec
from pipeline.registry.registry import Registry
from tests.pipeline.reports.run.test_render import evaluation
from tests.support.generators import SIZE, VIEW, register_generator

CLASSES, KINDS = ("no-finding", "pneumonia"), ("pneumonia",)
CHAMPION = Projection(1, None, None, JournalPosition("ab", 1))
REASON = "first model: every guard holds,\nand there is <no champion> to compare"


@pytest.fixture(scope="module")
def measured() -> Evaluation:
    return evaluation("a1" * 32, 0.1634)


@pytest.fixture(scope="module")
def registry(tmp_path_factory: pytest.TempPathFactory, measured: Evaluation) -> Registry:
    """A version that was judged and is champion."""
    folder = tmp_path_factory.mktemp("registry")
    bare = Project.load({"MEDLOOM_STATE": str(folder / "state" / "chest")})
    tags = {"medloom.modality": "CR, DX", "medloom.phantom": "NO"}
    project = register_generator(bare, folder, CLASSES, measured, tags, KINDS)
    made = Registry(project.mlflow_uri, project.model)
    before = made.description(1)
    assert "**Verdict of the gate:** none yet." in before, "written when it is registered"
    made.attach_verdict(1, "promoted", {"outcome": "promoted", "reason": REASON})
    made.apply(CHAMPION)
    return made


def code_of(text: str) -> str:
    found = re.findall(r"```python\n(.*?)```", text, re.DOTALL)
    assert len(found) == 1
    return str(found[0])


def test_its_code_runs_as_written(registry: Registry, tmp_path: Path) -> None:
    """In a consumer's process, from another folder: nothing of medloom is on its path."""
    of_version, of_model = registry.description(1), registry.description()
    assert 'load_model("models:/medloom-chest/1")' in of_version
    assert 'load_model("models:/medloom-chest@champion")' in of_model
    save = (
        "\nimport numpy\nnumpy.save({0!r}, images)\n"
        "numpy.save({0!r}.replace('.npy', '.masks.npy'), masks)\n"
    )
    code = "".join(
        code_of(text) + save.format(str(tmp_path / name))
        for text, name in ((of_version, "version.npy"), (of_model, "model.npy"))
    )
    env = {name: os.environ[name] for name in os.environ if name != "PYTHONPATH"}
    env["MLFLOW_TRACKING_URI"] = registry.uri
    command = [sys.executable, "-c", code]
    done = subprocess.run(
        command, cwd=tmp_path, env=env, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    images = np.load(tmp_path / "version.npy")
    assert (images.dtype, images.shape) == (np.uint8, (16, SIZE, SIZE))
    assert images.std() > 0
    np.testing.assert_array_equal(images, np.load(tmp_path / "model.npy"))
    masks = np.load(tmp_path / "version.masks.npy")
    assert (masks.dtype, masks.shape) == (np.uint8, (8, SIZE, SIZE))
    assert all(ndimage.label(mask, np.ones((3, 3)))[1] == 2 for mask in masks)


@pytest.mark.parametrize("version", [1, None])
def test_its_figures_are_those_of_the_record(
    registry: Registry, measured: Evaluation, version: int | None
) -> None:
    text = registry.description(version)
    rows = [
        [cell.strip() for cell in line.strip("|").split("|")]
        for line in text.splitlines()
        if line.startswith("| ")
    ]
    found = {row[0]: row[1:] for row in rows}
    for metric, title in (
        (record.KERNEL, "kernel distance"),
        (record.FRECHET, "Fréchet distance"),
        (record.COPIES, "share of copies of training images"),
        (record.COVERAGE, "coverage"),
    ):
        figure = measured.figure(metric)
        value, interval, floor, protocol = found[title]
        assert float(value) == pytest.approx(figure.value, rel=1e-3)
        assert float(floor) == pytest.approx(figure.floor, rel=1e-3)
        assert protocol == f"`{figure.protocol}`"
        bounds = [figure.low, figure.high] if figure.low is not None else []
        assert [float(part) for part in interval.split(" to ") if part] == pytest.approx(bounds)


def test_it_says_what_is_drawn_and_that_it_is_synthetic(registry: Registry) -> None:
    for text in (registry.description(1), registry.description()):
        assert "`no-finding`, `pneumonia`" in text
        assert f"CR, DX images of {SIZE} x {SIZE} pixels" in text
        assert f"show a region, not whole images: `{VIEW}`" in text
        assert "asked for findings of the kinds `pneumonia`, and gives their masks" in text
        assert "Every image is synthetic" in text
        assert "never for diagnosis" in text
        assert "`report.html`" in text
    verdict = "promoted: first model: every guard holds, and there is &lt;no champion> to compare"
    assert verdict in registry.description(1)


def test_it_says_which_part_of_an_image_is_drawn() -> None:
    pair = OutputSpec(CLASSES, 64, "trunk (0, 0.14) 0.72")
    told = "show a region, not whole images: `trunk (0, 0.14) 0.72`"
    assert told in version_description(VersionFacts("m", 1, pair))
    assert "region" not in version_description(VersionFacts("m", 1, OutputSpec(CLASSES, 64)))


def test_it_is_written_once_and_keeps_what_people_wrote(
    registry: Registry, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = registry.description()
    with monkeypatch.context() as patched:
        patched.setattr(Registry, "set_description", None)  # nothing differs, nothing is written
        registry.apply(CHAMPION)
        description.describe_version(registry, 1)
    client = MlflowClient(registry.uri)
    client.update_registered_model(registry.model, f"Owned by radiology.\n\n{text}")
    registry.apply(CHAMPION)
    assert registry.description() == f"Owned by radiology.\n\n{text}"
    registry.apply(Projection(None, 1, None, JournalPosition("cd", 2)))
    assert registry.description().startswith(f"Owned by radiology.\n\n{MARK}")
    assert "has no champion at present" in registry.description()
    client.update_registered_model(registry.model, "")
    registry.apply(CHAMPION)
    assert registry.description() == text


def test_a_failure_is_logged_and_decides_nothing(
    registry: Registry, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise ValueError("the database holds 5,000 characters")

    monkeypatch.setattr(Registry, "set_description", refuse)
    with caplog.at_level(logging.WARNING):
        registry.apply(Projection(None, 1, None, JournalPosition("ab", 1)))
    assert registry.aliases() == {"previous": 1}
    assert "the description of the registered model in MLflow was not updated" in caplog.text
    monkeypatch.undo()
    registry.apply(CHAMPION)


def test_a_version_without_tags_stays_without_a_description(
    registry: Registry, caplog: pytest.LogCaptureFixture
) -> None:
    MlflowClient(registry.uri).create_model_version(registry.model, "file:///nowhere", tags={})
    description.describe_version(registry, 2)
    assert registry.description(2) == ""
    assert "the description of version 2 in MLflow was not updated" in caplog.text


def test_an_evaluation_of_another_format_is_no_error(tmp_path: Path) -> None:
    (tmp_path / "evaluation.json").write_text("{}")
    found = description._evaluation(tmp_path / "evaluation.json")
    facts = VersionFacts("m", 1, OutputSpec(CLASSES, 64), evaluation=found)
    text = version_description(facts)
    assert "no evaluation that can be read" in text
    assert "findings" not in text.split("## Figures")[0], "it takes no layouts"


def test_a_version_says_which_one_it_descends_from() -> None:
    fresh = VersionFacts("m", 4, OutputSpec(CLASSES, 64))
    assert "descends from" not in version_description(fresh)
    text = version_description(fresh._replace(descends_from="3"))
    assert "It descends from version 3" in text
    assert "it learned from the images of both" in text


def test_long_facts_fit_into_mlflows_databases() -> None:
    """They hold 5,000 characters; a class name may have 64."""
    classes = tuple(f"{'c' * 60}{number:04d}" for number in range(200))
    spec = OutputSpec(classes, 128, "v" * 40, classes)
    facts = VersionFacts(
        "m" * 60, 12, spec, "CT", True, evaluation("a1" * 32, 0.1), "rejected",
        "a long reason " * 500,
    )  # fmt: skip
    for text in (version_description(facts), model_description(facts, facts.model)):
        assert len(merged("", text)) < 5000
        assert "no patient was imaged" in text
