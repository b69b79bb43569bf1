"""The picture of a utility run: deterministic bytes, complete also without intervals."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from model.utility.config import UtilityConfig, arms
from model.utility.record import ArmScore, Control, Estimate, UtilityReport
from pipeline.evaluation.utility_figure import draw_utility


def report(config: UtilityConfig, *, intervals: bool) -> UtilityReport:
    def estimate(value: float) -> Estimate:
        if not intervals:
            return Estimate(value=value)
        return Estimate(value=value, low=value - 0.08, high=value + 0.08)

    scores = [
        ArmScore(
            arm=arm,
            seeds=(0, 1),
            real_images=(9, 9),
            by_seed=(0.5, 0.5),
            balanced_accuracy=estimate(
                0.45 + 0.1 * np.log10(10 * arm.share + 1) + 0.03 * np.log1p(arm.ratio)
            ),
            macro_auc=0.7,
        )
        for arm in arms(config)
    ]
    return UtilityReport(
        config=config,
        classes=("cyst", "normal", "stone", "tumor"),
        n_train=100,
        n_test=40,
        train_groups=20,
        test_groups=8,
        arms=tuple(scores),
        contrasts=(),
        control=Control(balanced_accuracy=estimate(0.3), chance=0.25, fires=False),
        not_run=(),
        repeatable=True,
        warnings=(),
    )


@pytest.mark.parametrize("intervals", [True, False])
@pytest.mark.parametrize("shares", [(1.0, 0.1, 0.25, 0.5), (1.0,)])
def test_the_same_bytes_and_no_metadata(
    tmp_path: Path, shares: tuple[float, ...], intervals: bool
) -> None:
    files = [tmp_path / f"{name}.png" for name in ("a", "b")]
    for file in files:
        draw_utility(report(UtilityConfig(shares=shares), intervals=intervals), file)
    assert files[0].read_bytes() == files[1].read_bytes()
    with Image.open(files[0]) as image:
        assert set(image.info) <= {"dpi"}


def test_every_arm_is_drawn_and_bands_where_they_are_known(tmp_path: Path) -> None:
    def pixels(name: str, drawn: UtilityReport) -> np.ndarray:
        draw_utility(drawn, tmp_path / name)
        with Image.open(tmp_path / name) as image:
            return np.asarray(image.convert("RGB")).reshape(-1, 3)

    def share_of(colour: tuple[int, int, int], picture: np.ndarray) -> int:
        return int((picture == colour).all(1).sum())

    whole = report(UtilityConfig(), intervals=True)
    without = whole.model_copy(update={"arms": whole.arms[:1]})
    green, orange = (0x0B, 0x6E, 0x63), (0xB3, 0x54, 0x1E)
    assert share_of(green, pixels("whole.png", whole)) > 50
    assert share_of(orange, pixels("whole.png", whole)) > 50
    assert share_of(orange, pixels("one.png", without)) == 0
    bare = pixels("bare.png", report(UtilityConfig(), intervals=False))
    white = (255, 255, 255)
    assert share_of(white, bare) > share_of(white, pixels("whole.png", whole)) + 10_000
