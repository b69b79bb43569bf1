"""The page's chapter on faithfulness: every figure beside its floor, and what cannot be said."""

from pipeline.evaluation.class_record import ClassMatrix, ClassPair
from pipeline.evaluation.record import Evaluation, Figure
from pipeline.reports.page import environment
from pipeline.reports.run.faithful import faithful
from tests.pipeline.reports.run.test_render import CLASSES, evaluation


def figure(metric: str, label: str | None, value: float, protocol: str = "") -> Figure:
    return Figure(
        metric=metric,
        label=label,
        protocol=protocol or metric,
        value=value,
        floor=0.9,
        low=value - 0.05,
        high=value + 0.05,
        n_real=30,
        n_fake=150,
    )


def pair(first: str, second: str, real_low: float) -> ClassPair:
    return ClassPair(
        first=first, second=second, real=0.02, real_low=real_low, value=0.62, low=0.4, high=0.84,
        floor=0.97,
    )  # fmt: skip


def measured() -> Evaluation:
    table = tuple(tuple(0.1 + 0.05 * (a != b) for b in range(4)) for a in range(4))
    matrix = ClassMatrix(
        grey="as drawn", protocol="class_margin_efflite0_n600", classes=CLASSES, distance=table,
        low=table, high=table, floor=((None,) * 4,) * 4,
        pairs=(pair("normal", "stone", 0.01), pair("cyst", "normal", -0.01)), n_real=120,
        n_fake=600,
    )  # fmt: skip
    more = (
        figure("class_margin", "stone", 0.031),
        figure("gan_test", "stone", 0.44),
        figure("gan_test_findings", "stone", 0.79),
        figure("stone_hit_rate", None, 0.71, "stone_hit_rate_detector"),
        figure("stone_dice", None, 0.38, "stone_dice_detector"),
        figure("cyst_hit_rate", None, 0.64, "cyst_hit_rate_detector2"),
        figure("stone_hit_rate", None, 0.83, "stone_hit_rate_phantom_rule"),
        figure("stone_made_dice", None, 0.52, "stone_made_dice_phantom_rule"),
        figure("stone_detector_auc", None, 0.88),
        figure("stone_detected_share", "stone", 0.57),
    )
    base = evaluation("a1" * 32, 0.2)
    matrices = (matrix, matrix.model_copy(update={"grey": "matched"}))
    return base.model_copy(update={"figures": base.figures + more, "class_matrices": matrices})


def shown(found: Evaluation) -> str:
    page = environment().get_template("faithful.html.j2")
    return " ".join(page.render(faithful=faithful(found), real="real").split())


def test_the_chapter_shows_classes_commands_and_detections_with_their_floors() -> None:
    text = shown(measured())
    assert "grey levels matched inside the body" in text
    assert "<b>0.1</b>" in text or "<b>0.100</b>" in text
    assert "62" in text
    assert "79.0 %" in text
    assert "not told apart by these features" in text
    assert "learned detector" in text
    assert "phantom&#39;s rule" in text
    assert "Detector" in text
    rows = faithful(measured())
    assert [row["label"] for row in rows["by_class"]] == ["stone"]
    assert {(row["kind"], row["finder"]) for row in rows["obedience"]} == {
        ("stone", "learned detector"), ("stone", "phantom's rule"), ("cyst", "learned detector"),
        ("stone, as made beside", "phantom's rule"),
    }  # fmt: skip
    assert rows["detected"][0]["auc"].value == 0.88


def test_what_was_not_measured_is_left_out() -> None:
    assert shown(evaluation("a1" * 32, 0.2)) == ""


def test_contrasts_go_to_the_tracker_with_their_floors() -> None:
    flat = measured().flat()
    assert flat["class_contrast_normal_stone"] == 0.62
    assert flat["class_contrast_normal_stone_floor"] == 0.97
    assert flat["class_contrast_matched_normal_stone_low"] == 0.4
    assert flat["stone_hit_rate_detector"] == 0.71
    assert Evaluation.model_validate_json(measured().model_dump_json()) == measured()
