"""`medloom generate` and `medloom edit`: what they write and say, with no service up."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from PIL import Image
from typer.testing import CliRunner

from pipeline.base.errors import BadInputError
from pipeline.cli.main import app
from pipeline.local import services
from tests.support.generators import VIEW, tiny_generator
from tests.support.tiny import Tiny
from tests.support.told import serve

Medloom = Callable[..., str]


@pytest.fixture
def medloom(tiny: Tiny, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Medloom:
    monkeypatch.setattr(services, "mlflow", None)
    env = {
        **tiny.project.environment(),
        "MEDLOOM_CACHE": str(tmp_path / "cache"),
        "MEDLOOM_MLFLOW_URI": "",
        "COLUMNS": "200",
    }

    def run(*arguments: str) -> str:
        result = CliRunner().invoke(app, list(arguments), env=env)
        if result.exception:
            raise result.exception
        return result.output

    return run


def test_it_says_which_version_was_drawn_and_where_the_files_are(
    medloom: Medloom, tmp_path: Path
) -> None:
    said = medloom("generate", "--label", "stone", "-n", "2", "-o", str(tmp_path / "out"))
    assert f"2 synthetic stone images of version 2 (champion) in {tmp_path / 'out'}" in said
    assert "showing region trunk (0, 0.14) 0.72; each file says that it is synthetic" in said
    files = sorted((tmp_path / "out").glob("*.png"))
    with Image.open(files[0]) as image:
        assert image.info["SyntheticData"] == "YES"
        marked = json.loads(image.info["medloom"])
        assert (marked["version"], marked["region"]) == (2, "trunk (0, 0.14) 0.72")
    out = ("--version", "previous", "-o", str(tmp_path / "more"), "--json")
    facts = json.loads(medloom("generate", "--label", "stone", "-n", "1", *out))
    assert (facts["version"], facts["aliases"], facts["synthetic"]) == (1, ["previous"], True)
    assert facts["region"] == "trunk (0, 0.14) 0.72"
    assert facts["files"] == [str(file) for file in (tmp_path / "more").glob("*.png")]


def test_the_landing_zone_takes_no_synthetic_images(medloom: Medloom, tiny: Tiny) -> None:
    out = str(tiny.project.landing / "stone")
    with pytest.raises(BadInputError, match="never be trained on"):
        medloom("generate", "--label", "stone", "-o", out)


def test_findings_that_are_asked_for_come_with_their_masks(
    medloom: Medloom, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    serve(monkeypatch, tiny_generator(("cyst", "stone"), ("cyst", "stone")))
    out = tmp_path / "out"
    asked = ("--label", "stone", "--findings", "2", "--size", "3-5px", "--masks", "-o", str(out))
    said = medloom("generate", "-n", "4", *asked)
    assert f"4 synthetic stone images of version 3 (champion) in {out}" in said
    assert f"showing region {VIEW}, asked to show 8 x stone; each file" in said
    facts = json.loads(medloom("generate", "-n", "4", *asked, "--json"))
    assert facts["findings"] == {"stone": 8}
    assert facts["region"] == VIEW
    assert facts["coco"] == str(out / "findings.coco.json")
    assert facts["masks"] == [name.replace(".png", "_mask.png") for name in facts["files"]]
    more = ("--label", "stone", "--layout", str(out), "-o", str(tmp_path / "again"), "--json")
    assert json.loads(medloom("generate", *more))["images"] == 4
    said = medloom("generate", "--label", "stone", "--findings", "0", "-o", str(tmp_path / "none"))
    assert "16 synthetic stone images" in said
    assert "asked to show no findings" in said


def test_a_size_that_cannot_be_read_is_refused(medloom: Medloom, tmp_path: Path) -> None:
    with pytest.raises(BadInputError, match="such as 4px"):
        medloom("generate", "--label", "stone", "--size", "3 to 5", "-o", str(tmp_path))


def test_images_are_edited(
    medloom: Medloom, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = ("--label", "cyst", "-n", "2", "-o", str(tmp_path))
    with pytest.raises(BadInputError, match="of an earlier medloom"):
        medloom("edit", "--towards", "stone", *out)
    serve(monkeypatch, tiny_generator(("cyst", "stone"), family="style"))
    said = medloom("edit", "--towards", "stone", "--amount", "0.5", *out)
    assert "2 synthetic cyst images of version 3 (champion), moved by 0.5 towards stone" in said
    facts = json.loads(medloom("edit", "--direction", "3", *out, "--json"))
    assert (facts["edit"], facts["synthetic"]) == ({"direction": 3, "amount": 1.0}, True)
    assert [Path(file).name for file in facts["files"]] == [
        f"medloom-tiny-v3-cyst-seed0-direction-3-1-0000{index}.png" for index in range(2)
    ]
    with pytest.raises(BadInputError, match="give one of both"):
        medloom("edit", *out)
