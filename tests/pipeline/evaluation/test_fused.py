"""A fused image is scored by what it keeps of both, and judged by the gate as any other."""

import numpy as np
import pytest

from model.tasks.fuse.rivals import RIVALS
from pipeline.data.processed import Processed, SplitArrays
from pipeline.evaluation.paired import Images, PairsScored, rows_of, score_pairs
from pipeline.evaluation.record import KERNEL, EvaluateConfig, Evaluation
from pipeline.phantoms.phantom_pairs import make_pairs
from pipeline.phantoms.phantom_study import CLASSES, PhantomConfig
from pipeline.promotion.gate import GateConfig, decide
from tests.model.families.test_families import config_of

PAIRS = make_pairs(range(5), 0, "modalities", PhantomConfig(size=64, slices=1))
SPLIT = SplitArrays(PAIRS.images, PAIRS.labels, PAIRS.ids, PAIRS.groups)
DATA = Processed(CLASSES, {"train": SPLIT, "val": SPLIT, "test": SPLIT})
NETWORK = config_of("fuse_two_critics").network(64, CLASSES)
RULES = GateConfig(min_groups=3)


def _second(pairs: Images) -> Images:
    return np.array(pairs[:, 1])


def _scored(rule: str) -> PairsScored:
    make = RIVALS.get(rule, _second)
    return score_pairs(make, NETWORK, DATA, EvaluateConfig(), rule)


def test_its_figures_are_of_both_sources_and_stand_beside_the_maximums() -> None:
    found = _scored("second").evaluation
    assert found.protocol.task == "fuse"
    assert found.baseline_family == "maximum"
    for metric in ("mi", "ssim", "qabf", "sf"):
        assert found.figure(metric).protocol == f"{metric}_fused"
        assert found.baseline is not None
        assert found.figure(f"{metric}_gain").value == pytest.approx(
            found.figure(metric).value - found.baseline.figure(metric).value
        )
    assert KERNEL not in {figure.metric for figure in found.figures}
    scores = [score for (score,) in found.group_scores.values()]
    assert np.mean(scores) == pytest.approx(1 - found.figure("ssim").value)
    assert Evaluation.model_validate_json(found.model_dump_json()) == found


def test_the_gate_asks_for_more_than_the_maximum_in_three_figures() -> None:
    second = _scored("second").evaluation
    verdict = decide(second, None, RULES)
    assert [rule.name for rule in verdict.rules] == ["guard:mi", "guard:ssim", "guard:qabf"]
    assert {rule.name: rule.passed for rule in verdict.rules}["guard:mi"]
    surely = [
        figure.model_copy(update={"low": 0.01}) if figure.metric.endswith("_gain") else figure
        for figure in second.figures
    ]
    better = second.model_copy(update={"figures": tuple(surely)})
    assert decide(better, None, RULES).outcome == "promoted"
    assert decide(_scored("maximum").evaluation, None, RULES).outcome == "rejected"
    assert decide(_scored("average").evaluation, None, RULES).outcome == "rejected"


def test_a_picture_has_rows_of_both_sources_rival_and_made() -> None:
    rows = rows_of(_scored("average").pairs, np.arange(3))
    assert [row.shape for row in rows] == [(3, 64, 64)] * 4
    assert np.array_equal(rows[0], PAIRS.images[:3, 0])
    assert np.array_equal(rows[2], PAIRS.images[:3].max(1))
