"""`medloom marks init`, what `generate` says of marks, and `medloom verify-image`."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from typer.testing import CliRunner

from pipeline.base.errors import BadInputError
from pipeline.base.project import Project
from pipeline.cli.main import app
from tests.support.generators import tiny_generator
from tests.support.told import serve

Medloom = Callable[..., Any]


@pytest.fixture
def medloom(project: Project, monkeypatch: pytest.MonkeyPatch) -> Medloom:
    serve(monkeypatch, tiny_generator(("cyst", "stone"), size=64))
    project.state.mkdir(parents=True)
    env = {**project.environment(), "COLUMNS": "200"}
    return lambda *arguments: CliRunner().invoke(app, list(arguments), env=env)


def test_images_are_marked_once_there_are_keys_and_verified(
    medloom: Medloom, project: Project, tmp_path: Path
) -> None:
    ask = ("generate", "--label", "stone", "-n", "2", "-o")
    said = medloom(*ask, str(tmp_path / "before")).output
    assert "; it is neither signed nor watermarked (docs/marks.md)" in said
    made = medloom("marks", "init").output
    assert str(project.marks / "anchor.pem") in made
    assert (project.marks / "watermark.key").read_text().strip() not in made
    assert isinstance(medloom("marks", "init").exception, BadInputError)
    said = medloom(*ask, str(tmp_path / "out")).output
    assert "each file says that it is synthetic, and is signed and is watermarked" in said
    facts = json.loads(medloom(*ask, str(tmp_path / "plain"), "--no-watermark", "--json").output)
    assert (facts["signed"], facts["watermarked"]) == (True, False)
    files = sorted(str(file) for file in (tmp_path / "out").glob("*.png"))
    result = medloom("verify-image", *files)
    assert result.exit_code == 0
    assert "2 of 2 images are what they say they are" in result.output
    with Image.open(files[0]) as image:
        Image.fromarray(np.asarray(image)).save(tmp_path / "bare.png")
    result = medloom("verify-image", str(tmp_path / "bare.png"), files[1], "--json")
    assert result.exit_code == 1
    bare, whole = json.loads(result.output)
    assert (bare["true"], whole["true"]) == (False, True)
    states = {one["mark"]: one["state"] for one in bare["answers"]}
    assert (states["text"], states["watermark"]) == ("absent", "holds")
