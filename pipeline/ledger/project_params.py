"""A project's parameters: the defaults of params.yaml with the project's changes.

The project's file is in its state folder. Each snapshot of the code contains a copy, so that a task
on another machine, whose state folder is empty, uses the same parameters.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Self

import yaml

from pipeline.base.params_file import S, flat, merged, parse_yaml, read_yaml, section_of
from pipeline.base.project import DEFAULT_PARAMS, Project
from pipeline.ledger.ledger import CODE, Ledger
from pipeline.ledger.run import Run

CHANGES_FILE = "params.project.yaml"
"""Name of the project's file in a snapshot of the code."""

_HEADER = (
    "# The defaults of params.yaml with the changes of params.project.yaml beside this file.\n"
)


@dataclass(frozen=True)
class ProjectParams:
    """The parameters in force for one project.

    Attributes:
        changes: the text of the project's file; "" if it has none.
        origin: where that text came from, for messages.
        values: section -> values: the defaults with the changes.
    """

    changes: str
    origin: str
    values: Mapping[str, object]

    @classmethod
    def of(cls, project: Project) -> Self:
        """Read the project's file or, if this machine has none, the ledger's copy.

        Raises:
            BadInputError: a file is not a YAML mapping.
        """
        defaults = read_yaml(DEFAULT_PARAMS)
        changes, origin = _changes_of(project)
        changed = parse_yaml(changes, origin)
        return cls(changes, origin, merged(_defaults_for(changed, defaults), changed))

    def with_emphasis(self, emphasis: Mapping[str, float]) -> Self:
        """These parameters with `train.emphasis` of one training; the project's changes stay."""
        if not emphasis:
            return self
        return replace(self, values=merged(self.values, {"train": {"emphasis": dict(emphasis)}}))

    def section(self, name: str, kind: type[S]) -> S:
        """One section as its config class.

        Raises:
            BadInputError: keys are unknown, of the wrong type or out of bounds.
        """
        return section_of(self.values, name, kind, self.origin)

    @property
    def text(self) -> str:
        """The text of params.yaml for a run's workspace."""
        if not self.changed:
            return DEFAULT_PARAMS.read_text()
        return _HEADER + yaml.safe_dump(dict(self.values), sort_keys=False, allow_unicode=True)

    @property
    def changed(self) -> dict[str, tuple[object, object]]:
        """Dotted name -> (default, value in force), of values that differ from the defaults."""
        return self.differing(read_yaml(DEFAULT_PARAMS))

    def differing(self, others: Mapping[str, object]) -> dict[str, tuple[object, object]]:
        """Dotted name -> (value there, value in force), of values that differ from `others`."""
        before, now = flat(others), flat(self.values)
        names = sorted({*before, *now})
        return {n: (before.get(n), now.get(n)) for n in names if before.get(n) != now.get(n)}


def _defaults_for(changed: Mapping[str, object], defaults: dict[str, object]) -> dict[str, object]:
    """The defaults that a project's changes apply to.

    `train.recipe` of params.yaml is of its own family: another family begins with its own recipe.
    One that enlarges begins without small images, which preprocess would enlarge before it: of
    them it could learn bicubic interpolation alone.
    """
    train, usual = changed.get("train"), defaults.get("train")
    if not isinstance(train, Mapping) or not isinstance(usual, Mapping):
        return defaults
    if train.get("family", usual.get("family")) == usual.get("family"):
        return defaults
    # Only here: most commands need no family.
    from model.families import names
    from model.tasks import task_of

    begun = defaults | {"train": {**usual, "recipe": {}}}
    if train["family"] in names() and task_of(train["family"]).name == "enlarge":
        begun = merged(begun, {"preprocess": {"smaller": "leave_out"}})
    return begun


def params_of_run(ledger: Ledger, key: str) -> dict[str, object]:
    """The parameters of a run.

    Raises:
        BadInputError: the run does not exist.
    """
    run = Run.get(ledger, key)
    return parse_yaml(ledger.read(run.code, "params.yaml") or "", f"params.yaml of run {key}")


def _changes_of(project: Project) -> tuple[str, str]:
    if project.params_file.exists():
        return project.params_file.read_text(), str(project.params_file)
    if "://" in project.ledger or (Path(project.ledger) / "HEAD").exists():
        ledger = Ledger(project)
        head = ledger.head(CODE)
        if head and (text := ledger.read(head, CHANGES_FILE)):
            return text, f"{CHANGES_FILE} in the ledger"
    return "", str(DEFAULT_PARAMS)
