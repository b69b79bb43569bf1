"""params.yaml lists every number of the science."""

from pathlib import Path

import yaml
from pydantic import BaseModel

from model.config import Section
from pipeline.params import Params, load_params

FILE = Path(__file__).resolve().parents[2] / "params.yaml"


def missing(kind: type[BaseModel], given: dict[str, object], prefix: str = "") -> list[str]:
    """Fields that the file does not name, nested sections included."""
    found = []
    for name, field in kind.model_fields.items():
        value = given.get(name, ...)
        if value is ...:
            found.append(prefix + name)
        elif isinstance(field.annotation, type) and issubclass(field.annotation, Section):
            assert isinstance(value, dict)
            found += missing(field.annotation, value, f"{prefix}{name}.")
    return found


def test_every_field_is_listed() -> None:
    assert missing(Params, yaml.safe_load(FILE.read_text())) == []


def test_the_file_is_valid_and_says_what_the_code_would_do_without_it() -> None:
    params = load_params(FILE)
    for name, field in Params.model_fields.items():
        assert field.annotation is not None
        assert getattr(params, name) == field.annotation(), name
