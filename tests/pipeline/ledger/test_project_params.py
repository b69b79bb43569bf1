"""A project's parameters: its file over the defaults, here or from the ledger."""

from pathlib import Path

import pytest

from model.config import TrainConfig
from model.families import names
from model.tasks import task_of
from pipeline.base.errors import BadInputError
from pipeline.base.project import DEFAULT_PARAMS, Project
from pipeline.data.branch import begin_data
from pipeline.flow.all_params import require_valid
from pipeline.ledger.ledger import DATA, Ledger
from pipeline.ledger.project_params import CHANGES_FILE, ProjectParams, params_of_run
from pipeline.stages.snapshot import take_snapshot


def change(project: Project, text: str) -> None:
    project.state.mkdir(parents=True, exist_ok=True)
    project.params_file.write_text(text)


def elsewhere(project: Project, tmp_path: Path) -> Project:
    """The same ledger, from a machine with an empty state."""
    return Project.load(
        {"MEDLOOM_STATE": str(tmp_path / "other" / "tiny"), "MEDLOOM_LEDGER": project.ledger}
    )


def test_without_a_file_the_defaults_hold_to_the_letter(project: Project) -> None:
    params = ProjectParams.of(project)
    assert params.text == DEFAULT_PARAMS.read_text()
    assert params.changed == {}


def test_a_projects_file_changes_what_it_names_and_nothing_else(project: Project) -> None:
    change(project, "train:\n  recipe: {batch: 4}\npreprocess:\n  # size: 128\n")
    params = ProjectParams.of(project)
    assert params.changed == {"train.recipe.batch": (8, 4)}
    typed = require_valid(params)
    assert typed.preprocess.size == 64
    assert params.origin == str(project.params_file)


@pytest.mark.parametrize("family", [one for one in names() if task_of(one).sources == 1])
def test_another_family_is_chosen_by_its_name_and_begins_with_its_own_recipe(
    project: Project, family: str
) -> None:
    change(project, f"train: {{family: {family}, recipe: {{batch: 4}}}}\n")
    found = require_valid(ProjectParams.of(project)).train
    usual = TrainConfig() if family == TrainConfig().family else TrainConfig(family=family)
    assert found.recipe == usual.recipe.model_copy(update={"batch": 4})
    assert found.kimg == TrainConfig().kimg


@pytest.mark.parametrize(
    ("text", "smaller"),
    [
        ("", "enlarge"),
        ("train: {family: vae}\n", "enlarge"),
        ("train: {family: enlarge_se}\npreprocess: {size: 256}\n", "leave_out"),
        ("train: {family: enlarge_se}\npreprocess: {smaller: enlarge}\n", "enlarge"),
    ],
)
def test_a_family_that_enlarges_begins_without_small_images(
    project: Project, text: str, smaller: str
) -> None:
    change(project, text)
    assert require_valid(ProjectParams.of(project)).preprocess.smaller == smaller


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("train: {kmig: 3.0}\n", r"train\.kmig"),
        ("trian: {kimg: 3.0}\n", "trian"),
        ("train: {kimg: -1.0}\n", r"train\.kimg"),
        ("train: [\n", "not valid YAML"),
    ],
)
def test_what_is_wrong_with_it_names_file_and_key(project: Project, text: str, said: str) -> None:
    change(project, text)
    with pytest.raises(BadInputError, match=said) as raised:
        require_valid(ProjectParams.of(project))
    assert str(project.params_file) in str(raised.value)


def test_they_are_part_of_the_runs_key(project: Project) -> None:
    ledger = Ledger(project)
    begin_data(ledger, phantom=False)
    data = str(ledger.head(DATA))
    first = ledger.run_key(take_snapshot(project, ledger), data)
    change(project, "# nothing yet\n")
    same = ledger.run_key(take_snapshot(project, ledger), data)
    change(project, "train: {seed: 7}\n")
    other = ledger.run_key(take_snapshot(project, ledger), data)
    assert first == same
    assert (first.code, first.data) == (other.code, other.data)
    assert first.params != other.params


def test_a_machine_with_an_empty_state_works_with_the_ledgers_copy(
    project: Project, tmp_path: Path
) -> None:
    change(project, "train: {seed: 7}\n")
    ledger = Ledger(project)
    begin_data(ledger, phantom=False)
    code, data = take_snapshot(project, ledger), str(ledger.head(DATA))
    assert ledger.read(code, CHANGES_FILE) == "train: {seed: 7}"
    there = elsewhere(project, tmp_path)
    params = ProjectParams.of(there)
    assert params.changed == {"train.seed": (0, 7)}
    assert "in the ledger" in params.origin
    again = Ledger(there)
    assert again.run_key(take_snapshot(there, again), data) == ledger.run_key(code, data)


def test_the_parameters_of_a_run_are_compared(project: Project) -> None:
    ledger = Ledger(project)
    begin_data(ledger, phantom=False)
    code, data = take_snapshot(project, ledger), str(ledger.head(DATA))
    key = ledger.run_key(code, data).key
    ledger.open_run(key, code, data, "manual")
    change(project, "train: {kimg: 60.0}\n")
    differs = ProjectParams.of(project).differing(params_of_run(ledger, key))
    assert differs == {"train.kimg": (24.0, 60.0)}
