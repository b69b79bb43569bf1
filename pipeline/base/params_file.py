"""Reading params.yaml: one section at a time, strictly validated, with all errors reported at once.

A stage reads only its own section, so it does not depend on the parameters of other stages.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, TypeVar

import yaml
from pydantic import ValidationError

from model.section import Section
from pipeline.base.errors import BadInputError

S = TypeVar("S", bound=Section)


def load_section(file: Path, name: str, kind: type[S]) -> S:
    """Read the section `name` of `file` as its config class.

    Raises:
        BadInputError: the file is missing or not YAML, the section is missing, or keys are
            unknown, missing, of the wrong type or out of bounds; the message names all of them.
    """
    return section_of(read_yaml(file), name, kind, file)


def section_of(values: Mapping[str, object], name: str, kind: type[S], file: Path | str) -> S:
    """The section `name` of a file's content; see `load_section`."""
    if name not in values:
        raise BadInputError(f"{file} has no section {name!r}; its keys are {sorted(values)}")
    return validate(file, kind, values[name], prefix=f"{name}.")


def merged(defaults: Mapping[str, object], changes: Mapping[str, object]) -> dict[str, object]:
    """The defaults with a project's changes: mappings are merged by key, other values replaced."""
    found = dict(defaults)
    for name, value in changes.items():
        before = found.get(name)
        if isinstance(before, Mapping) and isinstance(value, Mapping):
            found[name] = merged(before, value)
        elif not (isinstance(before, Mapping) and value is None):  # all its keys are commented out
            found[name] = value
    return found


def flat(section: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """Nested values by dotted name, such as train.recipe.batch."""
    found: dict[str, Any] = {}
    for name, value in section.items():
        if isinstance(value, Mapping):
            found |= flat(value, f"{prefix}{name}.")
        else:
            found[prefix + name] = value
    return found


def read_yaml(file: Path) -> dict[str, object]:
    """Read a YAML file as a mapping.

    Raises:
        BadInputError: it is missing, not YAML, or not a mapping.
    """
    try:
        text = file.read_text()
    except FileNotFoundError:
        raise BadInputError(f"{file} is missing; it must hold the parameters") from None
    return parse_yaml(text, file)


def parse_yaml(text: str, file: Path | str) -> dict[str, object]:
    """Parse a file's text as a mapping; empty if the file has only comments.

    Raises:
        BadInputError: it is not YAML, or not a mapping.
    """
    try:
        content = yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise BadInputError(f"{file} is not valid YAML: {error}") from error
    if content is None:
        return {}
    if not isinstance(content, dict):
        raise BadInputError(f"{file} must contain sections, but contains {type(content).__name__}")
    return content


def validate(file: Path | str, kind: type[S], content: object, prefix: str = "") -> S:
    """Validate `content` against a config class.

    Raises:
        BadInputError: it is invalid; the message lists every error.
    """
    try:
        # YAML has lists where a frozen config has tuples; everything else stays strict.
        return kind.model_validate(_lists_to_tuples(content))
    except ValidationError as error:
        lines = [_explain(prefix, fault) for fault in error.errors()]
        raise BadInputError(f"{file} has {len(lines)} error(s):\n" + "\n".join(lines)) from None


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
