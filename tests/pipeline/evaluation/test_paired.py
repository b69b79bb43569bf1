from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from model.bicubic import resized_pixels
from model.network import NetworkConfig
from model.tasks import task_named
from pipeline.base.errors import BadInputError
from pipeline.data.processed import Processed, SplitArrays
from pipeline.evaluation import paired
from pipeline.evaluation.figures import draw_rows
from pipeline.evaluation.paired import Maker, PairsScored, rows_of, score_pairs
from pipeline.evaluation.record import KERNEL, EvaluateConfig, Evaluation
from pipeline.promotion.gate import GateConfig, decide

NETWORK = NetworkConfig(
    family="enlarge_se",
    image_size=32,
    classes=("cyst", "stone"),
    latent=1,
    widths=(8,),
    factor=4,
    blocks=1,
)
CONFIG, RULES = EvaluateConfig(n_fake=60), GateConfig(min_groups=3)


def _split(groups: int, each: int, seed: int) -> SplitArrays:
    rng = np.random.default_rng(seed)
    count = groups * each
    coarse = rng.integers(40, 200, (count, 8, 8)).astype(np.uint8)
    images = resized_pixels(coarse, 32) // 2 + rng.integers(0, 99, (count, 32, 32), np.uint8)
    return SplitArrays(
        images.astype(np.uint8),
        np.arange(count) % 2,
        np.array([f"{seed}-{index}" for index in range(count)]),
        np.repeat([f"p{index}" for index in range(groups)], each),
    )


DATA = Processed(
    NETWORK.classes, {"train": _split(4, 4, 1), "val": _split(2, 4, 2), "test": _split(10, 4, 3)}
)
TRUTH = np.array(DATA.test.images)


@pytest.fixture(autouse=True)
def _plain_features(monkeypatch: pytest.MonkeyPatch) -> None:
    def extract(images: NDArray[np.uint8], *_: object, **__: object) -> NDArray[np.float32]:
        return resized_pixels(images, 8).reshape(len(images), -1).astype(np.float32)

    monkeypatch.setattr(paired, "extract", extract)


def _near(share: float) -> Maker:
    """What makes images between the bicubic enlargement and the truth."""

    def make(given: NDArray[np.uint8]) -> NDArray[np.uint8]:
        mixed = share * TRUTH + (1.0 - share) * resized_pixels(given, 32)
        return np.round(mixed).astype(np.uint8)

    return make


def _scored(share: float, name: str = "m") -> PairsScored:
    return score_pairs(_near(share), NETWORK, DATA, CONFIG, name)


def test_what_is_nearer_the_truth_has_better_figures_than_the_rival() -> None:
    found = _scored(0.5).evaluation
    assert found.protocol.task == "enlarge"
    assert found.protocol.factor == 4
    assert found.baseline_family == "bicubic"
    assert found.baseline is not None
    for metric in ("psnr", "ssim"):
        assert found.figure(metric).value > found.baseline.figure(metric).value
        gain = found.figure(f"{metric}_gain")
        assert gain.low is not None
        assert gain.low > 0
    assert found.figure("psnr_gain").value == pytest.approx(
        found.figure("psnr").value - found.baseline.figure("psnr").value
    )
    assert found.figure(KERNEL).low is not None
    assert {figure.label for figure in found.figures} == {None, "cyst", "stone"}
    assert Evaluation.model_validate_json(found.model_dump_json()) == found
    assert found.flat()["psnr_x4"] == found.figure("psnr").value


def test_group_scores_are_minus_psnr_and_groups_count_equally() -> None:
    found = _scored(0.5).evaluation
    scores = [score for (score,) in found.group_scores.values()]
    assert len(scores) == 10
    assert -np.mean(scores) == pytest.approx(found.figure("psnr").value)


def test_the_gate_promotes_refuses_and_compares_by_the_tasks_score() -> None:
    good, better, bicubic = (_scored(share, str(share)).evaluation for share in (0.5, 0.7, 0.0))
    first = decide(good, None, RULES)
    assert first.outcome == "promoted"
    assert [rule.name for rule in first.rules] == [
        "guard:psnr", "guard:ssim", "guard:consistency"
    ]  # fmt: skip
    assert decide(bicubic, None, RULES).outcome == "rejected"
    verdict = decide(better, good, RULES)
    assert verdict.outcome == "promoted"
    assert "-PSNR changes by -" in verdict.reason
    assert " dB " in verdict.reason
    assert decide(good, better, RULES).outcome == "rejected"
    assert decide(good, good, RULES).outcome == "inconclusive"


def test_an_inconsistent_result_is_refused() -> None:
    def brighter(given: NDArray[np.uint8]) -> NDArray[np.uint8]:
        brightened: NDArray[np.int64] = _near(0.5)(given).astype(np.int64) + 4
        return brightened.clip(0, 255).astype(np.uint8)

    found = score_pairs(brighter, NETWORK, DATA, CONFIG, "m").evaluation
    rules = {rule.name: rule.passed for rule in decide(found, None, RULES).rules}
    assert rules["guard:consistency"] is False


def test_another_task_or_factor_is_another_protocol() -> None:
    found = _scored(0.5).evaluation
    other = found.model_copy(
        update={"protocol": found.protocol.model_copy(update={"factor": 2, "task": "draw"})}
    )
    with pytest.raises(BadInputError, match=r"task: candidate enlarge[\s\S]*factor: candidate 4"):
        decide(found, other, RULES)


def test_images_of_another_size_and_too_few_are_refused() -> None:
    larger = NETWORK.model_copy(update={"image_size": 64})
    with pytest.raises(BadInputError, match="images of 64 px, the test split's are 32"):
        score_pairs(_near(0.5), larger, DATA, CONFIG, "m")
    few = Processed(DATA.classes, DATA.splits | {"test": _split(2, 2, 4)})
    with pytest.raises(BadInputError, match="at least 20 images of 2 groups"):
        score_pairs(_near(0.5), NETWORK, few, CONFIG, "m")


def test_a_picture_has_rows_of_given_rival_made_and_real(tmp_path: Path) -> None:
    file = tmp_path / "grid-cyst.png"
    pairs = _scored(1.0).pairs
    rows = rows_of(pairs, np.arange(3))
    draw_rows(file, rows)
    assert [row.shape for row in rows] == [(3, 32, 32)] * 4
    assert np.array_equal(rows[2], rows[3])
    with Image.open(file) as image:
        assert image.size == (3 * 96 + 2 * 3, 4 * 96 + 3 * 3)


def test_the_tasks_bounds_are_of_its_qualities() -> None:
    task = task_named("enlarge")
    assert {bound.quality for bound in task.bounds} <= {one.name for one in task.qualities}
