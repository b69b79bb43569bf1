"""params.yaml lists every parameter with its default."""

from pathlib import Path

import pytest
import yaml
from pydantic import BaseModel

from model.section import Section
from pipeline.base.errors import BadInputError
from pipeline.base.params_file import read_yaml, validate
from pipeline.base.project import Project
from pipeline.flow.all_params import Params, require_valid
from pipeline.ledger.project_params import ProjectParams

FILE = Path(__file__).resolve().parents[3] / "params.yaml"


def missing(section: BaseModel, given: dict[str, object], prefix: str = "") -> list[str]:
    """Fields that the file does not name, nested sections included."""
    found = []
    for name in type(section).model_fields:
        value, inner = given.get(name, ...), getattr(section, name)
        if value is ...:
            found.append(prefix + name)
        elif isinstance(inner, Section):
            assert isinstance(value, dict)
            found += missing(inner, value, f"{prefix}{name}.")
    return found


def test_every_field_is_listed() -> None:
    assert missing(validate(FILE, Params, read_yaml(FILE)), yaml.safe_load(FILE.read_text())) == []


def test_the_file_is_valid_and_says_what_the_code_would_do_without_it() -> None:
    params = validate(FILE, Params, read_yaml(FILE))
    for name, field in Params.model_fields.items():
        assert field.annotation is not None
        assert getattr(params, name) == field.annotation(), name


def test_widths_that_a_trunk_does_not_have(project: Project) -> None:
    project.params_file.parent.mkdir(parents=True, exist_ok=True)
    project.params_file.write_text("train: {family: enlarge_se, recipe: {widths: [16, 8]}}\n")
    with pytest.raises(BadInputError, match=r"train\.recipe\.widths is \[16, 8\].*one width"):
        require_valid(ProjectParams.of(project))


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"train": {"kimg": float("nan")}}, r"train\.kimg: .*finite number"),
        ({"train": {"recipe": {"gamma": float("inf")}}}, r"train\.recipe\.gamma: .*finite"),
        ({"ingest": {"checks": {"outlier": {"limit": float("nan")}}}}, r"outlier\.limit: .*finite"),
        ({"ingest": {"windows": {"CT": [float("nan"), 400.0]}}}, r"windows\.CT"),
        ({"evaluate": {"utility": {"minutes": float("inf")}}}, r"utility\.minutes: .*finite"),
        ({"evaluate": {"utility": {"shares": [float("nan")]}}}, r"utility\.shares"),
        (
            {"gate": {"kernel_distance_threshold": float("inf")}},
            r"kernel_distance_threshold: .*fin",
        ),
        ({"retrain": {"max_wait_hours": float("inf")}}, r"max_wait_hours: .*finite"),
        ({"change_control": {"parameters": [{"name": "train.*", "most": float("nan")}]}}, "finite"),
        ({"train": {"kimg": 0.0}}, r"train\.kimg: .*greater than or equal to 0\.001, got 0\.0"),
        (
            {"train": {"family": "stylegan"}},
            r"train\.family: .*is not one of dcgan, .*vae",
        ),
        (
            {"evaluate": {"baseline": "vea"}},
            r"evaluate\.baseline: .*is not one of dcgan, .*vae",
        ),
    ],
    ids=str,
)
def test_a_value_that_no_training_can_have(
    project: Project, changes: dict[str, object], said: str
) -> None:
    with pytest.raises(BadInputError, match=said):
        require_valid(with_changes(project, changes))


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        (
            {"gate": {"kernel_distance_margin": 0.5}},
            r"gate\.kernel_distance_margin is 0\.5 and gate\.kernel_distance_threshold is 0\.5",
        ),
        (
            {"gate": {"kernel_distance_min_absolute_change": 0.7}},
            r"min_absolute_change is 0\.7 .* set gate\.kernel_distance_min_absolute_change below",
        ),
        (
            {"evaluate": {"n_fake": 90}},
            r"n_fake is 90 .*bound of their share is 0\.04; set evaluate\.n_fake to at least 183",
        ),
        (
            {"change_control": {"parameters": [{"name": "train.kimg", "least": 2.0, "most": 1.0}]}},
            r"train\.kimg has least 2 above most 1",
        ),
        (
            {"train": {"family": "enlarge_se", "recipe": {}}, "evaluate": {"baseline": "vae"}},
            r"enlarge_se, whose images have a truth: it has no baseline but bicubic",
        ),
        (
            {"preprocess": {"modalities": ["ct", "MR"]}},
            r"modalities is CT, MR, which makes pairs, and train\.family is rpgan, which",
        ),
    ],
    ids=str,
)
def test_values_that_exclude_each_other(
    project: Project, changes: dict[str, object], said: str
) -> None:
    with pytest.raises(BadInputError, match=said):
        require_valid(with_changes(project, changes))


@pytest.mark.parametrize(
    "changes",
    [
        {"evaluate": {"n_fake": 183}},
        {"evaluate": {"n_fake": 90}, "gate": {"copy_share_threshold": 0.041}},
        {"gate": {"kernel_distance_margin": 0.49}},
    ],
    ids=str,
)
def test_the_values_that_a_message_asks_for_are_accepted(
    project: Project, changes: dict[str, object]
) -> None:
    require_valid(with_changes(project, changes))


def with_changes(project: Project, changes: dict[str, object]) -> ProjectParams:
    project.params_file.parent.mkdir(parents=True, exist_ok=True)
    project.params_file.write_text(yaml.safe_dump(changes))
    return ProjectParams.of(project)
