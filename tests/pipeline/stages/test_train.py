import csv
import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import yaml
from PIL import Image

from model.config import TrainConfig
from model.families import make_learner
from model.families.rpgan.recipe import Recipe
from model.sampling import load_generator, sample
from model.warm_start import save_networks, weights_of
from model.weights import sha256_of
from pipeline.base import stage_environment
from pipeline.base.errors import BadInputError, ExitCode, TransientError
from pipeline.base.start import Start
from pipeline.data.processed import SPLITS, Processed, SplitArrays
from pipeline.stages.train import TUNABLES, require_extractor, train

CLASSES = ("normal", "stone")
TINY = TrainConfig(
    kimg=0.08,
    snapshots=2,
    validation_images=8,
    checkpoint_kimg=0.02,
    precision="float32",
    threads=1,
    recipe=Recipe(batch=8, latent=8, widths=(12, 8, 8)),
)


def _split(classes: int) -> SplitArrays:
    images = np.random.default_rng(0).integers(0, 256, (12, 32, 32), dtype=np.uint8)
    names = np.array([f"i{i}" for i in range(12)])
    return SplitArrays(images, np.arange(12) % classes, names, names)


@pytest.fixture
def processed(tmp_path: Path) -> Path:
    folder = tmp_path / "data/processed"
    Processed(CLASSES, {split: _split(2) for split in SPLITS}).save(folder)
    return folder


def test_it_writes_the_generator_its_history_its_samples_and_its_record(
    processed: Path, tmp_path: Path
) -> None:
    out = tmp_path / "models"
    result = train(processed, out, TINY, checkpoints=tmp_path / "checkpoints")
    assert result.sha256 == sha256_of(out / "generator.safetensors")
    assert sample(load_generator(out, result.sha256), ["stone"], 0).shape == (1, 32, 32)
    with (out / "history.csv").open() as lines:
        rows = list(csv.DictReader(lines))
    assert rows[-1]["images_seen"] == "80.0"
    assert not any("second" in column or "time" in column for column in rows[0])
    grids = sorted((out / "samples").iterdir())
    assert [grid.name for grid in grids] == ["000000040.png", "000000080.png"]
    assert np.asarray(Image.open(grids[0])).shape == (64, 256)
    record = json.loads((out / "training.json").read_text())
    assert record["runtime"]["precision"] == "float32"
    assert (record["seed"], record["images_seen"]) == (0, 80)
    assert (record["family"], record["ended"], record["repeatable"]) == ("rpgan", "finished", True)
    with (out / "validation.csv").open() as lines:
        validated = list(csv.DictReader(lines))
    best = min(validated, key=lambda row: (row["collapsed"], float(row["kernel_distance"])))
    assert record["best_images_seen"] == float(best["images_seen"])
    with (out / "membership.csv").open() as lines:
        members = [(row["held_out"], float(row["score"])) for row in csv.DictReader(lines)]
    assert [side for side, _ in members] == ["0.0"] * 12 + ["1.0"] * 12
    assert len({score for _, score in members}) > 4
    assert record["start"] == {"from": "fresh"}
    assert record["networks_sha256"] == sha256_of(out / "networks.safetensors")
    # A finished training needs no checkpoint, and the next must not resume from it.
    assert not list((tmp_path / "checkpoints").iterdir())


def test_the_same_input_gives_the_same_bytes(processed: Path, tmp_path: Path) -> None:
    for name in ("a", "b"):
        train(processed, tmp_path / name, TINY)
    files = sorted(p.relative_to(tmp_path / "a") for p in (tmp_path / "a").rglob("*.*"))
    assert len(files) == 9
    for file in files:
        assert (tmp_path / "a" / file).read_bytes() == (tmp_path / "b" / file).read_bytes()


def test_it_goes_on_from_the_networks_of_another_training(processed: Path, tmp_path: Path) -> None:
    train(processed, tmp_path / "first", TINY)
    networks = tmp_path / "first" / "networks.safetensors"
    origin = Start(3, "a" * 16, "w", sha256_of(networks), "m", networks.stat().st_size)
    found = train(processed, tmp_path / "second", TINY, start=networks, origin=origin)
    assert found.sha256 != sha256_of(tmp_path / "first" / "generator.safetensors")
    record = json.loads((tmp_path / "second" / "training.json").read_text())
    assert record["start"] == origin.facts
    assert record["repeatable"] is True


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (None, "is missing: `dvc pull"),
        (b"no networks", "cannot begin from .* not a safetensors file"),
    ],
)
def test_networks_that_cannot_be_used_are_refused_before_training(
    processed: Path, tmp_path: Path, content: bytes | None, says: str
) -> None:
    file = tmp_path / "networks.safetensors"
    if content is not None:
        file.write_bytes(content)
    with pytest.raises(BadInputError, match=says) as caught:
        train(processed, tmp_path / "models", TINY, start=file)
    assert "`medloom run --start fresh` trains without them" in str(caught.value)
    assert not (tmp_path / "models").exists()


