"""An enlarger goes through the train and the evaluate stage as any other generator does."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from model.config import TrainConfig
from pipeline.base.errors import BadInputError
from pipeline.data.processed import Processed, SplitArrays
from pipeline.evaluation.record import MEMBERSHIP, EvaluateConfig, Evaluation
from pipeline.stages.evaluate import evaluate
from pipeline.stages.snapshot import stage_roots
from pipeline.stages.train import train

TINY = TrainConfig.model_validate(
    {
        "family": "enlarge_multipath",
        "kimg": 0.08,
        "snapshots": 1,
        "precision": "float32",
        "threads": 1,
        "recipe": {
            "factor": 4, "widths": (8,), "blocks": 1, "patch": 8, "batch": 8, "critic_width": 4,
        },
    }
)  # fmt: skip
CONFIG = EvaluateConfig.model_validate({"n_fake": 60, "extractor": {"name": "radiomics"}})


def split(groups: int, seed: int) -> SplitArrays:
    """Discs, four of each group."""
    rng = np.random.default_rng(seed)
    rows = np.linspace(-1, 1, 32)
    images = [
        200 * (np.hypot(rows[:, None] - x, rows[None] - y) < r)
        for x, y, r in rng.uniform((-0.3, -0.3, 0.3), (0.3, 0.3, 0.6), (4 * groups, 3))
    ]
    count = len(images)
    return SplitArrays(
        np.array(images, np.uint8),
        np.arange(count) % 2,
        np.array([f"{seed}-{index}" for index in range(count)]),
        np.repeat([f"p{seed}-{index}" for index in range(groups)], 4),
    )


@pytest.fixture
def processed(tmp_path: Path) -> Path:
    folder = tmp_path / "processed"
    splits = {"train": split(6, 0), "val": split(2, 1), "test": split(6, 2)}
    Processed(("cyst", "stone"), splits).save(folder)
    return folder


def test_it_is_trained_scored_and_shown(processed: Path, tmp_path: Path) -> None:
    models, reports = tmp_path / "models", tmp_path / "reports"
    train(processed, models, TINY)
    assert (models / "validation.csv").read_text().startswith("images_seen,score,rival,collapsed")
    found = evaluate(processed, models, reports, CONFIG)
    assert found == Evaluation.load(reports / "evaluation.json")
    assert found.protocol.task == "enlarge"
    assert found.figure("psnr_gain").value > 0
    assert 0 <= found.figure(MEMBERSHIP).value <= 1
    with Image.open(reports / "grid-stone.png") as image:
        assert image.size == (4 * 96 + 3 * 3, 4 * 96 + 3 * 3)
    assert not (reports / "nearest.png").exists()


def test_a_baseline_of_drawing_is_refused(processed: Path, tmp_path: Path) -> None:
    train(processed, tmp_path / "models", TINY)
    config = CONFIG.model_copy(update={"baseline": "vae"})
    with pytest.raises(BadInputError, match="set baseline to ''"):
        evaluate(processed, tmp_path / "models", tmp_path / "reports", config)


def test_a_run_is_keyed_by_its_tasks_code() -> None:
    params = {"train": {"family": "enlarge_se"}, "evaluate": {"baseline": ""}}
    roots = stage_roots("evaluate", params, phantom=False)
    assert "model.tasks.enlarge.work" in roots
    drawing = {"train": {"family": "rpgan"}, "evaluate": {"baseline": "vae"}}
    roots = stage_roots("train", drawing, phantom=False)
    assert [root for root in roots if ".tasks." in root] == ["model.tasks.draw"]
