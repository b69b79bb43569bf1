from pathlib import Path

import pytest
from typer.testing import CliRunner

from bench.cli import bench_app
from pipeline.base.errors import BadInputError

runner = CliRunner()


def test_a_data_set_is_made_and_reported(tmp_path: Path) -> None:
    folder = tmp_path / "v"
    words = ["data", "voronoi", str(folder), "--images", "21", "--size", "32"]
    result = runner.invoke(bench_app, words)
    assert result.exit_code == 0, result.output
    assert "40 images of 2 patients in each of 4 classes" in result.stdout
    assert "40 of them new" in result.stdout
    assert len(list(folder.rglob("*.png"))) == 40
    assert "0 of them new" in runner.invoke(bench_app, words).stdout


@pytest.mark.parametrize(
    ("words", "told"),
    [(["shepp"], "choose one of phantom"), (["lumpy", "--size", "33"], "33 px cannot be made")],
)
def test_invalid_data_sets_are_refused_and_make_nothing(
    words: list[str], told: str, tmp_path: Path
) -> None:
    name, *rest = words
    result = runner.invoke(bench_app, ["data", name, str(tmp_path / "x"), *rest])
    assert isinstance(result.exception, BadInputError)
    assert told in str(result.exception)
    assert not (tmp_path / "x").exists()


def test_help_names_every_data_set() -> None:
    shown = runner.invoke(bench_app, ["data", "--help"]).output
    for word in ("phantom", "lumpy", "clustered-lumpy", "voronoi", "truth.json"):
        assert word in shown