def test_networks_of_another_size_or_other_bytes_are_refused(
    processed: Path, tmp_path: Path
) -> None:
    recipe = TINY.recipe.model_copy(update={"latent": 4})
    other = make_learner(TINY.network(32, CLASSES), recipe, 0)
    file = tmp_path / "networks.safetensors"
    network = other.average.config.model_copy(update={"latent": 4})
    sha256 = save_networks(file, weights_of(other), network)
    with pytest.raises(BadInputError, match="latent was 4 and is 8"):
        train(processed, tmp_path / "models", TINY, start=file, origin=Start(1, sha256=sha256))
    with pytest.raises(BadInputError, match="was altered: its sha256 is"):
        train(processed, tmp_path / "models", TINY, start=file, origin=Start(1, sha256="0" * 64))


def test_a_lost_lease_is_transient_and_writes_nothing(processed: Path, tmp_path: Path) -> None:
    out = tmp_path / "models"
    with pytest.raises(TransientError, match="another try"):
        train(processed, out, TINY, should_stop=lambda: True)
    assert not out.exists()


def test_a_class_without_training_images_is_bad_input(tmp_path: Path) -> None:
    folder = tmp_path / "processed"
    Processed(CLASSES, {split: _split(1) for split in SPLITS}).save(folder)
    with pytest.raises(BadInputError, match="stone"):
        train(folder, tmp_path / "models", TINY)


def test_the_command_reads_params_and_reports_its_progress(processed: Path, tmp_path: Path) -> None:
    section = TINY.model_dump(mode="json")
    (tmp_path / "params.yaml").write_text(yaml.safe_dump({"train": section}))
    told = tmp_path / "progress.json"
    quiet = {name: value for name, value in os.environ.items() if name not in TUNABLES}
    environment = quiet | {
        "PYTHONPATH": str(Path(__file__).parents[3]),
        stage_environment.PROGRESS_FILE: str(told),
        stage_environment.CHECKPOINT_FOLDER: str(tmp_path / "checkpoints"),
    }
    subprocess.run(
        [sys.executable, "-m", "pipeline.stages.train"],
        cwd=tmp_path,
        env=environment,
        check=True,
        timeout=120,
    )
    facts = json.loads(told.read_text())
    assert (facts["images_seen"], facts["images_total"]) == (80, 80)
    assert facts["images_per_second"] > 0
    assert processed.exists()
    assert (tmp_path / "models/generator.safetensors").exists()


@pytest.mark.parametrize(
    ("extractor", "message"),
    [
        ({"path": "none.pth"}, "evaluate.extractor.path: no weights at none.pth"),
        ({"sha256": "0" * 64}, "evaluate.extractor.sha256: .* expected 0000"),
        ({"name": "vgg"}, "evaluate.extractor.name: Input should be 'efflite0'"),
        ({"name": "inception"}, "inception needs path"),
    ],
)
def test_nothing_is_trained_that_could_not_be_evaluated(
    tmp_path: Path, extractor: dict[str, str], message: str
) -> None:
    params = tmp_path / "params.yaml"
    params.write_text(yaml.safe_dump({"evaluate": {"extractor": extractor}}))
    with pytest.raises(BadInputError, match=message):
        require_extractor(params)
    params.write_text(yaml.safe_dump({"evaluate": {}}))
    require_extractor(params)


def test_the_command_checks_the_extractor_before_it_reads_the_images(tmp_path: Path) -> None:
    """The extractor is checked before the data set, which does not exist here."""
    sections = {"train": {}, "evaluate": {"extractor": {"path": "none.pth"}}}
    (tmp_path / "params.yaml").write_text(yaml.safe_dump(sections))
    done = subprocess.run(
        [sys.executable, "-m", "pipeline.stages.train"],
        cwd=tmp_path,
        # With the tunables there, it does not start, and import torch, a second time.
        env=os.environ | TUNABLES | {"PYTHONPATH": str(Path(__file__).parents[3])},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == ExitCode.BAD_INPUT
    assert "evaluate.extractor.path: no weights at none.pth" in done.stderr


def test_tunables_are_there_from_the_start_of_the_same_process() -> None:
    code = (
        "import os; from pipeline.stages.train import TUNABLES, with_tunables\n"
        "with_tunables()\n"
        "print(TUNABLES.items() <= os.environ.items(), os.getpid())"
    )
    quiet = {name: value for name, value in os.environ.items() if name not in TUNABLES}
    process = subprocess.Popen(
        [sys.executable, "-c", code], env=quiet, stdout=subprocess.PIPE, text=True
    )
    printed, _ = process.communicate(timeout=60)
    assert printed.split() == ["True", str(process.pid)]
