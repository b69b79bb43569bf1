"""What a training could only fail at, told by the manifest and the parameters."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from model.config import TrainConfig
from pipeline.base.errors import BadInputError
from pipeline.base.params_file import merged, read_yaml, validate
from pipeline.base.project import DEFAULT_PARAMS, Project
from pipeline.data.manifest import Row, write_batch
from pipeline.data.square import PreprocessConfig
from pipeline.flow import steps
from pipeline.flow.all_params import Params
from pipeline.flow.feasible import judge_rows, judge_view
from pipeline.ledger.journal import Journal
from pipeline.ledger.ledger import DATA, Ledger

DEFAULTS = read_yaml(DEFAULT_PARAMS)


def params(**changes: Any) -> Params:
    return validate("params.yaml", Params, merged(DEFAULTS, changes))


def rows(
    label: str, *, train: int = 10, val: int = 2, test: int = 10, each: int = 3, view: str = "axial"
) -> list[Row]:
    """So many groups of a class in each split, of `each` images."""
    found = []
    for split, groups in {"train": train, "val": val, "test": test}.items():
        for number in range(groups * each):
            name = f"{label}-{split}-{view}-{number}"
            group = f"{label}-{split}-{number // each}"
            found.append(Row(name, "s", "o", "b1", label, group, split, view, 64, 64, 8))
    return found


def refusals(found: Sequence[Row], before: set[str] | None = None, **changes: Any) -> str:
    return "; ".join(judge_rows(found, params(**changes), before).refusals)


BOTH = [*rows("cyst"), *rows("stone")]


def test_enough_data_is_not_talked_about() -> None:
    for before in (None, {"cyst", "stone"}, {"cyst"}):
        found = judge_rows(BOTH, params(), before)
        assert (found.refusals, found.notes) == ((), ())


def test_a_test_split_too_small_to_evaluate() -> None:
    said = refusals([*rows("cyst", test=1, each=7), *rows("stone", test=1, each=7)])
    assert "the test split has 14 images of 2 groups; at least 20 images of 2 groups" in said
    assert "has 30 images of 1 groups" in refusals(rows("cyst", test=1, each=30))
    assert refusals([*rows("cyst", test=1, each=10), *rows("stone", test=1, each=10)]) == ""


def test_views_count_before_the_test_split_does() -> None:
    mixed = [*BOTH, *rows("cyst", view="coronal")]
    said = refusals(mixed, preprocess={"views": ["coronal"]})
    assert "preprocess.views is coronal, but class stone has no such image in test" in said
    assert "it has axial 30" in said
    assert refusals(mixed, preprocess={"views": ["axial"]}) == ""


def test_small_images_that_are_left_out_are_counted_before_the_training() -> None:
    leave = {"size": 128, "smaller": "leave_out"}
    large = [replace(row, width=200) for row in BOTH]
    small = [replace(row, id=f"small-{row.id}") for row in rows("stone", test=1)]
    said = judge_rows([*large, *small], params(preprocess=leave), None)
    assert said.refusals == ()
    counted = f"{len(small)} of {len(large) + len(small)} images are smaller than preprocess.size"
    assert said.notes[-1].startswith(counted)
    assert "have 64 px: set preprocess.size to that" in said.notes[-1]
    lost = refusals([*[row for row in large if row.label == "cyst"], *small], preprocess=leave)
    assert "no image of class stone in test has 128 px" in lost
    few = [row for row in large if row.split != "test"] + rows("cyst") + rows("stone")
    lost = refusals([*few, *large[-2:]], preprocess=leave)
    assert "the test split has 2 images" in lost
    assert "are smaller than preprocess.size, 128 px" in lost
    assert refusals(BOTH, preprocess={"size": 128}) == "", "networks that draw take them all"
    region = {"frame": "trunk", "half_side": 0.5}
    assert refusals(BOTH, preprocess=leave | {"region": region}) == "", "only pixels tell"


def test_a_class_that_is_not_trained_on() -> None:
    assert "class stone has no training image" in refusals([*rows("cyst"), *rows("stone", train=0)])


def test_validation_needs_a_pair_of_a_class() -> None:
    few = [*rows("cyst", val=0), *rows("stone", val=1, each=1, test=30)]
    assert "the val split has 1 images, and no class has two" in refusals(few)
    assert refusals(few, train={"validation_images": 0}) == ""
    adaptive = {"validation_images": 0, "recipe": {"adapt_to": 0.6}}
    assert "no image of cyst, and train.recipe.adapt_to" in refusals(few, train=adaptive)


def test_more_neighbours_than_images() -> None:
    assert "evaluate.prdc_k is 40, and must be less than the 30" in refusals(
        BOTH, evaluate={"prdc_k": 40}
    )
    assert refusals(BOTH, evaluate={"prdc_k": 29}) == ""


def test_fewer_test_groups_than_the_gate_asks_for() -> None:
    few = [*rows("cyst", test=3, each=8), *rows("stone", test=2, each=8)]
    said = refusals(few, {"cyst", "stone"})
    assert "the test split has 5 groups, and gate.min_groups is 8" in said
    assert "3 more, or set gate.min_groups lower" in said
    assert refusals(few, {"cyst", "stone"}, gate={"min_groups": 5}) == ""
    first = judge_rows(few, params(), None)
    assert first.refusals == ()
    assert "this first model may be promoted, but none could replace it" in first.notes[0]


def test_the_gate_compares_the_classes_that_both_draw() -> None:
    some = [*rows("cyst", test=10), *rows("stone", test=2, each=8)]
    assert refusals(some, {"cyst"}) == "", "a class was added: a person may approve it"
    assert "has 2 groups" in refusals(rows("stone", test=2, each=12), {"cyst", "stone"})


def test_another_view_than_the_champions() -> None:
    pair = {"frame": "trunk", "centre": [0.0, 0.14], "half_side": 0.72}
    flat = {f"preprocess.region.{name}": value for name, value in pair.items()}
    now = params(preprocess={"region": pair})
    assert not list(judge_view(flat, now))
    assert not list(judge_view({"preprocess.size": 64}, params())), "a run of before regions"
    for champion, wanted, words in (
        ({}, now, "is region trunk (0, 0.14) 0.72, but the champion draws whole images"),
        (flat, params(), "is whole images, but the champion draws region trunk (0, 0.14) 0.72"),
    ):
        assert words in next(judge_view(champion, wanted))


@pytest.fixture
def small(project: Project, tmp_path: Path) -> Project:
    """A project whose test split has 14 images."""
    found = [*rows("cyst", test=1, each=7), *rows("stone", test=1, each=7)]
    text = write_batch(tmp_path, "b1", found).read_text()
    Ledger(project).commit_files(DATA, None, {"data/manifest/b1.csv": text}, "data")
    return project


def test_plan_refuses_before_a_run_is_opened(small: Project) -> None:
    with pytest.raises(BadInputError, match=r"training was not started:\n.*14 images of 2 groups"):
        steps.plan(small, trigger="manual")
    branches = Ledger(small).mirror.run("ls-remote", small.ledger)
    assert "refs/heads/run/" not in branches


def test_a_task_plans_nothing_without_a_server_to_register_its_version_at(
    small: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MEDLOOM_RUN_ID", "manual__1")
    with pytest.raises(BadInputError, match="set MEDLOOM_MLFLOW_URI, in the projects file"):
        steps.plan(small, trigger="manual")
    with pytest.raises(BadInputError, match="training was not started"):
        steps.plan(replace(small, mlflow_uri="http://127.0.0.1:1"), trigger="manual")


def test_plan_trains_without_the_withdrawn_whatever_the_gate_may_say(
    small: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(steps, "unplanned_withdrawals", lambda _ledger: 1)
    plan = steps.plan(small, trigger="scheduled")
    assert "14 images" in plan.notes[0]
    assert Journal(Ledger(small)).records == []


def of_pairs(label: str, modalities: Sequence[str] = ("CT", "MR"), **more: Any) -> list[Row]:
    """As `rows`, with another image of another modality for each."""
    return [
        replace(row, id=f"{row.id}-{modality}", pair=f"pair-{row.id}", modality=modality)
        for row in rows(label, **more)
        for modality in modalities
    ]


def fusing(*modalities: str) -> Params:
    """The defaults with a family of two sources, and these modalities of pairs."""
    update = {
        "train": TrainConfig.model_validate({"family": "fuse_difference"}),
        "preprocess": PreprocessConfig(modalities=modalities),
    }
    return params().model_copy(update=update)


def said_of(found: Sequence[Row], *modalities: str) -> str:
    return "; ".join(judge_rows(found, fusing(*modalities), None).refusals)


def test_a_family_of_two_sources_needs_to_know_the_modalities_of_its_pairs() -> None:
    found = [*of_pairs("cyst"), *of_pairs("stone")]
    assert said_of(found, "CT", "MR") == ""
    said = said_of(found)
    assert "preprocess.modalities is empty" in said
    assert "the data have CT and MR (132 pairs)" in said
    assert "the data have no pair" in said_of(BOTH)


def test_each_class_has_pairs_in_each_split_and_pairs_are_counted() -> None:
    found = [*of_pairs("cyst"), *of_pairs("stone", ("CT", "US"))]
    said = said_of(found, "CT", "MR")
    assert "CT, MR, but class stone has no such pair in test: its 60 images have CT and US" in said
    few = [*of_pairs("cyst", test=2, each=4), *of_pairs("stone", test=2, each=4)]
    assert "the test split has 16 images of 4 groups" in said_of(few, "CT", "MR")


def test_pairs_of_other_modalities_than_the_champions_are_refused() -> None:
    (said,) = judge_view({"preprocess.modalities": ["MR", "CT"]}, fusing("CT", "MR"))
    assert "preprocess.modalities is CT, MR, but the champion learned from MR, CT" in said
    assert list(judge_view({"preprocess.modalities": ["CT", "MR"]}, fusing("CT", "MR"))) == []
    assert list(judge_view({}, params())) == [], "a champion of before there were pairs"
