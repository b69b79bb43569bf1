"""Versions drawn in this process: what they are, where they come from, and that they are the same.

The tiny project has a real ledger, remote and registry; its generator answers with its seed.
"""

import hashlib
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from model.layouts import label_maps
from pipeline.base.errors import BadInputError
from pipeline.base.project import Project
from pipeline.ledger.run import Run
from pipeline.local import services
from pipeline.registry import generators as generators_module
from pipeline.registry.asked import Asked, Size
from pipeline.registry.generators import Generators
from pipeline.registry.isolated_consumer import ask
from pipeline.registry.output_spec import OutputSpec
from tests.support.generators import VIEW, register_generator
from tests.support.tiny import Tiny

CLASSES, KINDS = ("cyst", "stone"), ("cyst", "stone")


@pytest.fixture
def elsewhere(tiny: Tiny, tmp_path: Path) -> Project:
    """The tiny project on a machine that has not drawn from it yet, whose MLflow knows nothing."""
    nothing = f"sqlite:///{tmp_path / 'mlflow.db'}"
    return replace(tiny.project, cache=tmp_path / "cache", mlflow_uri=nothing)


@pytest.fixture
def processes(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The started programs, among which MLflow must not be."""
    started: list[str] = []

    class Recorded(subprocess.Popen[Any]):
        def __init__(self, args: Any, *more: Any, **options: Any) -> None:
            started.append(Path(args[0]).name)
            super().__init__(args, *more, **options)

    monkeypatch.setattr(subprocess, "Popen", Recorded)
    monkeypatch.setattr(services, "mlflow", None)
    return started


# -- which version ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("asked", "number", "aliases"),
    [
        ("champion", 2, ("champion",)),
        ("previous", 1, ("previous",)),
        ("1", 1, ("previous",)),
        ("2", 2, ("champion",)),
    ],
)
def test_the_journal_says_which_version(
    elsewhere: Project, processes: list[str], asked: str, number: int, aliases: tuple[str, ...]
) -> None:
    generators = Generators(elsewhere)
    found = generators.find(asked)
    assert (found.number, found.aliases) == (number, aliases)
    assert generators.draw(asked, ["stone"] * 3, 5).tolist() == np.full((3, 4, 4), 5).tolist()
    assert set(processes) == {"git"}


@pytest.mark.parametrize("asked", ["7", "challenger", "favourite"])
def test_an_unknown_version_names_those_there_are(
    tiny: Tiny, elsewhere: Project, asked: str
) -> None:
    known = replace(elsewhere, mlflow_uri=tiny.project.mlflow_uri)
    with pytest.raises(BadInputError, match=rf"'{asked}'; it has 1, 2, champion \(2\), prev"):
        Generators(known).find(asked)


def test_a_project_that_learned_nothing_says_so(project: Project) -> None:
    with pytest.raises(BadInputError, match="no version 'champion'; it has none yet"):
        Generators(project).find("champion")


# -- where it comes from ---------------------------------------------------------------------------


def test_ledger_and_remote_give_the_files_that_consumers_get(
    tiny: Tiny, elsewhere: Project, tmp_path: Path
) -> None:
    generators = Generators(elsewhere)
    found = generators.find("champion")
    generators.draw("champion", ["stone"], 0)
    consumers = tiny.registry.bundle(found.number, tmp_path / "download")
    assert consumers is not None
    kept = contents(elsewhere.cache / "generators" / found.weights_sha256)
    del kept["checked.json"]
    assert kept == contents(consumers)


def test_a_second_process_fetches_nothing(
    elsewhere: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = Generators(elsewhere).draw("champion", ["stone"], 3)
    monkeypatch.setattr(generators_module, "fetch_bundle", None)
    assert np.array_equal(Generators(elsewhere).draw("champion", ["stone"], 3), before)


def test_altered_weights_are_fetched_again(elsewhere: Project) -> None:
    generators = Generators(elsewhere)
    generators.draw("champion", ["stone"], 3)
    bundle = elsewhere.cache / "generators" / generators.find("champion").weights_sha256
    weights = bundle / "generator" / "generator.safetensors"
    whole = weights.read_bytes()
    weights.write_bytes(whole[::-1])
    Generators(elsewhere).draw("champion", ["stone"], 3)
    assert weights.read_bytes() == whole


@pytest.mark.parametrize("damage", ["missing", "changed"])
def test_an_object_that_the_remote_lost(
    tiny: Tiny, elsewhere: Project, tmp_path: Path, damage: str
) -> None:
    remote = shutil.copytree(tiny.project.remote, tmp_path / "remote")
    file = object_of(tiny, remote, "champion")
    if damage == "missing":
        file.unlink()
    else:
        file.chmod(0o644)
        file.write_bytes(b"something else")
    lost = replace(elsewhere, remote=str(remote))
    with pytest.raises(
        BadInputError, match=r"cannot draw from version .*: object \w+ is missing.*no copy"
    ):
        Generators(lost).draw("champion", ["stone"], 0)
    with_copy = replace(lost, mlflow_uri=tiny.project.mlflow_uri)
    assert Generators(with_copy).draw("champion", ["stone"], 9).max() == 9


def object_of(tiny: Tiny, remote: Path, version: str) -> Path:
    """The path of a version's weights in a copy of the remote."""
    weights = Generators(tiny.project).find(version).weights_sha256
    files = (file for file in remote.rglob("*") if file.is_file())
    return next(f for f in files if hashlib.sha256(f.read_bytes()).hexdigest() == weights)


def contents(folder: Path) -> dict[str, bytes]:
    files = (file for file in folder.rglob("*") if file.is_file() and file.suffix != ".pyc")
    return {str(file.relative_to(folder)): file.read_bytes() for file in files}


def test_what_the_stages_of_a_run_wrote(tiny: Tiny) -> None:
    ledger, key = tiny.ledger, Generators(tiny.project).find("champion").run_key
    assert sorted(Run.get(ledger, key).outputs) == [
        "data/processed", "models", "reports",
    ]  # fmt: skip


# -- the same images -------------------------------------------------------------------------------


@pytest.fixture
def _one_thread(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """As many here as in the consumer's process, whatever ran before in this one."""
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture
def registered(project: Project, tmp_path: Path) -> Project:
    return register_generator(project, tmp_path, CLASSES, kinds=KINDS)


@pytest.mark.usefixtures("_one_thread")
def test_images_are_those_of_a_consumer_bit_for_bit(registered: Project) -> None:
    generators = Generators(registered)
    assert generators.find("1").aliases == ()
    assert generators.output_spec("1") == OutputSpec(CLASSES, 32, VIEW, KINDS)
    uri, model = registered.mlflow_uri, f"models:/{registered.model}/1"
    labels = ["stone", "cyst", "3*cyst+stone", "stone"]
    asked = {"start": 2, "truncation": 0.7}
    expected = ask(uri, model, labels, {"seed": 7, **asked})
    drawn = generators.draw("1", labels, 7, start=2, truncation=0.7)
    assert drawn.std() > 0
    assert np.array_equal(drawn, expected)
    told: dict[str, float | str] = {"start": 2, "findings": 2, "kind": "stone", "size_low": 3.0}
    wanted = generators.layouts("1", labels, 7, start=2, asked=Asked(2, "stone", Size.parse("3px")))
    commanded = ask(uri, model, labels, {"seed": 7, **told})
    assert np.array_equal(generators.draw("1", labels, 7, start=2, layouts=wanted), commanded)
    masks = ask(uri, model, labels, {"seed": 7, **told, "output": "masks"})
    assert wanted is not None
    assert np.array_equal(label_maps(wanted), masks)
    assert set(masks.ravel().tolist()) == {0, 2}
    walk = ask(uri, model, labels, {"seed": 7, "frames": 3})
    assert np.array_equal(generators.draw("1", labels, 7, frames=3), walk)
    with pytest.raises(
        BadInputError, match=r"cannot draw from version 1: unknown class lung.*cyst.*stone"
    ):
        generators.draw("1", ["lung"], 0)
