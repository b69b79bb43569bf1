"""The end of `medloom demo`: what it says to try next is about this project."""

from pathlib import Path

import pytest
from PIL import Image
from typer.testing import CliRunner

from pipeline.base.errors import BadInputError
from pipeline.base.project import Project
from pipeline.base.terminal import Terminal
from pipeline.cli import demo
from pipeline.cli.demo import next_steps
from pipeline.cli.main import app
from pipeline.cli.project import Choice
from pipeline.data.manifest import MANIFEST_FOLDER, Row, write_batch
from pipeline.data.square import PreprocessConfig
from pipeline.flow.begin import begin_demo
from pipeline.ledger.ledger import DATA
from pipeline.ledger.project_params import ProjectParams
from pipeline.phantoms.phantom_pairs import Kind
from tests.support.decisions import Story
from tests.support.terminals import shown

LABELS = ("pneumonia", "no-finding")
BOX = '[{"kind":"pneumonia","box":[1,1,4,4]}]'


def data_revision(story: Story, folder: Path, findings: str = "") -> str:
    """A revision of chest X-rays; `findings` are those of the pneumonia."""
    rows = [
        Row(
            *(f"{number:064x}", "a", "b", "b1", label, "g", "train", "unknown", 8, 8, 8),
            findings=findings if label == "pneumonia" else "",
        )
        for number, label in enumerate(LABELS)
    ]
    write_batch(folder, "b1", rows)
    name = f"{MANIFEST_FOLDER}/b1.csv"
    return story.ledger.commit_files(DATA, None, {name: (folder / name).read_text()}, "data")


def test_a_project_without_a_champion_is_not_told_to_draw(project: Project) -> None:
    story = Story(project)
    assert "history" not in shown(next_steps(project))
    story.verdict("rejected", 1)
    said = shown(next_steps(project))
    assert "--project tiny champion history" in said
    assert "generate" not in said


def test_the_class_to_draw_is_one_of_the_champions(project: Project, tmp_path: Path) -> None:
    story = Story(project)
    story.verdict("promoted", 1, data=data_revision(story, tmp_path / "work"))
    lines = shown(next_steps(project)).splitlines()
    commands = [line.strip() for line in lines if "medloom" in line]
    assert ".venv/bin/medloom --project tiny generate --label no-finding -n 16 --seed 7 -o out" in (
        commands
    )
    assert ".venv/bin/medloom --project tiny app" in commands
    assert all(len(command.split()) > 1 for command in commands)


def test_findings_of_annotated_data_can_be_asked_for(project: Project, tmp_path: Path) -> None:
    story = Story(project)
    story.verdict("promoted", 1, data=data_revision(story, tmp_path / "work", BOX))
    said = " ".join(shown(next_steps(project)).split())
    assert "generate --label pneumonia -n 16 --findings 2 --masks -o out" in said


def test_a_new_demo_looks_at_the_kidneys_and_an_old_one_stays_as_it_is(project: Project) -> None:
    project.params_file.unlink(missing_ok=True)
    assert begin_demo(project)
    shape = ProjectParams.of(project).section("preprocess", PreprocessConfig)
    assert shape.region.view == "trunk (0, 0.14) 0.72"
    before = project.params_file.read_text()
    assert not begin_demo(project)
    assert project.params_file.read_text() == before
    project.params_file.unlink()
    Story(project).verdict("promoted", 1)
    assert not begin_demo(project)
    assert not project.params_file.exists()


@pytest.mark.parametrize(
    ("arguments", "name"),
    [
        (["demo"], "phantom"),
        (["demo", "--pairs", "noise"], "phantom-noise"),
        (["--project", "mine", "demo", "--pairs", "noise"], "mine"),
    ],
)
def test_each_kind_of_pairs_has_a_project_of_its_own(
    arguments: list[str], name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[str] = []

    def run(project: Project, *_given: object) -> int:
        seen.append(project.name)
        return 0

    monkeypatch.delenv("MEDLOOM_STATE", raising=False)
    monkeypatch.setattr(Choice, "name", None)
    monkeypatch.setattr(demo, "run_demo", run)
    result = CliRunner().invoke(app, arguments, env={"MEDLOOM_HOME": str(tmp_path)})
    assert result.exit_code == 0, result.output
    assert seen == [name]


def test_a_project_that_learns_from_other_images_is_refused_and_given_none(
    project: Project,
) -> None:
    def feed(pairs: Kind | None) -> None:
        demo._feed(project, None, 3, Terminal(), pairs)

    project.params_file.unlink(missing_ok=True)
    begin_demo(project)
    with pytest.raises(BadInputError, match=r"has preprocess.modalities \[\].*\[SOFT, BONE\]"):
        feed("windows")
    project.params_file.unlink()
    begin_demo(project, ("LOW-DOSE", "HIGH-DOSE"))
    for other in ("windows", None):
        with pytest.raises(BadInputError, match=r"modalities \[LOW-DOSE, HIGH-DOSE\]"):
            feed(other)
    assert not list(project.landing.glob("*/*"))


def test_pairs_are_of_the_size_that_is_learned(project: Project) -> None:
    """Of windows that were resampled, the maximum keeps more information than a network."""
    project.params_file.unlink(missing_ok=True)
    demo._feed(project, None, 3, Terminal(), "windows")
    file = next(iter(project.landing.glob("*/*-soft.png")))
    with Image.open(file) as image:
        side = ProjectParams.of(project).section("preprocess", PreprocessConfig).size
        assert image.size == (side, side)
