"""params.yaml lists every parameter with its default."""

from pathlib import Path

import yaml
from pydantic import BaseModel

from model.section import Section
from pipeline.base.params_file import read_yaml, validate
from pipeline.flow.all_params import Params

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
