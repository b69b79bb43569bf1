"""Pairs from a landing zone to a first model that is promoted, and to a consumer."""

import shutil
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import yaml
from numpy.typing import NDArray
from PIL import Image

from model.config import TrainConfig
from model.network import NetworkConfig
from pipeline.base.errors import BadInputError
from pipeline.base.project import PROJECT_ROOT
from pipeline.data.config import IngestConfig
from pipeline.data.findings import Finding, findings_text
from pipeline.data.manifest import read_manifest, write_batch
from pipeline.data.processed import Processed
from pipeline.data.square import PreprocessConfig
from pipeline.evaluation.record import EvaluateConfig, Evaluation
from pipeline.ledger.dvc import Dvc
from pipeline.ledger.ledger import Workspace
from pipeline.promotion import judge
from pipeline.promotion.by_hand import pairs_of_version
from pipeline.promotion.champion import try_out
from pipeline.promotion.gate import GateConfig, decide
from pipeline.registry.aliases import JournalPosition, Projection
from pipeline.registry.bundle import LoadedBundle
from pipeline.registry.description import VersionFacts, version_description
from pipeline.registry.isolated_consumer import ask
from pipeline.registry.output_spec import OutputSpec
from pipeline.registry.registry import Registry
from pipeline.stages import left_out
from pipeline.stages.evaluate import evaluate
from pipeline.stages.preprocess import preprocess
from pipeline.stages.train import train
from tests.model.families.test_families import config_of
from tests.support.exposures import MODALITIES, fill_pairs
from tests.support.pictures import IngestedFolder, put

CONFIG = PreprocessConfig(size=32, modalities=MODALITIES)
ORDER = ("SHORT", "LONG")
"""Not that of the alphabet, in which the manifest's modalities are listed."""


@pytest.fixture(scope="module")
def workspace(tmp_path_factory: pytest.TempPathFactory) -> Path:
    project = IngestedFolder(tmp_path_factory.mktemp("pairs"), IngestConfig(test_share=0.4))
    fill_pairs(project.landing, patients=5, each=6)
    assert project.ingest().new == 2 * 5 * 6 * 2
    return project.workspace


def _tiny() -> TrainConfig:
    changes = {"kimg": 0.04, "snapshots": 1, "precision": "float32", "threads": 1}
    return config_of("fuse_difference").model_copy(update=changes)


