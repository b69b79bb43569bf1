"""The plan: what a retraining may change by itself, and what waits for a person."""

import re
from dataclasses import replace
from pathlib import Path

import pytest

from pipeline.base.project import Project
from pipeline.base.start import Start
from pipeline.ledger.ledger import CODE, DATA, Ledger
from pipeline.promotion.change_control import (
    ChangeControlConfig,
    PlannedParameter,
    RunFacts,
    approval_reasons,
    outside_plan,
    run_facts,
)


def images(*names: int) -> frozenset[tuple[str, str, str]]:
    return frozenset((str(name), "stone", "train") for name in names)


BEFORE = RunFacts({"train.seed": 0, "train.kimg": 18.0, "gate.looks": 20}, images(*range(8)), "c1")
PLAN = ChangeControlConfig(approval="outside")


def test_the_same_again_lies_within() -> None:
    assert outside_plan(BEFORE, BEFORE, PLAN) == ()


@pytest.mark.parametrize(
    ("after", "plan", "says"),
    [
        (replace(BEFORE, images=images(*range(10))), PLAN, None),
        (replace(BEFORE, images=images(*range(17))), PLAN, r"9 of 17 images \(53%\) are new"),
        (
            replace(BEFORE, images=images(*range(9))),
            PLAN.model_copy(update={"data_additions": False}),
            "1 images are new, and data_additions is false",
        ),
        (replace(BEFORE, images=images(*range(6))), PLAN, "2 images are gone"),
        (
            replace(BEFORE, images=images(*range(6))),
            PLAN.model_copy(update={"data_removals": True}),
            None,
        ),
        (
            replace(BEFORE, images=images(*range(1, 8)) | {("0", "cyst", "train")}),
            PLAN.model_copy(update={"classes": True}),
            "1 images are gone",
        ),
        (
            replace(BEFORE, images=BEFORE.images | {("9", "cyst", "train")}),
            PLAN,
            "classes were stone and are cyst, stone",
        ),
        (replace(BEFORE, code="c2"), PLAN, "code differs"),
        (replace(BEFORE, code="c2"), PLAN.model_copy(update={"code": True}), None),
    ],
)
def test_data_and_code(after: RunFacts, plan: ChangeControlConfig, says: str | None) -> None:
    told = outside_plan(BEFORE, after, plan)
    assert len(told) == (says is not None)
    if says:
        assert re.search(says, told[0])


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"train.seed": 5}, None),
        ({"train.kimg": 40.0}, None),
        ({"train.kimg": 0.5}, "train.kimg went from 18.0 to 0.5, and 1 to 10000 is allowed"),
        ({"train.kimg": "long"}, "train.kimg went from 18.0 to long, and 1 to 10000 is allowed"),
        ({"train.kimg": True}, "train.kimg went from 18.0 to True, and 1 to 10000 is allowed"),
        ({"retrain.min_new_images": 3}, None),
        ({"gate.looks": 90}, "gate.looks went from 20 to 90, and parameters does not name it"),
        ({"train.emphasis.stone": 1.25}, None),
        ({"train.new": 1}, "train.new went from absent to 1, and parameters does not name it"),
    ],
)
def test_parameters(changes: dict[str, object], says: str | None) -> None:
    after = replace(BEFORE, parameters={**BEFORE.parameters, **changes})
    assert outside_plan(BEFORE, after, PLAN) == ((says,) if says else ())


def test_a_name_may_stand_for_many() -> None:
    plan = PLAN.model_copy(update={"parameters": (PlannedParameter(name="gate.*", most=30.0),)})
    after = replace(BEFORE, parameters={**BEFORE.parameters, "gate.looks": 25})
    assert outside_plan(BEFORE, after, plan) == ()


def test_no_plan_covers_a_first_model() -> None:
    assert outside_plan(None, BEFORE, PLAN) != ()


def test_who_asks_for_approval() -> None:
    never = ChangeControlConfig(approval="never")
    after = replace(BEFORE, code="c2")
    assert approval_reasons(never, BEFORE, after, asked=False) == ()
    assert approval_reasons(never, BEFORE, after, asked=True) == (
        "the run was started with require_approval",
    )
    always = ChangeControlConfig(approval="always")
    assert approval_reasons(always, BEFORE, BEFORE, asked=False) != ()
    assert approval_reasons(PLAN, BEFORE, BEFORE, asked=False) == ()
    assert len(approval_reasons(PLAN, BEFORE, after, asked=True)) == 2


PARAMS = "train: {seed: 0, recipe: {batch: 8}}\ngate: {looks: 20}\n"
MANIFEST = "id,label,split\na,stone,train\nb,cyst,test\n"


def test_a_runs_facts_are_read_from_git(project: Project, tmp_path: Path) -> None:
    ledger = Ledger(project)
    code = ledger.commit_files(
        CODE, None, {"params.yaml": PARAMS, "dvc.yaml": "stages: {}\n"}, "code"
    )
    data = ledger.commit_files(DATA, None, {"data/manifest/one.csv": MANIFEST}, "data")
    ledger.open_run("k1", code, data, "manual")
    found = run_facts(ledger, "k1")
    assert found is not None
    assert found.parameters == {
        "train.seed": 0, "train.recipe.batch": 8, "gate.looks": 20, "train.start": "fresh",
    }  # fmt: skip
    assert found.images == {("a", "stone", "train"), ("b", "cyst", "test")}
    assert found.code == ledger.run_key(code, data).code
    now = run_facts(ledger, "k1", deciding={"gate": {"looks": 50}, "train": {"seed": 9}})
    assert now is not None
    assert now.parameters == {**found.parameters, "gate.looks": 50}
    assert run_facts(ledger, "nowhere") is None


def test_a_training_that_began_otherwise_lies_outside_whatever_was_wished_for(
    project: Project,
) -> None:
    ledger = Ledger(project)
    params = PARAMS.replace("seed: 0", "seed: 0, start: champion")
    code = ledger.commit_files(
        CODE, None, {"params.yaml": params, "dvc.yaml": "stages: {}\n"}, "code"
    )
    data = ledger.commit_files(DATA, None, {"data/manifest/one.csv": MANIFEST}, "data")
    ledger.open_run("k1", code, data, "manual")
    ledger.open_run("k2", code, data, "manual", Start(1, "k1", sha256="n"))
    ledger.open_run("k3", code, data, "manual", Start(2, "k2", sha256="m"))
    fresh, warm, warmer = (run_facts(ledger, key) for key in ("k1", "k2", "k3"))
    assert outside_plan(fresh, warm, PLAN) == (
        "train.start went from fresh to champion, and parameters does not name it",
    )
    assert outside_plan(warm, fresh, PLAN) == (
        "train.start went from champion to fresh, and parameters does not name it",
    )
    assert outside_plan(warm, warmer, PLAN) == ()
    allowed = PLAN.model_copy(update={"parameters": (PlannedParameter(name="train.start"),)})
    assert outside_plan(fresh, warm, allowed) == ()
