"""A project to monitor, made without a service: real images, and a champion that draws."""

from pathlib import Path

from pipeline.base.project import Project
from pipeline.flow.steps import ingest
from pipeline.ledger.ledger import DATA, Ledger
from tests.support.generators import save_tiny_generator
from tests.support.pictures import encode, picture, put
from tests.support.shown import add_version, empty_project

CLASSES = ("cyst", "stone")


def monitored_project(folder: Path, patients: int = 24) -> Project:
    """Images of so many patients in two classes, and version 1, an untrained generator, champion.

    Changed parameters: none; add some to `params_file`.
    """
    project = empty_project(folder)
    land(project, patients)
    champion(project, folder, 1)
    return project


def champion(project: Project, folder: Path, number: int) -> None:
    """Make a version champion that learned the newest data."""
    work = folder / f"work-{number}"
    sha256 = save_tiny_generator(work / "models", CLASSES)
    data = Ledger(project).head(DATA)
    assert data
    add_version(project, work, number, sha256, "promoted", data)


def land(project: Project, patients: int, first: int = 0, brighter: int = 0) -> None:
    """Ingest one image of each class of some patients, numbered from `first` on."""
    for place, label in enumerate(CLASSES):
        for number in range(first, first + patients):
            pixels = picture(1000 * place + number).clip(brighter, 255)
            name = f"phantom-{place}{number:04d}-0.png"
            put(project.landing / label / name, encode(pixels))
    assert ingest(project).new == patients * len(CLASSES)
