"""Registered versions, evaluations and verdicts of earlier versions, read by this one."""

import hashlib
import json
import subprocess
import sys
import tarfile
from pathlib import Path

import pytest

from model.weights import read_config, read_safetensors
from pipeline.data.manifest import parse_batch
from pipeline.evaluation.record import KERNEL, Evaluation
from pipeline.promotion.gate.verdict import Verdict
from pipeline.registry.lineage import data_listing

HERE = Path(__file__).parent
VERSIONS = sorted(file.parent.name for file in HERE.glob("*/bundle.tar.xz"))

# As pipeline/registry/mlflow_model.py loads a version; nothing of this checkout can be imported.
_LOAD = """
import importlib, importlib.util, sys
from pathlib import Path
sys.modules.update({"pipeline": None, "model": None})
bundle = Path(sys.argv[1])
code = bundle / "medloom_model"
spec = importlib.util.spec_from_file_location(
    "carried", code / "__init__.py", submodule_search_locations=[str(code)])
sys.modules["carried"] = importlib.util.module_from_spec(spec)
spec.loader.exec_module(sys.modules["carried"])
sampling = importlib.import_module("carried.sampling")
images = sampling.sample(sampling.load_generator(bundle / "generator"), ["cyst", "stone"], 7)
again = sampling.sample(sampling.load_generator(bundle / "generator"), ["cyst", "stone"], 7)
print(images.dtype, images.shape, images.std() > 0, (images == again).all())
"""


@pytest.fixture(scope="module", params=VERSIONS)
def version(request: pytest.FixtureRequest) -> Path:
    return HERE / str(request.param)


@pytest.fixture(scope="module")
def bundle(version: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("version")
    with tarfile.open(version / "bundle.tar.xz") as tar:
        tar.extractall(folder, filter="data")
    return folder / "bundle"


def test_a_version_loads_by_the_code_that_it_carries(bundle: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-P", "-c", _LOAD, str(bundle)],
        cwd=bundle, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.stdout == "uint8 (2, 32, 32) True True\n", done.stderr


def test_its_sums_are_those_that_were_registered(bundle: Path) -> None:
    facts = json.loads((bundle / "bundle.json").read_text())
    digest = hashlib.sha256()
    for file in sorted((bundle / "medloom_model").rglob("*.py")):
        name = str(file.relative_to(bundle / "medloom_model"))
        digest.update(name.encode() + b"\0" + file.read_bytes())
    weights = (bundle / "generator" / "generator.safetensors").read_bytes()
    assert facts == {
        "weights_sha256": hashlib.sha256(weights).hexdigest(), "code_sha256": digest.hexdigest(),
    }  # fmt: skip


def test_its_weights_and_config_are_read_by_the_code_of_now(bundle: Path) -> None:
    network, sha256 = read_config(bundle / "generator")
    assert (network.image_size, network.classes[0]) == (32, "cyst")
    weights = bundle / "generator" / "generator.safetensors"
    assert hashlib.sha256(weights.read_bytes()).hexdigest() == sha256
    assert read_safetensors(weights)


def test_its_evaluation_is_read_and_says_the_same(version: Path, tmp_path: Path) -> None:
    found = Evaluation.load(version / "evaluation.json")
    said = json.loads((version / "evaluation.json").read_text())
    assert found.figure(KERNEL).value == next(
        figure["value"] for figure in said["figures"]
        if (figure["metric"], figure["label"]) == (KERNEL, None)
    )  # fmt: skip
    assert len(found.figures) == len(said["figures"])
    found.save(tmp_path / "again.json")
    assert Evaluation.load(tmp_path / "again.json") == found


def test_the_verdicts_are_read(version: Path) -> None:
    first, second = (
        Verdict.model_validate_json((version / name).read_text())
        for name in ("verdict-first.json", "verdict-second.json")
    )
    assert (first.outcome, first.comparison, first.champion) == ("promoted", None, None)
    assert second.comparison
    assert second.champion == first.candidate
    assert second.looks_used == 1


def test_its_manifest_and_lock_are_read(version: Path) -> None:
    for file in sorted(version.glob("b0*.csv")):
        rows = parse_batch(file.read_text())
        assert {row.batch for row in rows} == {file.stem}
        assert all(row.brightness and row.view for row in rows)
    assert data_listing((version / "dvc.lock").read_text()).endswith(".dir")
