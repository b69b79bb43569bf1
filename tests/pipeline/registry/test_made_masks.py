"""A version that makes findings itself gives their masks, and is not asked for any."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from model import sampling
from model.families import make_generator
from model.families.base import Generator
from model.network import NetworkConfig
from model.sampling import label_maps, made_layouts, sample
from model.weights import save_generator
from pipeline.base.errors import BadInputError
from pipeline.base.project import Project
from pipeline.registry.asked import Asked
from pipeline.registry.bundle import LoadedBundle, kinds_of
from pipeline.registry.description import VersionFacts, version_description
from pipeline.registry.image_files import generate_images
from pipeline.registry.mlflow_model import SyntheticImages
from pipeline.registry.output_spec import OutputSpec
from tests.support.told import serve

CLASSES, KINDS, SIZE = ("cyst", "normal", "stone"), ("cyst", "stone"), 32
ALL = ["stone", "normal", "cyst"]


def making(annotated: tuple[bool, ...] = (True, True, True)) -> Generator:
    """An untrained generator that makes findings; its maps are noise, half of it above the half."""
    network = NetworkConfig(
        family="pggan", image_size=SIZE, classes=CLASSES, latent=8, widths=(8, 8, 8), made=KINDS
    )
    torch.manual_seed(0)
    generator = make_generator(network)
    generator.annotated.copy_(torch.tensor(annotated))
    return generator.eval()


def served(monkeypatch: pytest.MonkeyPatch, generator: Generator) -> Generator:
    serve(monkeypatch, generator)
    return generator


def pixels(file: Path) -> Any:
    with Image.open(file) as image:
        return np.asarray(image)


def test_masks_are_those_that_were_made_beside_the_images(
    project: Project, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    generator = served(monkeypatch, making())
    drawn = generate_images(
        project, "champion", "stone", 3, 7, tmp_path / "out", truncation=0.8, masks=True
    )
    images = sample(generator, ["stone"] * 3, 7, truncation=0.8)
    masks = label_maps(made_layouts(generator, ["stone"] * 3, 7, truncation=0.8))
    assert masks.any()
    for file, mask, image, labels in zip(drawn.files, drawn.masks, images, masks, strict=True):
        assert np.array_equal(pixels(file), image)
        assert np.array_equal(pixels(mask), labels)
    assert drawn.made
    assert drawn.findings
    assert set(drawn.findings) <= set(KINDS)
    with Image.open(drawn.masks[1]) as opened:
        about = json.loads(opened.info["medloom"])
    assert about["kinds"] == list(KINDS)
    assert about["mask_of"] == drawn.files[1].name
    coco = json.loads((tmp_path / "out" / "findings.coco.json").read_text())
    assert [one["name"] for one in coco["categories"]] == list(KINDS)
    assert len(coco["annotations"]) == sum(drawn.findings.values())


def test_findings_cannot_be_asked_for_and_no_layout_is_taken(
    project: Project, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    served(monkeypatch, making())
    with pytest.raises(BadInputError, match=r"makes findings itself.*leave their number"):
        generate_images(project, "champion", "stone", 1, 7, tmp_path / "a", asked=Asked(2))
    mask = tmp_path / "mask.png"
    Image.fromarray(np.zeros((SIZE, SIZE), np.uint8)).save(mask)
    with pytest.raises(BadInputError, match=r"makes its findings itself.*leave the layout out"):
        generate_images(project, "champion", "stone", 1, 7, tmp_path / "b", layout=mask)


def test_a_class_that_nobody_annotated_has_no_masks(
    project: Project, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    served(monkeypatch, making((True, False, True)))
    with pytest.raises(BadInputError, match="where the findings of normal are is not known"):
        generate_images(project, "champion", "normal", 1, 7, tmp_path / "a", masks=True)
    drawn = generate_images(project, "champion", "normal", 1, 7, tmp_path / "b")
    assert drawn.findings is None


def test_a_consumer_gets_the_masks_of_the_same_call() -> None:
    generator = making()
    consumer: Any = SyntheticImages()
    consumer._sampling, consumer._generator = sampling, generator
    asked = {"seed": 7, "start": 2, "truncation": 0.7}
    images = consumer.predict(None, ALL, asked)
    assert np.array_equal(images, sample(generator, ALL, 7, start=2, truncation=0.7))
    masks = consumer.predict(None, ALL, {**asked, "output": "masks"})
    assert np.array_equal(
        masks, label_maps(made_layouts(generator, ALL, 7, start=2, truncation=0.7))
    )
    bundle = LoadedBundle(sampling, generator)
    made = bundle.made_layouts(ALL, 7, start=2, truncation=0.7)
    assert made is not None
    assert np.array_equal(label_maps(made), masks)
    with pytest.raises(ValueError, match="makes findings itself"):
        consumer.predict(None, ALL, {"findings": 1})
    with pytest.raises(ValueError, match="a walk has no masks"):
        consumer.predict(None, ALL, {"frames": 2, "output": "masks"})


def test_what_it_makes_is_in_its_config_its_spec_and_its_description(tmp_path: Path) -> None:
    generator = making()
    save_generator(tmp_path, generator.state_dict(), generator.config)
    assert kinds_of(tmp_path) == ()
    assert kinds_of(tmp_path, "made") == KINDS
    spec = LoadedBundle(sampling, generator).output_spec
    assert spec == OutputSpec(CLASSES, SIZE, "", (), KINDS)
    text = version_description(VersionFacts("m", 1, spec))
    assert "it makes a mask of its findings, of the kinds `cyst`, `stone`" in text
    assert 'masks = generator.predict(["cyst"] * 16, params={"seed": 7, "output": "masks"})' in text
    assert "can be asked for findings" not in text
