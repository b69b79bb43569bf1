"""`medloom init`: folders, a commented file, and what a first look at the images suggests."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from typer.testing import CliRunner

from pipeline.base.errors import BadInputError
from pipeline.base.project import Project
from pipeline.cli.main import app
from pipeline.data.config import IngestConfig
from pipeline.flow.all_params import require_valid
from pipeline.flow.begin import begin_project, survey
from pipeline.ledger.project_params import ProjectParams


@pytest.fixture
def images(tmp_path: Path) -> Path:
    folder = tmp_path / "images"
    noise = np.random.default_rng(0)
    for label, count in (("cyst", 3), ("stone", 2)):
        (folder / label).mkdir(parents=True)
        for index in range(count):
            pixels = noise.integers(0, 255, (200, 150), dtype=np.uint8)
            Image.fromarray(pixels).save(folder / label / f"{index}.png")
    (folder / "stone" / "broken.png").write_bytes(b"\x89PNG\r\n\x1a\nno more")
    return folder


def test_a_look_at_a_folder_counts_classes_sizes_and_what_cannot_be_read(images: Path) -> None:
    found = survey(images, IngestConfig())
    assert found.files == {"cyst": 3, "stone": 3}
    assert (found.side, found.size) == (150, 128)
    assert (found.looked_at, found.refused) == (6, 1)


def test_the_file_changes_nothing_until_a_line_is_uncommented(
    project: Project, images: Path
) -> None:
    file, _ = begin_project(project, images)
    assert project.landing.is_dir()
    assert ProjectParams.of(project).changed == {}
    text = file.read_text()
    assert "cyst 3, stone 3" in text
    file.write_text(text.replace("# size: 128", "size: 128").replace("# kimg: 60.0", "kimg: 60.0"))
    params = ProjectParams.of(project)
    assert params.changed == {"preprocess.size": (64, 128), "train.kimg": (24.0, 60.0)}
    require_valid(params)


def test_every_line_of_the_file_may_be_uncommented(project: Project) -> None:
    file, _ = begin_project(project)
    text = "\n".join(line.replace("  # ", "  ", 1) for line in file.read_text().splitlines())
    file.write_text(text)
    assert len(ProjectParams.of(project).changed) >= 5
    require_valid(ProjectParams.of(project))


def test_a_file_that_is_there_is_kept(project: Project) -> None:
    file, _ = begin_project(project)
    with pytest.raises(BadInputError, match="not overwritten"):
        begin_project(project)
    assert file.exists()


def test_the_commands(tmp_path: Path, images: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MEDLOOM_HOME", str(tmp_path))
    run = CliRunner()
    begun = run.invoke(app, ["init", "clinic", "--from", str(images)])
    assert "cyst 3, stone 3" in begun.output
    (tmp_path / "state" / "clinic" / "params.yaml").write_text("train: {seed: 3}\n")
    changed = run.invoke(app, ["--project", "clinic", "params", "diff", "--json"])
    assert '"default": 0' in changed.output
    assert '"in force": 3' in changed.output
    shown = run.invoke(app, ["--project", "clinic", "params", "show", "train.seed"])
    assert "seed of every draw" in shown.output
    assert "changed by" in shown.output
