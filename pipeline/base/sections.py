"""Reading one section of params.yaml, strictly, with all its errors at once.

A stage reads its own section only, so that a change of another stage's parameters is not a change
of its code or its input.
"""

from pathlib import Path
from typing import TypeVar

import yaml
from pydantic import ValidationError

from model.section import Section
from pipeline.base.errors import BadInputError

S = TypeVar("S", bound=Section)


def load_section(file: Path, name: str, kind: type[S]) -> S:
    """The section `name` of `file` as its config class.

    Raises:
        BadInputError: the file is missing or is no YAML, the section is missing, or keys are
            unknown, missing, of the wrong type or out of bounds; every one is named.
    """
    everything = read_yaml(file)
    if name not in everything:
        raise BadInputError(f"{file} has no section {name!r}; its keys are {sorted(everything)}")
    return validate(file, kind, everything[name], prefix=f"{name}.")


def read_yaml(file: Path) -> dict[str, object]:
    """The file as a mapping.

    Raises:
        BadInputError: it is missing, or no YAML, or no mapping.
    """
    try:
        content = yaml.safe_load(file.read_text())
    except FileNotFoundError:
        raise BadInputError(f"{file} is missing; it holds every number of the science") from None
    except yaml.YAMLError as error:
        raise BadInputError(f"{file} is no YAML: {error}") from error
    if not isinstance(content, dict):
        raise BadInputError(f"{file} must hold sections, and holds {type(content).__name__}")
    return content


def validate(file: Path, kind: type[S], content: object, prefix: str = "") -> S:
    """Check `content` against a config class and tell all that is wrong with it."""
    try:
        # YAML has lists where a frozen config has tuples; everything else stays strict.
        return kind.model_validate(_lists_to_tuples(content))
    except ValidationError as error:
        lines = [_explain(prefix, fault) for fault in error.errors()]
        raise BadInputError(
            f"{file} is wrong in {len(lines)} place(s):\n" + "\n".join(lines)
        ) from None


def _lists_to_tuples(value: object) -> object:
    if isinstance(value, list):
        return tuple(_lists_to_tuples(item) for item in value)
    if isinstance(value, dict):
        return {key: _lists_to_tuples(item) for key, item in value.items()}
    return value


def _explain(prefix: str, fault: object) -> str:
    facts = fault if isinstance(fault, dict) else {}
    key = prefix + ".".join(str(part) for part in facts["loc"])
    hint = ""
    if facts["type"] == "float_type" and isinstance(facts["input"], str):
        hint = " (YAML reads 2e-4 as text: write 0.0002 or 2.0e-4)"
    return f"  {key}: {facts['msg']}, got {facts['input']!r}{hint}"
