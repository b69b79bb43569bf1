"""Whether images are of their class: figures over seeds, and their table."""

import pytest

from bench.contest import Standing
from bench.faithful import CONTRAST, MARGIN, faithful
from bench.tables import faithful_table
from pipeline.evaluation.class_record import ClassMatrix, ClassPair
from pipeline.evaluation.record import Evaluation, Figure
from tests.support.terminals import shown, shown_at_80

Levels = tuple[float, float | None, float | None, float | None]


def _figure(metric: str, label: str | None, levels: Levels, finder: str = "rule") -> Figure:
    value, low, high, floor = levels
    return Figure(metric=metric, label=label, protocol=f"{metric}_{finder}", value=value,
                  low=low, high=high, floor=floor, n_real=30, n_fake=150)  # fmt: skip


def _pair(second: str, value: float, real_low: float) -> ClassPair:
    return ClassPair(first="normal", second=second, real=0.4, real_low=real_low, value=value,
                     low=value - 0.1, high=value + 0.1, floor=1.0)  # fmt: skip


def _evaluation(rate: float, spread: float) -> Evaluation:
    cells = ((None, None), (None, None))
    matrix = ClassMatrix(
        grey="as drawn", protocol="p", classes=("normal", "stone"), distance=cells, low=cells,
        high=cells, floor=cells, n_real=1, n_fake=1,
        pairs=(_pair("cyst", 0.1, 0.01), _pair("stone", 0.6, 0.3), _pair("tumor", 0.8, 0.3)),
    )  # fmt: skip
    figures = (
        _figure("precision", None, (0.25, None, None, 0.5)),
        _figure("coverage", None, (0.5, None, None, 0.75)),
        _figure("precision", "stone", (0.9, None, None, 0.9)),
        _figure("class_margin", "normal", (0.2, 0.1, 0.3, 0.4)),
        _figure("class_margin", "stone", (-0.03, -0.1, 0.04, 0.3)),
        _figure("stone_finding_rate", "stone", (rate, rate - spread, rate + spread, 1.0)),
        _figure("stone_count_distance", "stone", (0.4, None, None, 0.1)),
        _figure("stone_count_distance", "normal", (0.9, None, None, 0.9)),
        _figure("stone_hit_rate", None, (0.7, 0.6, 0.8, 1.0)),
        _figure("stone_false_share", None, (0.0, 0.0, 0.02, 0.01)),
        _figure("stone_hit_rate", None, (0.1, 0.0, 0.2, 0.1), "detector"),
        _figure("large_cyst_hit_rate", None, (0.3, 0.2, 0.4, 0.6), "detector"),
    )
    return Evaluation.model_construct(figures=figures, class_matrices=(matrix,))


def test_figures_are_means_over_seeds_with_the_widest_interval() -> None:
    found = faithful([_evaluation(0.75, 0.125), _evaluation(0.25, 0.0625)])
    rate = found["stone: finding rate"]
    assert (rate.value, rate.low, rate.high, rate.floor) == (0.5, 0.1875, 0.875, 1.0)
    assert found["stone: count distance"].value == 0.4, "of the class of that name"
    assert found["stone: count distance"].low is None
    assert found["stone: hits"].value == 0.7, "by the rule, which is surer than the detector"
    assert found["large_cyst: hits"].value == 0.3
    assert (found[MARGIN].value, found[MARGIN].floor) == (-0.03, 0.3)
    assert found[CONTRAST].value == 0.6, "cyst and normal are not told apart by the features"
    assert (found["precision"].value, found["precision"].floor) == (0.25, 0.5)
    assert list(found)[-2:] == ["precision", "coverage"]


def test_a_generator_without_layouts_has_no_hits() -> None:
    whole = _evaluation(0.5, 0.1)
    bare = tuple(one for one in whole.figures if "hit" not in one.metric)
    found = faithful([Evaluation.model_construct(figures=bare, class_matrices=())])
    assert "stone: hits" not in found
    assert "stone: finding rate" in found


def test_the_table_fits_with_four_contestants() -> None:
    every = faithful([_evaluation(0.75, 0.125)])
    less = {name: one for name, one in every.items() if "hits" not in name}
    standings = [
        Standing(name=name, seeds=1, images_seen=1, speed=1, minutes=1, faithful=levels)
        for name, levels in
        (("medloom", every), ("dcgan", less), ("vae", every), ("prototype", every), ("plain", {}))
    ]  # fmt: skip
    said = shown_at_80(faithful_table(standings), "stone: finding rate", "[-.100,.040]", "1.000")
    rows = {line.split("  ")[0]: line for line in said.splitlines()}
    assert "plain" not in said
    assert rows["figure"].split() == ["figure", "real", "medloom", "dcgan", "vae", "prototype"]
    assert rows["stone: hits"].split()[2:] == ["1.000", ".700", "–", ".700", ".700"]
    assert "[.625,.875]" in said
    assert shown(faithful_table(standings), 200).count("95 % interval") == 6


@pytest.mark.parametrize("number", [0.0, 0.9996, -0.5, 1.25])
def test_no_number_loses_its_sign_or_size(number: float) -> None:
    levels = {"precision": faithful([_evaluation(0.5, 0.1)])["precision"]}
    levels["precision"] = levels["precision"].model_copy(update={"value": number})
    one = Standing(name="m", seeds=1, images_seen=1, speed=1, minutes=1, faithful=levels)
    (row,) = (line for line in shown(faithful_table([one])).splitlines() if "precision" in line)
    assert float(row.split()[-1]) == pytest.approx(number, abs=5e-4)
