"""A project to look at, made without a service: a champion that draws, from this host's store."""

import shutil
from pathlib import Path

from pipeline.base.project import PROJECT_ROOT, Project
from pipeline.ledger.journal import Journal
from pipeline.ledger.ledger import Ledger
from pipeline.registry.bundle import make_bundle
from pipeline.registry.generator_store import GeneratorStore
from tests.support.generators import save_tiny_generator

CLASSES, KINDS = ("cyst", "normal", "stone"), ("cyst", "stone")


def empty_project(folder: Path, name: str = "shown") -> Project:
    """A project that has learned nothing."""
    project = Project.load({"MEDLOOM_STATE": str(folder / "state" / name)})
    project.state.mkdir(parents=True)
    return project


def shown_project(folder: Path, kinds: tuple[str, ...] = KINDS) -> Project:
    """A project whose version 1, an untrained generator, is champion."""
    project = empty_project(folder)
    sha256 = save_tiny_generator(folder / "work" / "models", CLASSES, kinds)
    add_version(project, folder / "work", 1, sha256, "promoted")
    return project


def add_version(
    project: Project,
    work: Path,
    number: int,
    sha256: str,
    action: str,
    run_key: str = "",
    data: str = "d" * 40,
) -> None:
    """Decide about a version of a folder with models/, and put its bundle into the store."""
    shutil.copytree(PROJECT_ROOT / "model", work / "model", dirs_exist_ok=True)
    GeneratorStore(project.cache / "generators").add(
        sha256, lambda new: make_bundle(work, new / "bundle", sha256)
    )
    journal = Journal(Ledger(project))
    record = journal.append(
        action=action, version=number, weights_sha256=sha256, run_key=run_key or f"key-{number}",
        data=data, predecessor=journal.champion.version if journal.champion else None,
        verdict={"outcome": action, "rules": [], "reason": "tiny"}, test_set="t", by="gate",
        reason="tiny",
    )  # fmt: skip
    assert record is not None
