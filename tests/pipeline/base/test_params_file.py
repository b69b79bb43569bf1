"""Sections: strict, and all errors at once."""

from pathlib import Path

import pytest
from pydantic import Field

from model.section import Section
from pipeline.base.errors import BadInputError
from pipeline.base.params_file import load_section


class Recipe(Section):
    rate: float = Field(0.1, gt=0)
    steps: int = 3
    widths: tuple[int, ...] = (1, 2)


def write(tmp_path: Path, text: str) -> Path:
    file = tmp_path / "params.yaml"
    file.write_text(text)
    return file


def test_lists_become_tuples(tmp_path: Path) -> None:
    file = write(tmp_path, "recipe: {widths: [4, 5], rate: 2.0e-4}")
    assert load_section(file, "recipe", Recipe) == Recipe(widths=(4, 5), rate=0.0002)


def test_a_number_that_yaml_reads_as_text_is_caught(tmp_path: Path) -> None:
    file = write(tmp_path, "recipe: {rate: 2e-4}")
    with pytest.raises(BadInputError, match=r"recipe\.rate.*write 0\.0002"):
        load_section(file, "recipe", Recipe)


def test_every_error_is_named_at_once(tmp_path: Path) -> None:
    file = write(tmp_path, "recipe: {rate: -1.0, steps: 2.5, typo: 1}")
    with pytest.raises(BadInputError) as raised:
        load_section(file, "recipe", Recipe)
    for key in ("3 error(s)", "recipe.rate", "recipe.steps", "recipe.typo"):
        assert key in str(raised.value)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[1, 2]", "must contain sections"),
        ("a: [", "not valid YAML"),
        ("other: {}", "no section 'recipe'"),
    ],
)
def test_a_file_that_is_not_params(tmp_path: Path, text: str, said: str) -> None:
    with pytest.raises(BadInputError, match=said):
        load_section(write(tmp_path, text), "recipe", Recipe)


def test_a_missing_file(tmp_path: Path) -> None:
    with pytest.raises(BadInputError, match="missing"):
        load_section(tmp_path / "params.yaml", "recipe", Recipe)
