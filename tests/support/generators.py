"""A project whose version 1 is a real generator that no gate has judged, and no ledger knows."""

import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch

from model.families import make_generator
from model.families.base import Generator
from model.families.styled import StyledGenerator
from model.layout_statistics import layout_bank
from model.layouts import Layouts, ellipse
from model.network import NetworkConfig, stages
from model.weights import save_generator
from pipeline.base.project import PROJECT_ROOT, Project
from pipeline.evaluation.record import EVALUATION_FILE, Evaluation
from pipeline.registry.bundle import Candidate
from pipeline.registry.registry import Registry
from tests.support.pictures import put

SIZE = 32


VIEW = "trunk (0, 0.14) 0.72"
MM = 80.0  # to the side of an image


def tiny_generator(
    classes: tuple[str, ...],
    kinds: tuple[str, ...] = (),
    mm: float = MM,
    size: int = SIZE,
    family: str = "rpgan",
) -> Generator:
    """An untrained generator of 32 x 32 pixels, or of another size or family.

    With kinds it takes layouts, and its bank knows two findings of 3 to 5 px for each image of the
    class of a kind's name, in the left or in the right half, and one in every fourth image else.
    """
    network = NetworkConfig(
        family=family, image_size=size, classes=classes, widths=(8,) * stages(size), latent=8,
        given=kinds, view=VIEW if kinds else "",
    )  # fmt: skip
    torch.manual_seed(0)
    generator = make_generator(network)
    if isinstance(generator, StyledGenerator):
        classes_alone = torch.eye(len(classes)).repeat_interleave(64, 0)
        w = generator.mapping(torch.randn(len(classes_alone), 8), classes_alone)
        generator.means.copy_(w.detach().view(len(classes), 64, -1).mean(1))
    if generator.bank is not None:
        labels = np.arange(len(classes)).repeat(16)
        maps = np.stack(
            [_findings(classes[label], kinds, n, size) for n, label in enumerate(labels)]
        )
        told = np.ones(len(labels), np.bool_)
        bank = layout_bank(Layouts(maps, told), labels, len(classes), mm)
        generator.bank.load_state_dict(bank.state_dict())
    return generator.eval()


def _findings(name: str, kinds: tuple[str, ...], number: int, size: int) -> np.ndarray[Any, Any]:
    maps = np.zeros((len(kinds), size, size), np.uint8)
    for one, kind in zip(maps, kinds, strict=True):
        for place in range(2 if kind == name else number % 4 == 0):
            diameter = (3 + number % 3) / size
            x, y = 0.25 + 0.5 * (place + number % 2) % 1, 0.2 + 0.08 * (number % 8)
            np.maximum(one, ellipse(size, x, y, diameter, diameter), out=one)
    return maps


def save_tiny_generator(folder: Path, classes: tuple[str, ...], kinds: tuple[str, ...] = ()) -> str:
    """Write `tiny_generator`; returns the sha256 of its weights."""
    generator = tiny_generator(classes, kinds)
    return save_generator(folder, generator.state_dict(), generator.config)


def register_generator(
    project: Project,
    folder: Path,
    classes: tuple[str, ...],
    evaluation: Evaluation | None = None,
    tags: dict[str, str] | None = None,
    kinds: tuple[str, ...] = (),
) -> Project:
    """A project with that generator in a registry without a server.

    Args:
        project: a project without one.
        folder: an empty one, for the registry and what is registered.
        classes: that it draws.
        evaluation: of its run; None: a file that is not an evaluation.
        tags: more tags of the version.
        kinds: of findings that it takes layouts of.
    """
    known, work = replace(project, mlflow_uri=f"sqlite:///{folder / 'mlflow.db'}"), folder / "work"
    shutil.copytree(PROJECT_ROOT / "model", work / "model")
    save_tiny_generator(work / "models", classes, kinds)
    for name in (
        "dvc.lock", "dvc.yaml", "params.yaml", "requirements.lock", "reports/evaluation.json",
        "data/manifest/a.csv", "models/samples/grid.txt",
    ):  # fmt: skip
        put(work / name, b"text")
    if evaluation:
        evaluation.save(work / "reports" / EVALUATION_FILE)
    registry = Registry(known.mlflow_uri, known.model)
    registry._client.create_experiment(known.model, artifact_location=str(folder / "artifacts"))
    about = {"medloom.run_key": "k"} | (tags or {})
    view = VIEW if kinds else ""
    assert registry.register(Candidate(work, classes, SIZE, about, {}, {}, "digest", view)) == 1
    return known
