"""A project whose version 1 is a real generator that no gate has judged, and no ledger knows."""

import shutil
from dataclasses import replace
from pathlib import Path

import torch

from model.families import make_generator
from model.network import NetworkConfig
from model.weights import save_generator
from pipeline.base.project import PROJECT_ROOT, Project
from pipeline.evaluation.record import EVALUATION_FILE, Evaluation
from pipeline.registry.bundle import Candidate
from pipeline.registry.registry import Registry
from tests.support.pictures import put

SIZE = 32


def save_tiny_generator(folder: Path, classes: tuple[str, ...]) -> str:
    """An untrained generator of 32 x 32 pixels; returns the sha256 of its weights."""
    network = NetworkConfig(
        family="rpgan", image_size=SIZE, classes=classes, widths=(8, 8, 8), latent=8
    )
    torch.manual_seed(0)
    return save_generator(folder, make_generator(network).state_dict(), network)


def register_generator(
    project: Project,
    folder: Path,
    classes: tuple[str, ...],
    evaluation: Evaluation | None = None,
    tags: dict[str, str] | None = None,
) -> Project:
    """A project with that generator in a registry without a server.

    Args:
        project: a project without one.
        folder: an empty one, for the registry and what is registered.
        classes: that it draws.
        evaluation: of its run; None: a file that is not an evaluation.
        tags: more tags of the version.
    """
    known, work = replace(project, mlflow_uri=f"sqlite:///{folder / 'mlflow.db'}"), folder / "work"
    shutil.copytree(PROJECT_ROOT / "model", work / "model")
    save_tiny_generator(work / "models", classes)
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
    assert registry.register(Candidate(work, classes, SIZE, about, {}, {}, "digest")) == 1
    return known