def test_pairs_stand_in_the_order_of_the_modalities(workspace: Path, tmp_path: Path) -> None:
    result = preprocess(workspace, tmp_path / "one", CONFIG)
    turned = CONFIG.model_copy(update={"modalities": MODALITIES[::-1]})
    preprocess(workspace, tmp_path / "other", turned)
    one, other = (Processed.load(tmp_path / name).test for name in ("one", "other"))
    assert one.images.shape[1:] == (2, 32, 32)
    assert result.images["test"] == {"cyst": len(one.ids) // 2, "stone": len(one.ids) // 2}
    rows = {row.id: row for row in read_manifest(workspace)}
    assert {rows[id_].modality for id_ in one.ids} == {"LONG"}
    place = {rows[id_].pair: number for number, id_ in enumerate(other.ids)}
    order = [place[rows[id_].pair] for id_ in one.ids]
    np.testing.assert_array_equal(one.images, other.images[order][:, ::-1])
    with Image.open(tmp_path / "one" / "contact-test-cyst.png") as sheet:
        assert sheet.width == 8 * 32
        first = np.asarray(sheet)[:32, :32]
    np.testing.assert_array_equal(first, one.images[one.labels == 0][0, 0])


def test_images_without_a_partner_are_left_out_and_counted(workspace: Path, tmp_path: Path) -> None:
    copy = tmp_path / "workspace"
    shutil.copytree(workspace, copy)
    rows = read_manifest(copy)
    chosen = [row for row in rows if row.split == "train" and row.label == "cyst"][:3]
    changed = {
        chosen[0].id: replace(chosen[0], pair=""),
        chosen[1].id: replace(chosen[1], pair="pair-alone"),
        chosen[2].id: replace(chosen[2], modality="OTHER"),
    }
    write_batch(copy, rows[0].batch, [changed.get(row.id, row) for row in rows])
    result = preprocess(copy, tmp_path / "out", CONFIG)
    (reasons,) = left_out.counts(result.left_out).values()
    assert reasons["no pair"] == reasons["other modality"] == 1
    assert reasons["no partner"] >= 1
    assert len(left_out.in_words(result.left_out)) > 0
    assert sum(reasons.values()) % 2 == 0, "with both of each torn pair"


def test_what_one_file_tells_holds_for_its_pair(workspace: Path, tmp_path: Path) -> None:
    copy = tmp_path / "workspace"
    shutil.copytree(workspace, copy)
    rows = read_manifest(copy)
    mark = findings_text([Finding("spot", (10, 10, 20, 20))])
    told = [
        replace(row, view="axial", spacing="0.5x0.5", findings=mark)
        if row.modality == MODALITIES[1]
        else row
        for row in rows
    ]
    write_batch(copy, rows[0].batch, told)
    result = preprocess(copy, tmp_path / "out", CONFIG.model_copy(update={"views": ("axial",)}))
    assert not result.left_out
    test = Processed.load(tmp_path / "out").test
    assert test.layouts is not None
    assert test.layouts.told.all()
    assert (test.layouts.maps.max((1, 2, 3)) > 0).all()
    assert test.mm is not None
    np.testing.assert_allclose(test.mm, 0.5 * 64)


def test_other_modalities_are_an_error_that_names_those_found(
    workspace: Path, tmp_path: Path
) -> None:
    config = CONFIG.model_copy(update={"modalities": ("CT", "MR")})
    with pytest.raises(BadInputError, match=r"class cyst has no such pair .* LONG and SHORT \("):
        preprocess(workspace, tmp_path / "out", config)


def test_without_modalities_each_image_is_a_row(workspace: Path, tmp_path: Path) -> None:
    preprocess(workspace, tmp_path / "out", PreprocessConfig(size=32))
    splits = Processed.load(tmp_path / "out").splits.values()
    assert sum(len(one.ids) for one in splits) == len(read_manifest(workspace))
    assert {one.images.ndim for one in splits} == {3}


@pytest.mark.timeout(600)
def test_a_first_model_is_promoted_and_a_consumer_gives_it_pairs(
    workspace: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    work, processed = tmp_path / "work", tmp_path / "processed"
    preprocess(workspace, processed, CONFIG.model_copy(update={"modalities": ORDER}))
    train(processed, work / "models", _tiny())
    evaluation = evaluate(processed, work / "models", work / "reports", EvaluateConfig())
    verdict = decide(evaluation, None, GateConfig())
    assert verdict.outcome == "promoted", verdict.reason
    shutil.copytree(PROJECT_ROOT / "model", work / "model")
    for name in ("dvc.yaml", "requirements.lock"):
        put(work / name, b"text")
    deps = [{"path": "data/raw", "md5": "digest"}]
    put(work / "dvc.lock", yaml.safe_dump({"stages": {"preprocess": {"deps": deps}}}).encode())
    params = yaml.safe_load((PROJECT_ROOT / "params.yaml").read_text())
    params["preprocess"]["modalities"] = list(ORDER)
    put(work / "params.yaml", yaml.safe_dump(params).encode())
    shutil.copytree(workspace / "data/manifest", work / "data/manifest")
    registry = Registry(f"sqlite:///{tmp_path / 'mlflow.db'}", "medloom-pairs")
    registry._client.create_experiment(registry.model, str(tmp_path / "artifacts"))
    monkeypatch.setattr(judge, "lineage", lambda *_: {"medloom.run_key": "k"})
    clone = Workspace(work, "run/k", Dvc(work, tmp_path, ""))
    candidate = judge._candidate(clone, "k", phantom=True)
    assert registry.register(candidate) == 1
    spec = registry.output_spec(1)
    assert (spec.task, spec.sources, spec.factor, spec.draws) == ("fuse", 2, 1, False)
    assert spec.modalities == ORDER
    try_out(registry, 1, evaluation.model)
    registry.apply(Projection(1, None, None, JournalPosition("ab", 1)))
    described = registry.description(1)
    for words in (
        "is given two registered grey-level images of one place", "fuser.predict(pairs)",
        "SHORT and LONG in this order", "SHORT first, then LONG",
        "| mutual information with both sources, MI, 0 to 2 |", "Qabf beyond that of maximum",
        "SF, grey levels", "SSIM", "may be lost",
    ):  # fmt: skip
        assert words in described
    assert "No image shows a person" not in described
    champion = f"models:/{registry.model}@champion"
    pairs = np.array(Processed.load(processed).test.images[:3])
    made = ask(registry.uri, champion, pairs, {"check": False})
    assert made.shape == (3, 32, 32)
    assert (made >= pairs.min(1)).all()
    assert (made <= pairs.max(1)).all()
    bundle = registry.bundle(1, tmp_path / "loaded")
    assert bundle is not None
    loaded = LoadedBundle.load(bundle)
    assert loaded.output_spec == spec._replace(modalities=()), "a bundle does not know them"
    np.testing.assert_array_equal(loaded.make(pairs), made)
    moved = np.stack([pairs[:, 0], np.roll(pairs[:, 1], 6, 2)], 1)
    with pytest.raises(BadInputError, match="not registered"):
        ask(registry.uri, champion, moved, {})


class _Registered:
    """A version that fuses; it is the first of both images."""

    def __init__(self, modalities: tuple[str, ...]) -> None:
        self.spec = OutputSpec(("cyst", "stone"), 32, task="fuse", sources=2, modalities=modalities)

    def output_spec(self, _version: int) -> OutputSpec:
        return self.spec

    def draw(self, _version: int, labels: Sequence[str], seed: int) -> NDArray[np.uint8]:
        raise NotImplementedError

    def make(self, _version: int, given: NDArray[np.uint8]) -> NDArray[np.uint8]:
        return given[:, 0]


def test_a_champion_of_the_other_order_is_not_scored(workspace: Path, tmp_path: Path) -> None:
    preprocess(workspace, tmp_path / "processed", CONFIG)
    processed = Processed.load(tmp_path / "processed")
    network = NetworkConfig(
        family="fuse_difference", image_size=32, classes=("cyst", "stone"), latent=1, blocks=1,
        widths=(8,), sources=2,
    )  # fmt: skip

    def score(of_champion: tuple[str, ...]) -> Evaluation:
        return pairs_of_version(
            _Registered(of_champion), 3, network, MODALITIES, processed, EvaluateConfig(), "ab",
            tmp_path / "cache", lambda *_: None,
        ).evaluation  # fmt: skip

    for other in (ORDER, ("CT", "MR")):
        said = f"version 3 fuses {other[0]} and {other[1]} in this order; the run: LONG and SHORT"
        with pytest.raises(BadInputError, match=said):
            score(other)
    assert score(MODALITIES).figures
    assert score(()).figures == score(MODALITIES).figures, "of before the order was recorded"


def test_a_version_of_an_unknown_order_says_where_it_is_found() -> None:
    text = version_description(VersionFacts("m", 1, _Registered(()).spec, "BONE, SOFT"))
    assert "two registered grey-level BONE, SOFT images of one place, 32 x 32" in text
    assert "in the order of the training (`preprocess.modalities` of its run)" in text
