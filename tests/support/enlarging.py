"""A project that enlarges, beside one that draws what it takes; both without a service."""

from pathlib import Path
from typing import Literal

import torch

from model.families import make_generator
from model.families.base import Generator
from model.network import NetworkConfig
from model.weights import save_generator
from pipeline.base.project import Project
from tests.support.generators import SIZE
from tests.support.shown import CLASSES, add_version, empty_project, shown_project

FACTOR: Literal[2] = 2


def tiny_enlarger() -> Generator:
    """An untrained enlarger of images of `SIZE` pixels."""
    network = NetworkConfig(
        family="enlarge_se", image_size=FACTOR * SIZE, classes=CLASSES, latent=1, widths=(8,),
        factor=FACTOR, blocks=1,
    )  # fmt: skip
    torch.manual_seed(0)
    return make_generator(network).eval()


def enlarging_project(folder: Path) -> Project:
    """The project `larger`, whose version 1 is champion; beside it lies `shown_project`."""
    shown_project(folder, kinds=())
    project, enlarger = empty_project(folder, "larger"), tiny_enlarger()
    sha256 = save_generator(folder / "larger" / "models", enlarger.state_dict(), enlarger.config)
    add_version(project, folder / "larger", 1, sha256, "promoted")
    return project
