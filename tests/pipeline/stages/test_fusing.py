"""A fuser goes through the train and the evaluate stage as any other generator does."""

from pathlib import Path

import pytest
from PIL import Image

from model.config import TrainConfig
from pipeline.base.errors import BadInputError
from pipeline.data.processed import Processed, SplitArrays
from pipeline.evaluation.record import MEMBERSHIP, EvaluateConfig, Evaluation
from pipeline.phantoms.phantom_pairs import make_pairs
from pipeline.phantoms.phantom_study import CLASSES, PhantomConfig
from pipeline.stages.evaluate import evaluate
from pipeline.stages.train import train
from tests.model.families.test_families import config_of

SIZE = 64


def _split(first: int, last: int) -> SplitArrays:
    made = make_pairs(range(first, last), 0, "windows", PhantomConfig(size=SIZE, slices=1))
    return SplitArrays(made.images, made.labels, made.ids, made.groups)


def _tiny(family: str) -> TrainConfig:
    changes = {"kimg": 0.08, "snapshots": 1, "precision": "float32", "threads": 1}
    return config_of(family).model_copy(update=changes)


def test_it_is_trained_scored_and_shown(tmp_path: Path) -> None:
    processed, models, reports = (tmp_path / name for name in ("processed", "models", "reports"))
    Processed(CLASSES, {"train": _split(0, 2), "val": _split(2, 3), "test": _split(3, 8)}).save(
        processed
    )
    train(processed, models, _tiny("fuse_two_critics"))
    assert (models / "validation.csv").read_text().startswith("images_seen,score,rival,collapsed")
    found = evaluate(processed, models, reports, EvaluateConfig(), phantom=True)
    assert found.protocol.task == "fuse"
    assert found.baseline_family == "maximum"
    assert {"mi", "ssim", "qabf", "sf", MEMBERSHIP} <= {one.metric for one in found.figures}
    assert Evaluation.load(reports / "evaluation.json") == found
    with Image.open(reports / "grid-cyst.png") as image:
        assert image.height > image.width / 2


def test_single_images_are_refused_with_what_the_family_takes(tmp_path: Path) -> None:
    pairs = _split(0, 1)
    single = SplitArrays(pairs.images[:, 0], pairs.labels, pairs.ids, pairs.groups)
    Processed(CLASSES, {"train": single, "val": single, "test": single}).save(tmp_path)
    with pytest.raises(BadInputError, match=r"give uint8 \[N, 2, H, H\]|two registered images"):
        train(tmp_path, None, _tiny("fuse_difference"))
